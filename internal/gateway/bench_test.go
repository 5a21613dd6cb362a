//go:build integration

package gateway

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

// BenchmarkGateway drives requests through a gateway with client certificates on both sides. Client and origin are as lean as they
// can be, so that a profile shows the gateway: go test -tags integration -run '^$' -bench Gateway -cpuprofile cpu.out.
func BenchmarkGateway(b *testing.B) {
	const header = "Host: x\r\nAccept: application/json\r\nUser-Agent: bench/1.0\r\n"
	get := "GET /track/1Z999AA10123456784 HTTP/1.1\r\n" + header + "\r\n"
	post := func(path string, size int) string {
		body := benchBody(size)
		return fmt.Sprintf("POST %s HTTP/1.1\r\n%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", path, header, len(body), body)
	}
	for _, bc := range []struct{ name, request, mode string }{
		{"pass-through", get, "Report"},
		{"post", post("/plain", 1700), "Report"},
		{"full", post("/rate", 1700), "Redact"},
	} {
		b.Run(bc.name, func(b *testing.B) {
			g := startBench(b, bc.mode)
			b.SetParallelism(16)
			b.ReportAllocs()
			b.ResetTimer()
			before := cpuTime(b)
			b.RunParallel(func(pb *testing.PB) {
				c := g.dial(b)
				defer c.Close()
				in := make([]byte, 16<<10)
				for pb.Next() {
					if err := roundTrip(c, bc.request, in); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64((cpuTime(b)-before).Nanoseconds())/float64(b.N), "cpu-ns/op")
		})
	}
}

// cpuTime is what the process has used, client and origin included: on a busy machine a better measure than the wall's clock.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// benchBody is a rate request of about size bytes, of which the rules of startBench remove four fields.
func benchBody(size int) string {
	const head = `{"shipment":{"shipTo":{"name":"Canarina Personname","phone":"+49-30-5550199","email":"a@b.example",` +
		`"address":{"line":"Street 1","postalCode":"75001","countryCode":"FR"}},"packages":[`
	const item = `{"weight":{"unit":"KGS","value":1.50},"dimensions":{"unit":"CM","length":10,"width":20,"height":30}}`
	n := max(1, (size-len(head))/(len(item)+1))
	return head + strings.TrimSuffix(strings.Repeat(item+",", n), ",") + "]}}"
}

type benchGateway struct {
	address string
	tls     *tls.Config
}

func (g *benchGateway) dial(b *testing.B) net.Conn {
	c, err := tls.Dial("tcp", g.address, g.tls)
	must(b, err)
	return c
}

// roundTrip sends a request and reads its answer, which fits into in and has a length.
func roundTrip(c net.Conn, request string, in []byte) error {
	if _, err := io.WriteString(c, request); err != nil {
		return err
	}
	for n := 0; ; {
		m, err := c.Read(in[n:])
		if err != nil {
			return err
		}
		n += m
		if whole, err := wholeMessage(in[:n]); whole || err != nil {
			return err
		}
	}
}

func wholeMessage(data []byte) (bool, error) {
	head, body, ok := bytes.Cut(data, []byte("\r\n\r\n"))
	if !ok {
		return false, nil
	}
	if bytes.HasPrefix(head, []byte("HTTP/1.1 ")) && !bytes.HasPrefix(head, []byte("HTTP/1.1 200 ")) {
		return false, fmt.Errorf("answer %s", data)
	}
	_, length, ok := bytes.Cut(head, []byte("Content-Length: "))
	if !ok {
		return true, nil
	}
	line, _, _ := bytes.Cut(length, []byte("\r\n"))
	n, err := strconv.Atoi(string(line))
	return len(body) >= n, err
}

// startBench starts a gateway in front of an origin that always says the same.
func startBench(b *testing.B, mode string) *benchGateway {
	ca := newAuthority(b)
	server := func(pair map[string]string) *tls.Config {
		certificate, err := tls.X509KeyPair([]byte(pair["tls.crt"]), []byte(pair["tls.key"]))
		must(b, err)
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM([]byte(ca.pem()))
		return &tls.Config{Certificates: []tls.Certificate{certificate}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: roots, RootCAs: roots}
	}
	origin, err := tls.Listen("tcp", "127.0.0.1:0", server(ca.issue(b, "", named(testHost))))
	must(b, err)
	b.Cleanup(func() { origin.Close() })
	go serveBench(origin)

	dir := b.TempDir()
	paths := Paths{ConfigFile: filepath.Join(dir, "config", "config.json"), ServerTLSDir: filepath.Join(dir, "tls"),
		CarrierTLSDir: filepath.Join(dir, "carrier-tls"), CredentialsDir: filepath.Join(dir, "credentials"), StateDir: filepath.Join(dir, "state")}
	_, port, _ := net.SplitHostPort(origin.Addr().String())
	data, err := json.Marshal(benchConfig(ca, port, mode))
	must(b, err)
	mount(b, filepath.Dir(paths.ConfigFile), map[string]string{"config.json": string(data)})
	mount(b, filepath.Join(paths.CredentialsDir, "main"), map[string]string{"token": "secret"})
	mount(b, paths.ServerTLSDir, ca.issue(b, config.GatewayURI("shop", "bench")))
	mount(b, paths.CarrierTLSDir, ca.issue(b, ""))

	sink, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	must(b, err)
	g, err := New(Options{Paths: paths, TLSAddr: "127.0.0.1:0", AdminAddr: "127.0.0.1:0", MetricsAddr: "127.0.0.1:0",
		Log: slog.New(slog.NewJSONHandler(sink, nil)), Access: sink})
	must(b, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Serve(ctx) }()
	b.Cleanup(func() {
		cancel()
		must(b, <-done)
	})
	for g.clientsAddr.Load() == nil {
		time.Sleep(time.Millisecond)
	}
	return &benchGateway{(*g.clientsAddr.Load()).String(), server(ca.issue(b, config.ClientURI("shop", "bench", "checkout")))}
}

func serveBench(l net.Listener) {
	answer := []byte(fmt.Sprintf("HTTP/1.1 200 OK\r\nServer: bench\r\nDate: Tue, 24 Nov 2026 12:00:00 GMT\r\nContent-Type: application/json\r\n"+
		"Content-Length: %d\r\nConnection: keep-alive\r\n\r\n%s", len(benchBody(1000)), benchBody(1000)))
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			in := make([]byte, 16<<10)
			for n := 0; ; {
				m, err := c.Read(in[n:])
				if err != nil {
					return
				}
				n += m
				if whole, _ := wholeMessage(in[:n]); whole {
					n = 0
					_, _ = c.Write(answer)
				}
			}
		}()
	}
}

func benchConfig(ca *authority, port, mode string) config.Config {
	operation := func(name, method, path string) config.Operation {
		return config.Operation{Name: name, Role: "API", Requests: []config.Request{{Method: method, Path: path}}}
	}
	rate := operation("rate", "POST", "/rate")
	rate.Request = &config.BodyRules{Format: "JSON", Allow: []string{"$.shipment.shipTo", "$.shipment.packages"},
		Remove: []string{"$..phone", "$..email", "$..name", "$..line"}, Require: []string{"$.shipment.shipTo.address.countryCode"}}
	rate.Response = &config.BodyRules{Format: "JSON", Remove: []string{"$..phone", "$..name"}}
	return config.Config{
		Revision: "1", Namespace: "shop", Integration: "bench", Profile: "bench", Environment: "Production",
		Listener:    config.Listener{Mode: config.ListenerMutualTLS},
		Clients:     []config.Client{{Name: "checkout", URI: config.ClientURI("shop", "bench", "checkout"), Operations: []string{"rate", "plain", "track"}}},
		TrustBundle: ca.pem(),
		Endpoints: []config.Endpoint{{Role: "API", URL: "https://" + testHost + ":" + port, Addresses: []string{"127.0.0.1"},
			CABundle: ca.pem()}},
		CarrierClientCertificate: true,
		Authentication: config.Authentication{Type: config.AuthenticationAPIKeyHeaders,
			Headers: []config.SecretHeader{{Name: "Authorization", Key: "token"}}},
		Credentials:      []config.Credential{{Name: "main"}},
		Operations:       []config.Operation{operation("track", "GET", "/track/{number}"), operation("plain", "POST", "/plain"), rate},
		Limits:           []config.Limit{{Name: "all", Requests: 1 << 30, WindowSeconds: 1}},
		MinimizationMode: mode, Replicas: 1, MaxRequestBytes: 1 << 20, TimeoutSeconds: 10,
	}
}

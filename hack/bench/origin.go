package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

const (
	// carrierName is the host name in the carrier's certificate, reserved for tests (RFC 6761).
	carrierName = "carrier.test"
	// bearerToken is what the carrier wants below tokenBase.
	bearerToken = "bench-0123456789abcdef0123456789abcdef"
	openBase    = "/open" // takes any request
	tokenBase   = "/api"  // wants the token
)

// origin is the carrier: nginx with TLS 1.3 that demands a client certificate. Its ports differ in what a proxy makes of them.
type origin struct {
	keepAlive int // the carrier as it should be
	closing   int // ends the connection after each answer
	wrongName int // with the certificate of another host
	wrongCA   int // with a certificate of another authority
	process   *process
	token     *http.Server
	tokenPort int
}

// startOrigin runs nginx on the load generator's core.
func startOrigin(ctx context.Context, e *environment) (*origin, error) {
	ports, err := freePorts(ctx, 4)
	if err != nil {
		return nil, err
	}
	o := &origin{keepAlive: ports[0], closing: ports[1], wrongName: ports[2], wrongCA: ports[3]}
	dir := filepath.Join(e.dir, "origin")
	if err := writeFiles(map[string][]byte{filepath.Join(dir, "label"): download.answer, filepath.Join(dir, "nginx.conf"): o.config(e, dir)}); err != nil {
		return nil, err
	}
	// The worker of nginx runs as another user.
	if err := os.Chmod(filepath.Join(dir, "label"), 0o644); err != nil {
		return nil, err
	}
	o.process, err = startPinned(e.loadCore, filepath.Join(dir, "log"), nil, e.nginx, "-p", dir, "-c", filepath.Join(dir, "nginx.conf"))
	if err != nil {
		return nil, err
	}
	if err := waitFor(ctx, o.process, o.keepAlive); err != nil {
		o.stop()
		return nil, fmt.Errorf("origin: %w", err)
	}
	if err := o.serveTokens(e); err != nil {
		o.stop()
		return nil, fmt.Errorf("token server: %w", err)
	}
	return o, nil
}

func (o *origin) stop() {
	if o.token != nil {
		_ = o.token.Close()
	}
	o.process.stop()
}

// config: large bodies are read whole, by passing them on to a socket, before the answer begins: an answer in the middle of a request
// would cost a proxy its connection. What length was announced to the carrier is told in a header.
func (o *origin) config(e *environment, dir string) []byte {
	socket := filepath.Join(dir, "socket")
	server := func(port int, p pair, keepAlive string) string {
		return fmt.Sprintf(`
  server {
    listen 127.0.0.1:%d ssl;
    ssl_certificate %s; ssl_certificate_key %s;
    ssl_client_certificate %s; ssl_verify_client on;
    keepalive_timeout %s;
    if ($allowed = 0) { return 401; }
    location ~ ^/(api|open)/track/ { add_header X-Received "0"; return 200 '%s'; }
    location ~ ^/(api|open)/rate/v1 { add_header X-Received $content_length; return 200 '%s'; }
    location ~ ^/(api|open)/rate/large { proxy_pass http://unix:%s; }
    location ~ ^/(api|open)/label/ { default_type application/pdf; root %s; try_files /label =404; }
  }`, port, p.cert, p.key, e.ca.caFile(), keepAlive, getSmall.answer, postSmall.answer, socket, dir)
	}
	return fmt.Appendf(nil, `daemon off; worker_processes 1; worker_rlimit_nofile 20000; pid %[1]s/pid; error_log stderr error;
events { worker_connections 8192; }
http {
  access_log off; default_type application/json; server_tokens off; sendfile on;
  client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
  client_body_buffer_size 128k; keepalive_requests 100000000;
  ssl_protocols TLSv1.3; ssl_session_cache shared:tls:8m;
  map "$uri $http_authorization" $allowed { default 0; ~^%[2]s/ 1; "~^%[3]s/[^ ]* Bearer %[4]s$" 1; }
  upstream answers { server unix:%[5]s; }
  server {
    listen unix:%[5]s;
    location / { add_header X-Received $content_length; return 200 '%[6]s'; }
  }%[7]s%[8]s%[9]s%[10]s
}
`, dir, openBase, tokenBase, bearerToken, socket, postLarge.answer,
		server(o.keepAlive, e.carrierPair, "600s"), server(o.closing, e.carrierPair, "0"),
		server(o.wrongName, e.wrongNamePair, "600s"), server(o.wrongCA, e.wrongCAPair, "600s"))
}

// serveTokens is the carrier's OAuth 2.0 endpoint (RFC 6749, section 4.4). It belongs to this process: it is asked once a gateway.
func (o *origin) serveTokens(e *environment) error {
	certificate, err := e.carrierPair.load()
	if err != nil {
		return err
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS13,
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: e.ca.pool()})
	if err != nil {
		return err
	}
	o.tokenPort = l.Addr().(*net.TCPAddr).Port
	o.token = &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, secret, _ := r.BasicAuth(); user != clientID || secret != clientSecret {
			http.Error(w, `{"error":"invalid_client"}`, http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"access_token":%q,"token_type":"Bearer","expires_in":86400}`, bearerToken)
	})}
	go func() { _ = o.token.Serve(l) }()
	return nil
}

// freePorts are ports on loopback that nothing listens on.
func freePorts(ctx context.Context, n int) ([]int, error) {
	ports := make([]int, n)
	for i := range ports {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}

// waitFor waits until a process takes connections.
func waitFor(ctx context.Context, p *process, port int) error {
	address := fmt.Sprintf("127.0.0.1:%d", port)
	for range 400 {
		c, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", address)
		if err == nil {
			return c.Close()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.ended:
			return fmt.Errorf("%s ended at once: %s", p.name, p.lastWords())
		case <-time.After(50 * time.Millisecond):
		}
	}
	return errors.New(p.name + " did not open its port within 20 s: " + p.lastWords())
}

// Package redisserver runs a real Redis on loopback for tests: with a password and over TLS, as a cluster's should be. It needs Debian's
// package redis-server, which hack/devcluster/prereqs.sh installs.
package redisserver

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Name is what the server's certificate is for.
const Name = "redis.shop.svc"

// Server is a Redis that keeps nothing on disk.
type Server struct {
	// Address is ip:port. CAPEM verifies its certificate.
	Address string
	CAPEM   []byte
	// Password of the default user.
	Password string

	t       testing.TB
	dir     string
	process *exec.Cmd
	exited  chan struct{}
}

// Start runs a server until the test ends.
func Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{t: t, dir: t.TempDir(), Password: rand.Text()}
	s.writeCertificate()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	s.must(err)
	s.Address = l.Addr().String()
	s.must(l.Close())
	s.Run()
	t.Cleanup(s.Stop)
	return s
}

// Run starts the server, again after Stop: on the same port, and with nothing in it.
func (s *Server) Run() {
	s.t.Helper()
	host, port, _ := net.SplitHostPort(s.Address)
	s.process = exec.Command("redis-server", "--bind", host, "--port", "0", "--tls-port", port, "--save", "", "--appendonly", "no",
		"--dir", s.dir, "--requirepass", s.Password, "--tls-auth-clients", "no", "--tls-cert-file", s.file("tls.crt"),
		"--tls-key-file", s.file("tls.key"), "--tls-ca-cert-file", s.file("ca.crt"))
	output := &strings.Builder{}
	s.process.Stdout, s.process.Stderr = output, output
	s.must(s.process.Start())
	exited := make(chan struct{})
	s.exited = exited
	go func(p *exec.Cmd) { _ = p.Wait(); close(exited) }(s.process)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.Address)
		cancel()
		if err == nil {
			_ = c.Close()
			return
		}
		select {
		case <-exited:
			s.t.Fatalf("redis-server ended: %s", output)
		default:
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("redis-server does not listen: %v", err)
		}
	}
}

// Stop ends the server at once.
func (s *Server) Stop() {
	_ = s.process.Process.Kill()
	<-s.exited
}

// Freeze keeps the server from answering, without ending connections, until the returned function is called.
func (s *Server) Freeze() (goOn func()) {
	s.t.Helper()
	s.must(freeze(s.process.Process))
	return func() { s.must(thaw(s.process.Process)) }
}

func (s *Server) file(name string) string { return filepath.Join(s.dir, name) }

func (s *Server) writeCertificate() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	s.must(err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: Name}, DNSNames: []string{Name},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	s.must(err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	s.must(err)
	s.CAPEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for name, content := range map[string][]byte{"ca.crt": s.CAPEM, "tls.crt": s.CAPEM,
		"tls.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})} {
		s.must(os.WriteFile(s.file(name), content, 0o600))
	}
}

func (s *Server) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(fmt.Errorf("redis-server: %w", err))
	}
}

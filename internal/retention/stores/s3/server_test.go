//go:build integration

package s3_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// The tests share one versitygw of their own (test/s3server), on a free port of loopback, and take a bucket each. What it has not: lifecycle rules
// and replication.
const (
	root, rootSecret     = "root-key", "root-secret"
	purger, purgerSecret = "purger-key", "purger-secret"
)

var (
	server *gateway
	// otherCA is a CA that the server's certificate is not from.
	otherCA string
	binary  string
)

func TestMain(m *testing.M) {
	code, err := withServer(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, "versitygw:", err)
		code = 1
	}
	os.Exit(code)
}

func withServer(run func() int) (code int, err error) {
	dir, err := os.MkdirTemp("", "purger-s3-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "s3server")
	// Without paths in it, what was compiled once is found in the cache.
	if out, err := exec.Command("go", "build", "-C", "../../../../test/s3server", "-trimpath", "-buildvcs=false", "-o", binary, ".").CombinedOutput(); err != nil {
		return 1, fmt.Errorf("build: %w\n%s", err, out)
	}
	if server, err = newGateway(filepath.Join(dir, "main")); err != nil {
		return 1, err
	}
	defer server.stop()
	other := &gateway{dir: filepath.Join(dir, "other")}
	if err := other.writeCertificates(); err != nil {
		return 1, err
	}
	otherCA = other.ca
	return run(), nil
}

// gateway is a server with a directory of its own.
type gateway struct {
	dir, ca string
	port    int
	process *exec.Cmd
	core    minio.Core
}

const accounts = `{"accessAccounts":{"` + purger + `":{"access":"` + purger + `","secret":"` + purgerSecret + `","role":"user"}}}`

func newGateway(dir string) (*gateway, error) {
	g := &gateway{dir: dir, port: freePort()}
	if err := g.writeCertificates(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(dir, "accounts"), 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "accounts", "users.json"), []byte(accounts), 0o600); err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(g.ca))
	client, err := minio.New("127.0.0.1:"+strconv.Itoa(g.port), &minio.Options{Creds: credentials.NewStaticV4(root, rootSecret, ""), Secure: true, Region: "us-east-1",
		MaxRetries: 1, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}})
	if err != nil {
		return nil, err
	}
	g.core = minio.Core{Client: client}
	return g, g.start()
}

func freePort() int {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

func (g *gateway) start() error {
	file := func(name string) string { return filepath.Join(g.dir, name) }
	g.process = exec.Command(binary, "-dir", g.dir, "-listen", "127.0.0.1:"+strconv.Itoa(g.port), "-cert", file("server.crt"), "-key", file("server.key"))
	g.process.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+root, "ROOT_SECRET_KEY="+rootSecret)
	g.process.Stderr = os.Stderr
	g.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := g.process.Start(); err != nil {
		return err
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		_, err := g.core.ListBuckets(context.Background())
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			g.stop()
			return fmt.Errorf("the server does not come up: %w", err)
		}
	}
}

// stop is as sudden as a server's end can be.
func (g *gateway) stop() {
	_ = g.process.Process.Kill()
	_ = g.process.Wait()
}

// writeCertificates makes a CA and a certificate for 127.0.0.1.
func (g *gateway) writeCertificates() error {
	if err := os.MkdirAll(g.dir, 0o700); err != nil {
		return err
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	if err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "store"}, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, caKey)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	g.ca = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER}))
	for name, block := range map[string]*pem.Block{"server.crt": {Type: "CERTIFICATE", Bytes: leafDER}, "server.key": {Type: "EC PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(filepath.Join(g.dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// bucket is a fresh bucket of one test.
type bucket struct {
	t      *testing.T
	server *gateway
	name   string
	secret string // the files of the store's Secret
}

type flavor struct{ versioned, locked bool }

func newBucket(t *testing.T, g *gateway, f flavor) *bucket {
	t.Helper()
	b := &bucket{t: t, server: g, name: "b-" + strings.ToLower(rand.Text()[:12]), secret: t.TempDir()}
	b.must(g.core.MakeBucket(t.Context(), b.name, minio.MakeBucketOptions{ObjectLocking: f.locked}))
	if f.versioned {
		b.must(g.core.EnableVersioning(t.Context(), b.name))
	}
	for key, value := range map[string]string{"host": "127.0.0.1", "port": strconv.Itoa(g.port), "accessKeyID": root, "secretAccessKey": rootSecret, "region": "us-east-1"} {
		b.write(key, value)
	}
	return b
}

func (b *bucket) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// write a key of the store's Secret.
func (b *bucket) write(key, value string) {
	b.t.Helper()
	b.must(os.WriteFile(filepath.Join(b.secret, key), []byte(value), 0o600))
}

// put puts an object and returns its version.
func (b *bucket) put(key string) string {
	b.t.Helper()
	info, err := b.server.core.Client.PutObject(b.t.Context(), b.name, key, bytes.NewReader([]byte("content")), 7, minio.PutObjectOptions{})
	b.must(err)
	return info.VersionID
}

// age sets the clock of an object's current version.
func (b *bucket) age(key string, at time.Time) {
	b.t.Helper()
	b.must(os.Chtimes(filepath.Join(b.server.dir, "objects", b.name, key), at, at))
}

// remove puts a delete marker above the versions of a key.
func (b *bucket) remove(key string) {
	b.t.Helper()
	b.must(b.server.core.RemoveObject(b.t.Context(), b.name, key, minio.RemoveObjectOptions{}))
}

// left are keys and versions that the store still has, in order.
func (b *bucket) left() []string {
	b.t.Helper()
	all := []string{}
	for o := range b.server.core.ListObjectsIter(context.Background(), b.name, minio.ListObjectsOptions{WithVersions: true, Recursive: true}) {
		b.must(o.Err)
		all = append(all, o.Key+" "+o.VersionID)
	}
	slices.Sort(all)
	return all
}

// Package s3test runs the S3 of the tests: a versitygw of their own (test/s3server), on a free port of loopback. What it has not: lifecycle
// rules and replication.
package s3test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/carrier-operator/carrier-operator/internal/retention/retentiontest"
)

// Keys of the server's logins: one that may do everything, and one that may do what a bucket's policy says.
const (
	Root         = "root-key"
	RootSecret   = "root-secret"
	Purger       = "purger-key"
	PurgerSecret = "purger-secret"
)

// Server has a directory of its own.
type Server struct {
	// CA is the certificate, in PEM, that the server's is from.
	CA   string
	Core minio.Core

	dir, binary string
	port        int
	process     *exec.Cmd
}

const accounts = `{"accessAccounts":{"` + Purger + `":{"access":"` + Purger + `","secret":"` + PurgerSecret + `","role":"user"}}}`

// Build compiles the server into a folder and returns its file.
func Build(dir string) (binary string, err error) {
	_, here, _, _ := runtime.Caller(0)
	binary = filepath.Join(dir, "s3server")
	// Without paths in it, what was compiled once is found in the cache.
	build := exec.CommandContext(context.Background(), "go", "build", "-C", filepath.Join(filepath.Dir(here), "../../../../test/s3server"), "-trimpath", "-buildvcs=false", "-o", binary, ".") //nolint:gosec // a folder of the tests
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return binary, nil
}

// Start starts a server in a folder.
func Start(binary, dir string) (*Server, error) {
	g := &Server{dir: dir, binary: binary, port: freePort()}
	if err := g.writeCertificates(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(dir, "accounts"), 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "accounts", "users.json"), []byte(accounts), 0o600); err != nil {
		return nil, err
	}
	client, err := minio.New("127.0.0.1:"+strconv.Itoa(g.port), &minio.Options{Creds: credentials.NewStaticV4(Root, RootSecret, ""), Secure: true, Region: "us-east-1",
		MaxRetries: 1, Transport: g.Transport()})
	if err != nil {
		return nil, err
	}
	g.Core = minio.Core{Client: client}
	return g, g.Restart()
}

var shared = struct {
	sync.Mutex
	server *Server
}{}

// Shared is one server for all tests of a package that asks for it, in a folder that goes when they end.
func Shared(t *testing.T, dir string) *Server {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil {
		binary, err := Build(dir)
		if err == nil {
			shared.server, err = Start(binary, filepath.Join(dir, "s3"))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return shared.server
}

// Transport trusts the server.
func (g *Server) Transport() *http.Transport {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(g.CA))
	return &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
}

// OtherCA is a CA, in PEM, that no server's certificate is from.
func OtherCA(dir string) (string, error) {
	other := &Server{dir: dir}
	err := other.writeCertificates()
	return other.CA, err
}

func freePort() int {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// Restart starts the server again, after Stop.
func (g *Server) Restart() error {
	file := func(name string) string { return filepath.Join(g.dir, name) }
	g.process = exec.CommandContext(context.Background(), g.binary, "-dir", g.dir, "-listen", "127.0.0.1:"+strconv.Itoa(g.port), "-cert", file("server.crt"), "-key", file("server.key")) //nolint:gosec // files of the tests
	g.process.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+Root, "ROOT_SECRET_KEY="+RootSecret)
	g.process.Stderr = os.Stderr
	g.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := g.process.Start(); err != nil {
		return err
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		_, err := g.Core.ListBuckets(context.Background())
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			g.Stop()
			return fmt.Errorf("the server does not come up: %w", err)
		}
	}
}

// Stop is as sudden as a server's end can be.
func (g *Server) Stop() {
	_ = g.process.Process.Kill()
	_ = g.process.Wait()
}

// writeCertificates makes a CA and a certificate for 127.0.0.1.
func (g *Server) writeCertificates() (err error) {
	if err := os.MkdirAll(g.dir, 0o700); err != nil {
		return err
	}
	g.CA, err = retentiontest.WriteCertificates(g.dir)
	return err
}

// Bucket is a fresh bucket of one test.
type Bucket struct {
	Server *Server
	Name   string
	// Secret is a folder with the keys of the store's Secret.
	Secret string

	t *testing.T
}

// Flavor says what a bucket has; Locked is Object Lock.
type Flavor struct{ Versioned, Locked bool }

// NewBucket makes a bucket.
func (g *Server) NewBucket(t *testing.T, f Flavor) *Bucket {
	t.Helper()
	b := &Bucket{t: t, Server: g, Name: "b-" + strings.ToLower(rand.Text()[:12]), Secret: t.TempDir()}
	b.Must(g.Core.MakeBucket(t.Context(), b.Name, minio.MakeBucketOptions{ObjectLocking: f.Locked}))
	if f.Versioned {
		b.Must(g.Core.EnableVersioning(t.Context(), b.Name))
	}
	for key, value := range map[string]string{"host": "127.0.0.1", "port": strconv.Itoa(g.port), "accessKeyID": Root, "secretAccessKey": RootSecret, "region": "us-east-1"} {
		b.Write(key, value)
	}
	return b
}

// Must fails the test on an error.
func (b *Bucket) Must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// Write writes a key of the store's Secret.
func (b *Bucket) Write(key, value string) {
	b.t.Helper()
	b.Must(os.WriteFile(filepath.Join(b.Secret, key), []byte(value), 0o600))
}

// Read reads a key of the store's Secret.
func (b *Bucket) Read(key string) string {
	b.t.Helper()
	content, err := os.ReadFile(filepath.Join(b.Secret, key))
	b.Must(err)
	return string(content)
}

// Put puts an object and returns its version.
func (b *Bucket) Put(key string) string {
	b.t.Helper()
	info, err := b.Server.Core.Client.PutObject(b.t.Context(), b.Name, key, bytes.NewReader([]byte("content")), 7, minio.PutObjectOptions{})
	b.Must(err)
	return info.VersionID
}

// Age sets the clock of an object's current version.
func (b *Bucket) Age(key string, at time.Time) {
	b.t.Helper()
	b.Must(os.Chtimes(filepath.Join(b.Server.dir, "objects", b.Name, key), at, at))
}

// Remove puts a delete marker above the versions of a key.
func (b *Bucket) Remove(key string) {
	b.t.Helper()
	b.Must(b.Server.Core.RemoveObject(b.t.Context(), b.Name, key, minio.RemoveObjectOptions{}))
}

// Left are keys and versions that the store still has, in order.
func (b *Bucket) Left() []string {
	b.t.Helper()
	all := []string{}
	for o := range b.Server.Core.ListObjectsIter(context.Background(), b.Name, minio.ListObjectsOptions{WithVersions: true, Recursive: true}) {
		b.Must(o.Err)
		all = append(all, o.Key+" "+o.VersionID)
	}
	slices.Sort(all)
	return all
}

// Objects are the contents of the bucket's objects, by key.
func (b *Bucket) Objects() map[string][]byte {
	b.t.Helper()
	all := map[string][]byte{}
	for info := range b.Server.Core.ListObjectsIter(context.Background(), b.Name, minio.ListObjectsOptions{Recursive: true}) {
		b.Must(info.Err)
		object, err := b.Server.Core.Client.GetObject(context.Background(), b.Name, info.Key, minio.GetObjectOptions{})
		b.Must(err)
		all[info.Key], err = io.ReadAll(object)
		b.Must(err)
	}
	return all
}

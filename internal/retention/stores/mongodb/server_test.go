//go:build integration

package mongodb_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/carrier-operator/carrier-operator/internal/retention/retentiontest"
)

// The tests share one FerretDB of their own (test/mongoserver), on free ports of loopback, and take a database each. It stands for MongoDB
// with SCRAM and TLS. What it has not: privileges, views, transactions, replicas.
const (
	superuser     = "super"
	superPassword = "super-password"
	purgerUser    = "purger"
	purgerLogin   = "purger-password"
)

var (
	server *ferret
	// otherCA is a CA that the server's certificate is not from.
	otherCA string
	binary  string
)

func TestMain(m *testing.M) {
	code, err := withServer(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, "FerretDB:", err)
		code = 1
	}
	os.Exit(code)
}

func withServer(run func() int) (code int, err error) {
	dir, err := os.MkdirTemp("", "purger-mongo-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "ferretdb")
	if err := build(dir); err != nil {
		return 1, err
	}
	if server, err = newFerret(filepath.Join(dir, "main")); err != nil {
		return 1, err
	}
	defer server.stop()
	other := &ferret{dir: filepath.Join(dir, "other")}
	if err := other.writeCertificates(); err != nil {
		return 1, err
	}
	otherCA = other.ca
	return run(), nil
}

const module = "../../../../test/mongoserver"

// build compiles the server, in a copy of its module: its program wants a version.txt there that is not part of it.
func build(dir string) error {
	out, err := exec.Command("go", "mod", "download", "-C", module, "-json", "github.com/FerretDB/FerretDB").Output()
	var source struct{ Dir, Version string }
	if err != nil || json.Unmarshal(out, &source) != nil {
		return fmt.Errorf("go mod download: %w\n%s", err, out)
	}
	work := filepath.Join(dir, "source")
	if err := os.CopyFS(work, os.DirFS(source.Dir)); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(work, "build", "version", "version.txt"), []byte(source.Version), 0o600); err != nil {
		return err
	}
	// Without paths in it, what was compiled once is found in the cache.
	out, err = exec.Command("go", "build", "-C", work, "-trimpath", "-buildvcs=false", "-o", binary, "./cmd/ferretdb").CombinedOutput()
	if err != nil {
		return fmt.Errorf("build: %w\n%s", err, out)
	}
	return nil
}

// ferret is a server with a directory of its own.
type ferret struct {
	dir, ca string
	// port speaks TLS, plain does not.
	port, plain int
	args        []string
	process     *exec.Cmd
	client      *mongo.Client
}

func newFerret(dir string, args ...string) (*ferret, error) {
	f := &ferret{dir: dir, port: freePort(), plain: freePort(), args: args}
	if err := f.writeCertificates(); err != nil {
		return nil, err
	}
	if err := f.start(); err != nil {
		return nil, err
	}
	ctx := context.Background()
	for _, source := range []string{"admin", "logins"} {
		err := f.client.Database(source).RunCommand(ctx, bson.D{{Key: "createUser", Value: purgerUser}, {Key: "pwd", Value: purgerLogin + " of " + source}, {Key: "roles", Value: bson.A{}}}).Err()
		if err != nil {
			f.stop()
			return nil, err
		}
	}
	return f, nil
}

func freePort() int {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

func (f *ferret) start() error {
	file := func(name string) string { return filepath.Join(f.dir, name) }
	f.process = exec.Command(binary, append([]string{"--handler=sqlite", "--sqlite-url=file:" + f.dir + "/", "--state-dir=" + f.dir, "--telemetry=disable",
		"--debug-addr=-", "--log-level=ERROR", "--listen-addr=127.0.0.1:" + strconv.Itoa(f.plain), "--listen-tls=127.0.0.1:" + strconv.Itoa(f.port),
		"--listen-tls-cert-file=" + file("server.crt"), "--listen-tls-key-file=" + file("server.key"),
		"--test-enable-new-auth", "--setup-database=admin", "--setup-username=" + superuser, "--setup-password=" + superPassword}, f.args...)...)
	f.process.Stderr = os.Stderr
	f.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := f.process.Start(); err != nil {
		return err
	}
	if f.client == nil {
		client, err := mongo.Connect(options.Client().SetHosts([]string{"127.0.0.1:" + strconv.Itoa(f.plain)}).SetDirect(true).
			SetAuth(options.Credential{Username: superuser, Password: superPassword, AuthSource: "admin"}))
		if err != nil {
			return err
		}
		f.client = client
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for {
		err := f.client.Ping(ctx, nil)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			f.stop()
			return fmt.Errorf("the server does not come up: %w", err)
		}
	}
}

// stop is as sudden as a server's end can be.
func (f *ferret) stop() {
	_ = f.process.Process.Kill()
	_ = f.process.Wait()
}

// writeCertificates makes a CA and a certificate for 127.0.0.1.
func (f *ferret) writeCertificates() (err error) {
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return err
	}
	f.ca, err = retentiontest.WriteCertificates(f.dir)
	return err
}

// database is a fresh database of one test.
type database struct {
	*mongo.Database
	t      *testing.T
	server *ferret
	dir    string // the files of the store's Secret
}

func newDatabase(t *testing.T) *database { return newDatabaseOf(t, server) }

func newDatabaseOf(t *testing.T, f *ferret) *database {
	t.Helper()
	db := &database{t: t, server: f, dir: t.TempDir(), Database: f.client.Database("db_" + rand.Text()[:10])}
	for key, value := range map[string]string{"host": "127.0.0.1", "port": strconv.Itoa(f.port), "database": db.Name(), "username": purgerUser, "password": purgerLogin + " of admin"} {
		db.secret(key, value)
	}
	return db
}

// secret sets a key of the store's Secret.
func (db *database) secret(key, value string) {
	if err := os.WriteFile(filepath.Join(db.dir, key), []byte(value), 0o600); err != nil {
		db.t.Fatal(err)
	}
}

func (db *database) insert(collection string, documents ...bson.D) {
	db.t.Helper()
	if _, err := db.Collection(collection).InsertMany(context.Background(), documents); err != nil {
		db.t.Fatal(err)
	}
}

// documents are those of a collection that meet a condition, as canonical extended JSON, in the order of _id.
func (db *database) documents(collection string, condition bson.D) []string {
	db.t.Helper()
	cursor, err := db.Collection(collection).Find(context.Background(), condition, options.Find().SetSort(bson.D{{Key: "_id", Value: 1}}))
	if err != nil {
		db.t.Fatal(err)
	}
	var all []bson.D
	if err := cursor.All(context.Background(), &all); err != nil {
		db.t.Fatal(err)
	}
	return texts(db.t, all)
}

// count counts the documents of a collection that meet a condition.
func (db *database) count(collection string, condition bson.D) int64 {
	db.t.Helper()
	n, err := db.Collection(collection).CountDocuments(context.Background(), condition)
	if err != nil {
		db.t.Fatal(err)
	}
	return n
}

func texts(t *testing.T, documents []bson.D) []string {
	t.Helper()
	all := []string{}
	for _, document := range documents {
		text, err := bson.MarshalExtJSON(document, true, false)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(text))
	}
	return all
}

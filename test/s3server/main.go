// Command s3server is the S3 of the tests: versitygw, which keeps objects as files below a directory.
package main

import (
	"context"
	"flag"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
)

func main() {
	dir := flag.String("dir", "", "directory of the objects, their versions and the accounts")
	listen := flag.String("listen", "", "host:port to listen at")
	cert := flag.String("cert", "", "file of the TLS certificate; empty: HTTP")
	key := flag.String("key", "", "file of the TLS certificate's key")
	flag.Parse()
	if err := run(*dir, *listen, *cert, *key); err != nil {
		log.Fatal(err)
	}
}

func run(dir, listen, cert, key string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	folder := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"objects", "versions", "accounts", "meta"} {
		if err := os.MkdirAll(folder(name), 0o700); err != nil {
			return err
		}
	}
	// Attributes go into files: not every file system of a test machine has extended ones.
	attributes, err := meta.NewSideCar(folder("meta"))
	if err != nil {
		return err
	}
	store, err := posix.New(folder("objects"), attributes, posix.PosixOpts{VersioningDir: folder("versions"), SideCarDir: folder("meta"), Concurrency: 64})
	if err != nil {
		return err
	}
	return embedgw.RunVersityGW(ctx, store, &embedgw.Config{
		RootUserAccess: os.Getenv("ROOT_ACCESS_KEY"), RootUserSecret: os.Getenv("ROOT_SECRET_KEY"), Ports: []string{listen}, CertFile: cert, KeyFile: key,
		IAMDir: folder("accounts"), IAMCacheDisable: true, MaxConnections: 256, MaxRequests: 128, MultipartMaxParts: 10000, Quiet: true, KeepAlive: true,
	})
}

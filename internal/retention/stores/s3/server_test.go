//go:build integration

package s3_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/carrier-operator/carrier-operator/internal/retention/retentiontest/s3test"
)

// The tests share one server, and take a bucket each.
var (
	server *s3test.Server
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
	if binary, err = s3test.Build(dir); err != nil {
		return 1, err
	}
	if server, err = s3test.Start(binary, filepath.Join(dir, "main")); err != nil {
		return 1, err
	}
	defer server.Stop()
	if otherCA, err = s3test.OtherCA(filepath.Join(dir, "other")); err != nil {
		return 1, err
	}
	return run(), nil
}

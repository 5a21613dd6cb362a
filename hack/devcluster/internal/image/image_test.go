package image

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

func TestFullRef(t *testing.T) {
	tests := []struct{ ref, want string }{
		{ref: "manager:dev", want: "carrier-operator.local/manager:dev"},
		{ref: "carrier-operator/manager:dev", want: "carrier-operator.local/manager:dev"},
		{ref: "carrier-operator.local/manager:dev", want: "carrier-operator.local/manager:dev"},
		{ref: "example.com/a/b:v1", want: "example.com/a/b:v1"},
		{ref: "manager"}, // no tag: the kubelet would take :latest and always pull
		{ref: "Manager:dev"},
		{ref: ""},
	}
	for _, test := range tests {
		if got, err := FullRef(test.ref); got != test.want || (err != nil) != (test.want == "") {
			t.Errorf("%q: got %q (%v), want %q", test.ref, got, err, test.want)
		}
	}
}

func TestWriteTarMakesARunnableReproducibleImage(t *testing.T) {
	dir := t.TempDir()
	binary := filepath.Join(dir, "manager")
	if err := os.WriteFile(binary, []byte("#!not really a program"), 0o755); err != nil {
		t.Fatal(err)
	}
	var digests []string
	for _, file := range []string{filepath.Join(dir, "a.tar"), filepath.Join(dir, "b.tar")} {
		if err := WriteTar(file, Spec{Ref: "carrier-operator.local/manager:dev", Files: []string{binary}}); err != nil {
			t.Fatal(err)
		}
		img, err := tarball.ImageFromPath(file, nil)
		if err != nil {
			t.Fatal(err)
		}
		config, err := img.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		if config.Config.User != "65532:65532" || config.Config.Entrypoint[0] != "/manager" || len(config.RootFS.DiffIDs) != 1 {
			t.Errorf("config %+v", config)
		}
		name, err := img.ConfigName()
		if err != nil {
			t.Fatal(err)
		}
		digests = append(digests, name.String())
	}
	if digests[0] != digests[1] {
		t.Errorf("two builds of the same files differ: %v", digests)
	}
}

func TestWriteTarNamesAMissingBinary(t *testing.T) {
	if err := WriteTar(filepath.Join(t.TempDir(), "a.tar"), Spec{Ref: "a.local/a:b", Files: []string{"/no/such"}}); err == nil {
		t.Error("no error")
	}
}

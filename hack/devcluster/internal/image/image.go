// Package image makes container images out of static binaries, without a container engine.
package image

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"strings"

	"github.com/google/go-containerregistry/pkg/compression"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Registry is the pretended registry in image names. It has a dot, so no tool puts docker.io before
// it, and it does not exist, so nothing can be pulled by mistake.
const Registry = "carrier-operator.local"

const nonRoot = "65532" // the "nonroot" user of distroless images

const hostCAs = "/etc/ssl/certs/ca-certificates.crt"

// A Spec is an image: files from the host, the first of which is run.
type Spec struct {
	Ref   string   // full name with tag
	Files []string // binaries; each becomes /<base name>
}

// FullRef completes a short name: manager:dev is carrier-operator.local/manager:dev.
func FullRef(ref string) (string, error) {
	if first, _, found := strings.Cut(ref, "/"); !found || !strings.ContainsAny(first, ".:") {
		ref = Registry + "/" + strings.TrimPrefix(ref, "carrier-operator/")
	}
	tag, err := name.NewTag(ref, name.StrictValidation)
	if err != nil {
		return "", fmt.Errorf("image %q needs the form NAME:TAG: %w", ref, err)
	}
	return tag.Name(), nil
}

// WriteTar writes the image as an archive that `ctr images import` and `docker load` read.
func WriteTar(file string, spec Spec) error {
	if len(spec.Files) == 0 {
		return errors.New("image: no binary given")
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		reader, writer := io.Pipe()
		go func() { writer.CloseWithError(writeLayer(writer, spec.Files)) }()
		return reader, nil
	}, tarball.WithCompression(compression.None)) // it only travels a few folders: packing costs more than it saves
	if err != nil {
		return err
	}
	img, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return err
	}
	img, err = mutate.ConfigFile(img, &v1.ConfigFile{
		Architecture: runtime.GOARCH, OS: "linux",
		RootFS: rootFS(img),
		Config: v1.Config{
			Entrypoint: []string{"/" + filepath.Base(spec.Files[0])},
			User:       nonRoot + ":" + nonRoot,
			WorkingDir: "/",
			Env:        []string{"PATH=/", "SSL_CERT_FILE=" + hostCAs},
		},
	})
	if err != nil {
		return err
	}
	tag, err := name.NewTag(spec.Ref)
	if err != nil {
		return err
	}
	return tarball.WriteToFile(file, tag, img)
}

func rootFS(img v1.Image) v1.RootFS {
	config, err := img.ConfigFile()
	if err != nil {
		return v1.RootFS{Type: "layers"}
	}
	return config.RootFS
}

// writeLayer writes the root file system; equal input gives equal bytes, hence an equal digest.
func writeLayer(out io.Writer, files []string) error {
	w := tar.NewWriter(out)
	passwd := "root:x:0:0:root:/:/none\nnonroot:x:" + nonRoot + ":" + nonRoot + ":nonroot:/:/none\n"
	small := map[string][]byte{"etc/passwd": []byte(passwd)}
	if bundle, err := os.ReadFile(hostCAs); err == nil {
		small[strings.TrimPrefix(hostCAs, "/")] = bundle
	}
	for _, dir := range []string{"etc/", "etc/ssl/", "etc/ssl/certs/", "tmp/"} {
		mode := int64(0o755)
		if dir == "tmp/" {
			mode = 0o1777
		}
		if err := w.WriteHeader(&tar.Header{Name: dir, Typeflag: tar.TypeDir, Mode: mode}); err != nil {
			return err
		}
	}
	names := make([]string, 0, len(small))
	for n := range small {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		if err := addFile(w, n, 0o644, int64(len(small[n])), bytes.NewReader(small[n])); err != nil {
			return err
		}
	}
	for _, file := range files {
		if err := addBinary(w, file); err != nil {
			return err
		}
	}
	return w.Close()
}

func addBinary(w *tar.Writer, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return addFile(w, filepath.Base(file), 0o755, info.Size(), f)
}

func addFile(w *tar.Writer, name string, mode, size int64, content io.Reader) error {
	if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: mode, Size: size}); err != nil {
		return err
	}
	_, err := io.Copy(w, content)
	return err
}

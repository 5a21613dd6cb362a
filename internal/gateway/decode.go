package gateway

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"

	"github.com/carrier-operator/carrier-operator/internal/minimize"
)

// A compressed answer may be at most this many times larger than what was received, beyond its first mebibyte. JSON compresses by
// 5 to 30; a bomb by 1,000.
const maxRatio = 100

// encodingOf is the Content-Encoding, empty for none, "?" for anything but gzip.
func encodingOf(h http.Header) string {
	switch v := strings.ToLower(strings.TrimSpace(strings.Join(h["Content-Encoding"], ","))); v {
	case "", "identity":
		return ""
	case "gzip", "x-gzip":
		return "gzip"
	default:
		return "?"
	}
}

// decode undoes the encoding of a whole body. Its errors are those of package minimize.
func decode(h http.Header, raw []byte) ([]byte, error) {
	switch encodingOf(h) {
	case "":
		return raw, nil
	case "gzip":
	default:
		return nil, &minimize.Error{Rule: minimize.RuleContentEncoding, Offset: -1, Detail: "the encoding is not decoded here"}
	}
	z, err := newGunzip(bytes.NewReader(raw), maxDecoded)
	if err == nil {
		raw, err = io.ReadAll(z)
	}
	if err != nil {
		return nil, &minimize.Error{Rule: minimize.RuleContentEncoding, Offset: -1, Detail: "the compressed body is broken or expands too far"}
	}
	return raw, nil
}

// gunzipper bounds what comes out of a gzip stream, in bytes and in proportion to what went in.
type gunzipper struct {
	z       *gzip.Reader
	in      counter
	out     int64
	maximum int64
}

type counter struct {
	io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	return n, err
}

var errExpands = &minimize.Error{Rule: minimize.RuleContentEncoding, Offset: -1, Detail: "the compressed body expands too far"}

func newGunzip(r io.Reader, maximum int64) (io.Reader, error) {
	g := &gunzipper{in: counter{Reader: r}, maximum: maximum}
	var err error
	g.z, err = gzip.NewReader(&g.in)
	return g, err
}

func (g *gunzipper) Read(p []byte) (int, error) {
	n, err := g.z.Read(p)
	g.out += int64(n)
	if g.out > g.maximum || g.out > 1<<20+maxRatio*g.in.n {
		return 0, errExpands
	}
	return n, err
}

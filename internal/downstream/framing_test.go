package downstream

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

const post = "POST /x HTTP/1.1\r\nHost: x\r\n"

func TestFramingThatIsRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		request string
		want    error
	}{
		"length and coding":              {post + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", errTwoFramings},
		"coding and length, other cases": {post + "TRANSFER-ENCODING: chunked\r\ncontent-length: 2\r\n\r\n", errTwoFramings},
		"an unknown coding and a length": {post + "Transfer-Encoding: xchunked\r\nContent-Length: 2\r\n\r\n", errTwoFramings},
		"a coding in HTTP/1.0":           {"POST /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", errOldCoding},
		"folded with a space":            {post + "A: 1\r\n 2\r\n\r\n", errFolded},
		"folded with a tab":              {post + "A: 1\r\n\t2\r\n\r\n", errFolded},
		"folded after a bare line feed":  {post + "A: 1\n 2\r\n\r\n", errFolded},
		"a line of spaces":               {post + "A: 1\r\n \r\n\r\n", errFolded},
		"a folded trailer":               {post + "Transfer-Encoding: chunked\r\n\r\n0\r\nA: 1\r\n 2\r\n\r\n", errFolded},
		"a NUL in an extension":          {post + "Transfer-Encoding: chunked\r\n\r\n2;a=\x00\r\n{}\r\n0\r\n\r\n", errExtension},
		"a CR in a chunk's size":         {post + "Transfer-Encoding: chunked\r\n\r\n2\r;a\r\n{}\r\n0\r\n\r\n", errExtension},
		"a second chunk's extension":     {post + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n2;\x7f\r\n{}\r\n0\r\n\r\n", errExtension},
	} {
		t.Run(name, func(t *testing.T) {
			for _, before := range []string{"", post + "\r\n", post + "Content-Length: 3\r\n\r\nabc"} {
				text := before + tc.request
				for size := 1; size <= len(text); size++ {
					if err := feed(&framing{}, text, size); !errors.Is(err, tc.want) {
						t.Fatalf("in parts of %d behind %d bytes: %v", size, len(before), err)
					}
				}
				good, _ := new(framing).follow([]byte(text))
				if again, err := new(framing).follow([]byte(text[:good])); good < len(before) || again != good || err != nil {
					t.Errorf("%q is called good", text[:good])
				}
			}
		})
	}
}

// feed follows text in parts.
func feed(f *framing, text string, size int) error {
	for part := range slices.Chunk([]byte(text), size) {
		if _, err := f.follow(part); err != nil {
			return err
		}
	}
	return nil
}

func TestFramingKnowsWhereRequestsEnd(t *testing.T) {
	for name, requests := range map[string][]string{
		"without a body":       {post + "\r\n"},
		"an empty body":        {post + "Content-Length: 0\r\n\r\n"},
		"a length":             {post + "Content-Length: 4\r\n\r\n\r\n\r\n"},
		"a length twice":       {post + "Content-Length: 1\r\nContent-Length: 1\r\n\r\n{"},
		"chunks":               {post + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\nA ; a=b\r\n0123456789\r\n0\r\n\r\n"},
		"trailers":             {post + "Transfer-Encoding: Chunked\r\n\r\n2\r\n\r\n\r\n0\r\nA: 1\r\nB: 2\r\n\r\n"},
		"one after another":    {post + "\r\n", post + "Content-Length: 2\r\n\r\n{}", post + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", post + "\r\n"},
		"an empty line before": {"\r\n" + post + "\r\n", "\r\n" + post + "\r\n"},
		"lines without a CR":   {"GET / HTTP/1.1\nHost: x\n\n", post + "\r\n"},
		"names that are alike": {post + "Content-Lengths: 9\r\nContent: 1\r\nTE: trailers\r\nTransfer: chunked\r\n\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Join(requests, "")
			for size := 1; size <= len(text); size++ {
				var f framing
				if err := feed(&f, text, size); err != nil || !f.whole() {
					t.Fatalf("in parts of %d: %v, %s", size, err, describe(&f))
				}
			}
			var f framing
			for i, request := range requests {
				for at := range len(request) {
					_, _ = f.follow([]byte(request[at : at+1]))
					if ended := at == len(request)-1; f.whole() != ended && strings.TrimLeft(request[:at+1], "\r\n") != "" {
						t.Fatalf("request %d: whole after %d bytes of %d: %t", i, at+1, len(request), f.whole())
					}
				}
			}
		})
	}
}

func TestFramingThatNetHTTPRefusesIsNotFollowed(t *testing.T) {
	for name, request := range map[string]string{
		"a length that is none":   post + "Content-Length: +2\r\n\r\n{}",
		"two lengths":             post + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ",
		"a coding that is none":   post + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
		"a coding twice":          post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"a size that is none":     post + "Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n",
		"a size without its CR":   post + "Transfer-Encoding: chunked\r\n\r\n2\n{}\r\n0\r\n\r\n",
		"a size of sixteen":       post + "Transfer-Encoding: chunked\r\n\r\n0000000000000002\r\n{}\r\n0\r\n\r\n",
		"a size that is negative": post + "Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			var f framing
			if _, err := f.follow([]byte(request + post + "\r\n")); err != nil || f.whole() || f.phase != unknown {
				t.Errorf("%v, whole %t, phase %d", err, f.whole(), f.phase)
			}
		})
	}
}

// Wherever net/http finds the end of a request, framing finds it, too, or has found a fault, or gave up; and it finds no other.
func FuzzFramingAgreesWithNetHTTP(f *testing.F) {
	f.Add(post + "Content-Length: 2\r\n\r\n{}" + post + "\r\n")
	f.Add(post + "Transfer-Encoding: chunked\r\n\r\n2;a\r\n{}\r\n0\r\nA: 1\r\n\r\n" + post + "\r\n")
	f.Add("GET / HTTP/1.1\nHost: x\n\n" + post + "A:1\r\n b\r\n\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		ends := map[int]bool{}
		source := &counted{r: strings.NewReader(text)}
		for buffered := bufio.NewReader(source); ; {
			r, err := http.ReadRequest(buffered)
			if err != nil {
				break
			}
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				break
			}
			ends[source.n-buffered.Buffered()] = true
		}
		var follow framing
		for at := range len(text) {
			if _, err := follow.follow([]byte(text[at : at+1])); err != nil || follow.phase == unknown {
				return
			}
			if ends[at+1] && !follow.whole() {
				t.Fatalf("net/http ends a request after %d bytes: %s", at+1, describe(&follow))
			}
		}
	})
}

func describe(f *framing) string {
	return fmt.Sprintf("phase %d, begun %t, left %d, line %q", f.phase, f.begun, f.left, f.line)
}

// counted counts what was read.
type counted struct {
	r io.Reader
	n int
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}

package downstream

import (
	"bytes"
	"errors"
	"strconv"
)

// Errors of framing. net/http answers each with 400. They hold nothing that the client sent.
var (
	errTwoFramings = errors.New("a request has Content-Length and Transfer-Encoding (RFC 9112, section 6.1)")
	errOldCoding   = errors.New("a request of HTTP/1.0 has Transfer-Encoding (RFC 9112, section 6.1)")
	errFolded      = errors.New("a header is folded over two lines (RFC 9112, section 5.2)")
	errExtension   = errors.New("a chunk's extension has a control character (RFC 9112, section 7.1.1)")
)

// phase is the part of a request that comes next.
type phase int

const (
	head      phase = iota // lines up to an empty one
	sized                  // left bytes
	chunkSize              // a line
	chunkData              // left bytes, with the end of the line behind them
	trailer                // lines up to an empty one
	unknown                // what net/http refuses, or what it does with it is not known: nothing is followed any more
)

// framing follows requests byte by byte as net/http reads them. It understands no more of them than where they end.
type framing struct {
	phase phase
	line  []byte // the beginning of a line whose end has not come
	left  int64

	// Of the head at hand:
	begun, coded, hasLength, odd, old bool
	length                            int64
}

// whole says whether the bytes so far end with a request.
func (f *framing) whole() bool { return f.phase == head && !f.begun && len(f.line) == 0 }

// follow takes in what came next. If some request's framing is at fault, good is how many bytes come before the line that shows it: net/http answers
// a head that does not end, and nothing where it expects one.
func (f *framing) follow(b []byte) (good int, err error) {
	for at := 0; at < len(b); {
		switch f.phase {
		case unknown:
			return len(b), nil
		case sized, chunkData:
			n := min(f.left, int64(len(b)-at))
			at += int(n)
			if f.left -= n; f.left > 0 {
				continue
			}
			if f.phase == sized {
				f.phase = head
			} else {
				f.phase = chunkSize
			}
		default:
			end := bytes.IndexByte(b[at:], '\n')
			if end < 0 {
				f.line = append(f.line, b[at:]...)
				return len(b), nil
			}
			line := b[at : at+end]
			if len(f.line) > 0 {
				line = append(f.line, line...)
				f.line = nil
			}
			if err := f.take(line); err != nil {
				return at, err
			}
			at += end + 1
		}
	}
	return len(b), nil
}

// take takes in a line, without the line feed at its end.
func (f *framing) take(line []byte) error {
	if f.phase == chunkSize {
		return f.takeSize(line)
	}
	line = bytes.TrimSuffix(line, []byte{'\r'})
	switch {
	case len(line) == 0 && f.phase == trailer:
		f.phase = head
	case len(line) == 0 && f.begun:
		return f.endHead()
	case len(line) == 0: // net/http passes over it, or refuses what follows
	case f.phase == head && !f.begun:
		f.begun = true
		f.old = !bytes.HasSuffix(line, []byte("HTTP/1.1"))
	case line[0] == ' ' || line[0] == '\t':
		return errFolded
	case f.phase == head:
		f.takeHeader(line)
	}
	return nil
}

// takeHeader looks for the headers of framing.
func (f *framing) takeHeader(line []byte) {
	if first := line[0] | 0x20; first != 'c' && first != 't' {
		return
	}
	name, value, _ := bytes.Cut(line, []byte{':'})
	switch {
	case bytes.EqualFold(name, []byte("Content-Length")):
		length, ok := number(bytes.Trim(value, " \t"), 10)
		f.odd = f.odd || !ok || (f.hasLength && length != f.length)
		f.hasLength, f.length = true, length
	case bytes.EqualFold(name, []byte("Transfer-Encoding")):
		f.odd = f.odd || f.coded || !bytes.EqualFold(bytes.Trim(value, " \t"), []byte("chunked"))
		f.coded = true
	}
}

// endHead decides what the body is.
func (f *framing) endHead() error {
	ended := *f
	*f = framing{}
	switch {
	case ended.coded && ended.hasLength:
		return errTwoFramings
	case ended.coded && ended.old:
		return errOldCoding
	case ended.odd:
		f.phase = unknown
	case ended.coded:
		f.phase = chunkSize
	case ended.length > 0:
		f.phase, f.left = sized, ended.length
	}
	return nil
}

// takeSize takes in the line before a chunk.
func (f *framing) takeSize(line []byte) error {
	line, ended := bytes.CutSuffix(line, []byte{'\r'})
	if bytes.ContainsFunc(line, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
		return errExtension
	}
	digits, _, _ := bytes.Cut(line, []byte{';'})
	size, ok := number(bytes.TrimRight(digits, " \t"), 16)
	switch {
	case !ok || !ended:
		f.phase = unknown
	case size == 0:
		f.phase = trailer
	default:
		f.phase, f.left = chunkData, size+int64(len("\r\n"))
	}
	return nil
}

// number reads digits alone, of which there may be fifteen.
func number(digits []byte, base int) (int64, bool) {
	if len(digits) == 0 || len(digits) > 15 || digits[0] == '+' || digits[0] == '-' {
		return 0, false
	}
	n, err := strconv.ParseInt(string(digits), base, 64)
	return n, err == nil
}

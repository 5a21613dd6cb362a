package upstream

import (
	"io"
	"net/http"
	"slices"
	"strconv"
)

// ownHeaders are not taken from a request's header: framing and the connection are this package's.
var ownHeaders = map[string]bool{
	"Host": true, "Content-Length": true, "Transfer-Encoding": true, "Trailer": true, "Te": true,
	"Connection": true, "Keep-Alive": true, "Proxy-Connection": true, "Upgrade": true, "Expect": true,
}

// send writes a request. sent says whether an answer may come although there is an error.
func (cn *conn) send(req *http.Request, body io.ReadCloser) (sent bool, _ error) {
	b := cn.buffers
	var err error
	if b.out, err = b.appendHead(b.out[:0], req, body != nil); err != nil || body == nil {
		closeBody(body)
		if err != nil {
			return false, err
		}
		_, err = cn.tls.Write(b.out)
		return cn.socket.written, err
	}
	if req.ContentLength > inlineBody {
		cn.writing = make(chan error, 1)
		go func() { cn.writing <- cn.sendLarge(body, req.ContentLength) }()
		return true, nil
	}
	defer closeBody(body)
	if err := b.appendBody(body, int(req.ContentLength)); err != nil {
		return false, err
	}
	_, err = cn.tls.Write(b.out)
	return cn.socket.written, err
}

// appendHead appends the request line and the header.
func (b *buffers) appendHead(out []byte, req *http.Request, body bool) ([]byte, error) {
	host := req.Host
	if host == "" {
		host = req.URL.Host
	}
	target := req.URL.RequestURI()
	if !isToken(req.Method) || !isVisible(target) || !isVisible(host) {
		return out, errInvalidRequest
	}
	out = append(append(append(out, req.Method...), ' '), target...)
	out = append(append(append(out, " HTTP/1.1\r\nHost: "...), host...), "\r\n"...)
	b.names = b.names[:0]
	for name := range req.Header {
		if !ownHeaders[name] {
			b.names = append(b.names, name)
		}
	}
	slices.Sort(b.names)
	for _, name := range b.names {
		if !isToken(name) {
			return out, errInvalidRequest
		}
		for _, value := range req.Header[name] {
			if !isFieldValue(value) {
				return out, errInvalidRequest
			}
			out = append(append(append(append(out, name...), ": "...), value...), "\r\n"...)
		}
	}
	switch {
	case body:
		out = append(strconv.AppendInt(append(out, "Content-Length: "...), req.ContentLength, 10), "\r\n"...)
	case req.Method == http.MethodPost || req.Method == http.MethodPut || req.Method == http.MethodPatch:
		out = append(out, "Content-Length: 0\r\n"...) // RFC 9110, section 8.6
	}
	if req.Close {
		out = append(out, "Connection: close\r\n"...)
	}
	return append(out, "\r\n"...), nil
}

// appendBody appends a body to the header, so that both are written at once.
func (b *buffers) appendBody(body io.Reader, length int) error {
	head := len(b.out)
	b.out = slices.Grow(b.out, length)[:head+length]
	if _, err := io.ReadFull(body, b.out[head:]); err != nil {
		return bodyError(err)
	}
	return atEnd(body)
}

// sendLarge writes the header and a body piece by piece, while the answer is waited for. An error of the body ends the connection,
// as the origin would wait for the rest.
func (cn *conn) sendLarge(body io.ReadCloser, length int64) error {
	defer closeBody(body)
	piece := slices.Grow(cn.buffers.out, recordSize-len(cn.buffers.out)%recordSize)
	for left := length; left > 0 || len(piece) > 0; piece = piece[:0] {
		n := int(min(left, int64(cap(piece)-len(piece))))
		filled := len(piece)
		piece = piece[:filled+n]
		if _, err := io.ReadFull(body, piece[filled:]); err != nil {
			_ = cn.socket.Close()
			return &bodyFault{bodyError(err)}
		}
		left -= int64(n)
		if _, err := cn.tls.Write(piece); err != nil {
			return err
		}
	}
	cn.buffers.out = piece
	return atEnd(body)
}

// atEnd checks that a body does not go on.
func atEnd(body io.Reader) error {
	var more [1]byte
	if n, err := io.ReadFull(body, more[:]); n > 0 {
		return errBodyLength
	} else if err != io.EOF { // compared as package io demands
		return err
	}
	return nil
}

// bodyFault is an error of a request's body that ended its connection.
type bodyFault struct{ error }

func (f *bodyFault) Unwrap() error { return f.error }

func bodyError(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF { //nolint:errorlint // as io.ReadFull returns them
		return errBodyLength
	}
	return err
}

// isToken: RFC 9110, section 5.6.2.
func isToken(s string) bool {
	for i := range len(s) {
		if !tokenBytes[s[i]] {
			return false
		}
	}
	return s != ""
}

var tokenBytes = func() (t [256]bool) {
	for c := range t {
		t[c] = '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
	}
	for _, c := range []byte("!#$%&'*+-.^_`|~") {
		t[c] = true
	}
	return t
}()

// isFieldValue: RFC 9110, section 5.5.
func isFieldValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// isVisible accepts what can be neither a separator nor a line break.
func isVisible(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return s != ""
}

package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// target is one request as it is sent again and again, with the length that its answer must have.
type target struct {
	address string
	tls     *tls.Config // nil: plaintext
	request []byte
	length  int
}

// newTarget renders a request. headers are name and value in turn.
func newTarget(address string, config *tls.Config, w workload, base string, headers ...string) target {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s%s HTTP/1.1\r\nHost: %s\r\nAccept: application/json\r\n", w.method, base, w.path, address)
	for i := 0; i+1 < len(headers); i += 2 {
		fmt.Fprintf(&b, "%s: %s\r\n", headers[i], headers[i+1])
	}
	if len(w.body) > 0 {
		fmt.Fprintf(&b, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(w.body))
	}
	b.WriteString("\r\n")
	b.Write(w.body)
	return target{address: address, tls: config, request: b.Bytes(), length: len(w.answer)}
}

// client is one connection. It reads as little of an answer as can tell that it is the right one, so that it costs less than what
// it measures.
type client struct {
	target
	connection net.Conn
	reader     *bufio.Reader
}

// connectionLife ends what hangs. It is set once a connection, since it costs more than it seems; a repetition is much shorter.
const connectionLife = 90 * time.Second

func (t target) dial(ctx context.Context) (*client, error) {
	plain, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", t.address)
	if err != nil {
		return nil, err
	}
	c := &client{target: t, connection: plain}
	if t.tls != nil {
		secure := tls.Client(plain, t.tls)
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, errors.Join(err, plain.Close())
		}
		c.connection = secure
	}
	if err := c.connection.SetDeadline(time.Now().Add(connectionLife)); err != nil {
		return nil, err
	}
	c.reader = bufio.NewReaderSize(c.connection, 32<<10)
	return c, nil
}

func (c *client) close() {
	if c != nil {
		_ = c.connection.Close()
	}
}

var (
	statusOK     = []byte("HTTP/1.1 200 ")
	lengthHeader = []byte("content-length:")
	closeHeader  = []byte("connection: close")
	errClosing   = errors.New("the connection ends after this answer")
)

// do sends the request and checks the answer: status 200 and the length. errClosing comes with an answer that was right.
func (c *client) do() error {
	if _, err := c.connection.Write(c.request); err != nil {
		return err
	}
	line, err := c.reader.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(line, statusOK) {
		return fmt.Errorf("answer %q", bytes.TrimSpace(line))
	}
	length, closing, err := c.readHeader()
	if err != nil {
		return err
	}
	if length != c.length {
		return fmt.Errorf("an answer of %d bytes instead of %d (-1: not told)", length, c.length)
	}
	if _, err = c.reader.Discard(length); err != nil {
		return err
	}
	if closing {
		return errClosing
	}
	return nil
}

// readHeader returns the length of the body, -1 if it is not told, and whether the connection ends after it.
func (c *client) readHeader() (length int, closing bool, err error) {
	length = -1
	for {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return 0, false, err
		}
		line = bytes.TrimRight(line, "\r\n")
		switch {
		case len(line) == 0:
			return length, closing, nil
		case line[0] != 'c' && line[0] != 'C':
		case hasPrefixFold(line, lengthHeader):
			if length, err = strconv.Atoi(string(bytes.TrimSpace(line[len(lengthHeader):]))); err != nil {
				return 0, false, err
			}
		case hasPrefixFold(line, closeHeader):
			closing = true
		}
	}
}

func hasPrefixFold(line, prefix []byte) bool {
	return len(line) >= len(prefix) && bytes.EqualFold(line[:len(prefix)], prefix)
}

// answer is a whole answer.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// fetch sends the request once, on a connection of its own.
func (t target) fetch(ctx context.Context) (*answer, error) {
	c, err := t.dial(ctx)
	if err != nil {
		return nil, err
	}
	defer c.close()
	if _, err := c.connection.Write(t.request); err != nil {
		return nil, err
	}
	response, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return &answer{response.StatusCode, response.Header, body}, err
}

package upstream

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"time"
)

const (
	readerSize   = 8 << 10  // holds the header of most answers
	recordSize   = 16 << 10 // content of a TLS record
	inlineBody   = 32 << 10 // a larger body is written by a goroutine of its own, since the answer may come before its end
	maxRepliesIn = 8        // informational answers before the final one
)

// conn is a connection. It is used by one exchange at a time.
type conn struct {
	client *Client
	socket *socket
	tls    *tls.Conn
	state  tls.ConnectionState

	idleSince time.Time
	probe     [1]byte
	watched   watched // the watch's

	// Of the exchange under way:
	buffers  *buffers
	outgoing outgoing
	attempt  func(uintptr) bool // sendOnce, made once so that it costs no allocation
	answered bool               // a byte of the answer has come
	writing  chan error         // the outcome of a body that is written on the side; nil: there is none
	spoiled  bool               // not to be used again
}

// buffers are what an exchange needs; idle connections have none.
type buffers struct {
	out   []byte
	names []string
	in    *bufio.Reader
	large *bufio.Reader // for a header that does not fit into in; nil: it does
}

var bufferPool = sync.Pool{New: func() any {
	return &buffers{out: make([]byte, 0, 4<<10), names: make([]string, 0, 16), in: bufio.NewReaderSize(nil, readerSize)}
}}

// exchange sends a request and reads the header of its answer. On success the connection is the body's, or back in the pool. With
// errStale, which only a connection from the pool has, the request and its body were not touched.
func (cn *conn) exchange(ctx context.Context, req *http.Request, body io.ReadCloser) (*http.Response, error) {
	cn.begin(ctx)
	send := cn.send
	if !cn.idleSince.IsZero() {
		send = cn.sendIfQuiet
	}
	sent, err := send(req, body)
	if err != nil && !sent {
		cn.finish(false)
		if err == errStale { //nolint:errorlint // as sendIfQuiet returns it
			return nil, err
		}
		return nil, failure(ctx, err)
	}
	res, readErr := cn.receive(req) // also after a failed write: the answer may say why the origin stopped listening
	if readErr != nil {
		if fault, ok := errors.AsType[*bodyFault](cn.writer()); ok {
			readErr = fault
		}
		cn.finish(false)
		return nil, failure(ctx, readErr)
	}
	cn.spoiled = cn.spoiled || err != nil || res.Close || req.Close || res.StatusCode == http.StatusSwitchingProtocols
	res.TLS = &cn.state
	if res.Body == http.NoBody {
		cn.finish(true)
		return res, nil
	}
	res.Body = &responseBody{ReadCloser: res.Body, conn: cn, ctx: ctx}
	return res, nil
}

// begin binds the connection to a context.
func (cn *conn) begin(ctx context.Context) {
	cn.socket.written, cn.answered = false, false
	cn.buffers = bufferPool.Get().(*buffers)
	cn.buffers.in.Reset(cn.tls)
	cn.client.watch.add(ctx, cn)
}

var longAgo = time.Unix(1, 0)

// interrupt ends all reading and writing, for good.
func (cn *conn) interrupt() { _ = cn.socket.SetDeadline(longAgo) }

// finish ends the exchange: the connection goes back to the pool if its answer was read whole and nothing speaks against it.
func (cn *conn) finish(whole bool) {
	reusable := cn.client.watch.remove(cn) && whole && !cn.spoiled
	if cn.writer() != nil {
		reusable = false
	}
	b := cn.buffers
	cn.buffers = nil
	reusable = reusable && b.in.Buffered() == 0 && (b.large == nil || b.large.Buffered() == 0)
	b.release()
	switch {
	case reusable:
		cn.client.pool.put(cn)
	case whole:
		cn.close()
	default:
		_ = cn.socket.Close() // at once: a farewell could wait for the origin
	}
}

// writer ends the writing on the side, if there is any; nil means that the whole body was written.
func (cn *conn) writer() (err error) {
	if cn.writing == nil {
		return nil
	}
	select {
	case err = <-cn.writing:
	default:
		_ = cn.socket.Close()
		err = cmp.Or(<-cn.writing, errUnwritten)
	}
	cn.writing = nil
	return err
}

// repeatable says whether a request that failed on this connection, which had been used before, may be sent again.
func (cn *conn) repeatable(method string) bool {
	if !cn.socket.written {
		return true
	}
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
		return !cn.answered
	}
	return false
}

// sendIfQuiet sends on a kept connection, and waits until something can be read. The question whether the connection is quiet is
// also the first, vain, attempt to read the answer, which saves a system call: what comes after it wakes the wait.
func (cn *conn) sendIfQuiet(req *http.Request, body io.ReadCloser) (sent bool, err error) {
	cn.outgoing = outgoing{req: req, body: body, err: errStale}
	if cn.attempt == nil {
		cn.attempt = cn.sendOnce
	}
	if cn.socket.raw != nil {
		_ = cn.socket.raw.Read(cn.attempt) // the answer's reader meets the same error
	}
	sent, err = cn.outgoing.sent, cn.outgoing.err
	cn.outgoing = outgoing{}
	return sent, err
}

// outgoing are arguments and results of sendOnce.
type outgoing struct {
	req  *http.Request
	body io.ReadCloser
	done bool
	sent bool
	err  error
}

// sendOnce is called before the wait, and once more after it; true ends the wait.
func (cn *conn) sendOnce(uintptr) bool {
	o := &cn.outgoing
	if o.done || !cn.quiet() {
		return true
	}
	o.done = true
	o.sent, o.err = cn.send(o.req, o.body)
	return o.err != nil
}

// quiet says whether an idle connection is open and nothing has come on it. What TLS sends on its own (new session tickets, new
// keys) is taken in.
func (cn *conn) quiet() bool {
	cn.socket.wait = false
	n, err := cn.tls.Read(cn.probe[:])
	cn.socket.wait = true
	return n == 0 && errors.Is(err, os.ErrDeadlineExceeded) && cn.socket.whole()
}

// close ends an idle connection.
func (cn *conn) close() { _ = cn.tls.Close() }

func (b *buffers) release() {
	if cap(b.out) > 2*recordSize {
		b.out = make([]byte, 0, 4<<10)
	}
	clear(b.names)
	b.in.Reset(nil)
	b.large = nil
	bufferPool.Put(b)
}

// responseBody gives the connection back at its end.
type responseBody struct {
	io.ReadCloser
	conn *conn // nil: given back
	ctx  context.Context
	err  error
}

func (b *responseBody) Read(p []byte) (int, error) {
	if b.conn == nil {
		return 0, b.err
	}
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.end(err)
	}
	return n, b.err
}

// Close of a body that was not read to its end also ends the connection: what is left may be endless.
func (b *responseBody) Close() error {
	if b.conn != nil {
		b.end(errClosed)
	}
	return nil
}

func (b *responseBody) end(err error) {
	cn := b.conn
	b.conn, b.err = nil, err
	if err != io.EOF { //nolint:errorlint // compared as package io demands
		b.err = failure(b.ctx, err)
	}
	cn.finish(err == io.EOF) //nolint:errorlint // as above
}

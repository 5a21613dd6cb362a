package downstream

import (
	"context"
	"crypto/tls"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// Conn is a client's connection.
type Conn struct {
	net.Conn // above TLS, if there is any
	socket   syscall.RawConn
	framing  framing
	fault    error
}

// secureConn is a Conn with TLS, which net/http has shake hands because of its methods.
type secureConn struct {
	*Conn
	tls *tls.Conn
}

// HandshakeContext is that of tls.Conn.
func (c *secureConn) HandshakeContext(ctx context.Context) error { return c.tls.HandshakeContext(ctx) }

// ConnectionState is that of tls.Conn.
func (c *secureConn) ConnectionState() tls.ConnectionState { return c.tls.ConnectionState() }

type listener struct {
	net.Listener
	config *tls.Config
}

// NewListener accepts Conns. Without a configuration they have no TLS.
func NewListener(l net.Listener, config *tls.Config) net.Listener { return &listener{l, config} }

// Accept waits for the next client.
func (l *listener) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &Conn{Conn: accepted}
	if s, ok := accepted.(syscall.Conn); ok {
		c.socket, _ = s.SyscallConn()
	}
	if l.config == nil {
		return c, nil
	}
	secure := tls.Server(accepted, l.config)
	c.Conn = secure
	return &secureConn{c, secure}, nil
}

// Read gives net/http what the client sent, up to a fault. It has nothing for net/http's way to wait for the client's leave, which reads one byte
// while a request is handled: the request has ended, and the next one can wait.
func (c *Conn) Read(p []byte) (int, error) {
	switch {
	case c.fault != nil:
		return 0, c.fault
	case len(p) == 1 && c.framing.whole():
		return 0, nil
	}
	n, err := c.Conn.Read(p)
	good, fault := c.framing.follow(p[:n])
	if fault == nil {
		return n, err
	}
	if c.fault = fault; good == 0 {
		return 0, fault
	}
	return good, nil
}

// CloseWrite ends what is written, so that a client can read an answer although it still sends.
func (c *Conn) CloseWrite() error {
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return nil
}

// established is the state TCP_ESTABLISHED of Linux (include/net/tcp_states.h).
const established = 1

// gone says whether the client closed its side of the connection, or the connection is no more.
func (c *Conn) gone() bool {
	if c.socket == nil {
		return false
	}
	state := byte(0)
	err := c.socket.Control(func(fd uintptr) {
		if info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
			state = info.State
		}
	})
	return err != nil || state != established
}

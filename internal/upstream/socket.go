package upstream

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

// socket is the connection below TLS. It knows whether the bytes read so far end with a TLS record, whether any were written, and
// how to read without waiting.
type socket struct {
	net.Conn
	raw  syscall.RawConn // nil: the connection is none of the system's, and cannot be asked
	wait bool

	header  [5]byte // of the record being read
	have    int     // bytes of it
	missing int     // of the record's content

	written bool

	// Of read, which is made once so that it costs no allocation:
	read   func(fd uintptr)
	buffer []byte
	n      int
	err    error
}

func newSocket(c net.Conn) *socket {
	s := &socket{Conn: c, wait: true}
	if sys, ok := c.(syscall.Conn); ok {
		s.raw, _ = sys.SyscallConn()
	}
	s.read = func(fd uintptr) {
		for {
			if s.n, s.err = syscall.Read(int(fd), s.buffer); !errors.Is(s.err, syscall.EINTR) { // the descriptor is non-blocking
				return
			}
		}
	}
	return s
}

// Read implements net.Conn. Without wait it fails with os.ErrDeadlineExceeded instead of waiting; package tls takes that for a
// passing error.
func (s *socket) Read(p []byte) (n int, err error) {
	if s.wait {
		n, err = s.Conn.Read(p)
	} else {
		n, err = s.readNow(p)
	}
	if n > 0 {
		s.advance(p[:n])
	}
	return n, err
}

func (s *socket) readNow(p []byte) (int, error) {
	if s.raw == nil {
		return 0, io.EOF
	}
	s.buffer = p
	err := s.raw.Control(s.read)
	s.buffer = nil
	switch {
	case err != nil:
		return 0, err
	case errors.Is(s.err, syscall.EAGAIN):
		return 0, os.ErrDeadlineExceeded
	case s.err != nil:
		return 0, s.err
	case s.n == 0:
		return 0, io.EOF
	default:
		return s.n, nil
	}
}

// Write implements net.Conn.
func (s *socket) Write(p []byte) (int, error) {
	n, err := s.Conn.Write(p)
	if n > 0 {
		s.written = true
	}
	return n, err
}

// advance follows the framing of TLS records (RFC 8446, section 5.1): type, version, length, content.
func (s *socket) advance(p []byte) {
	for len(p) > 0 {
		if s.missing > 0 {
			n := min(s.missing, len(p))
			s.missing -= n
			p = p[n:]
			continue
		}
		n := copy(s.header[s.have:], p)
		s.have += n
		p = p[n:]
		if s.have == len(s.header) {
			s.missing, s.have = int(s.header[3])<<8|int(s.header[4]), 0
		}
	}
}

// whole says whether the bytes read so far end with a record.
func (s *socket) whole() bool { return s.have == 0 && s.missing == 0 }

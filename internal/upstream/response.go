package upstream

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// receive reads the header of the final answer.
func (cn *conn) receive(req *http.Request) (*http.Response, error) {
	for range maxRepliesIn + 1 {
		in, head, err := cn.readHead()
		if err != nil {
			return nil, err
		}
		if err := checkHead(head); err != nil {
			return nil, err
		}
		res, err := http.ReadResponse(in, req)
		if err != nil { // its text quotes the answer
			return nil, errMalformed
		}
		if res.ProtoMajor != 1 {
			return nil, errMalformed
		}
		if res.StatusCode >= 200 || res.StatusCode == http.StatusSwitchingProtocols {
			return res, nil
		}
		if res.StatusCode < 100 {
			return nil, errMalformed
		}
	}
	return nil, errInformational
}

// readHead waits until a reader holds the whole header, which it returns together with it.
func (cn *conn) readHead() (*bufio.Reader, []byte, error) {
	in := cn.buffers.in
	if cn.buffers.large != nil {
		in = cn.buffers.large
	}
	for seen := 0; ; {
		if in.Buffered() <= seen {
			if _, err := in.Peek(seen + 1); err != nil {
				if in, err = cn.widen(in, err); err != nil {
					return nil, nil, err
				}
				continue
			}
			cn.answered = true
		}
		data, _ := in.Peek(in.Buffered())
		if end := headEnd(data, seen); end > 0 {
			return in, data[:end], nil
		}
		seen = len(data)
	}
}

// widen goes on with a larger reader where the header has filled the usual one.
func (cn *conn) widen(in *bufio.Reader, err error) (*bufio.Reader, error) {
	switch {
	case err == bufio.ErrBufferFull && in == cn.buffers.in: //nolint:errorlint // returned as it is
		cn.buffers.large = bufio.NewReaderSize(in, cn.client.options.MaxHeaderBytes)
		return cn.buffers.large, nil
	case err == bufio.ErrBufferFull: //nolint:errorlint // as above
		return nil, errHeaderSize
	case err != io.EOF: //nolint:errorlint // as above
		return nil, fmt.Errorf("reading the answer: %w", err)
	case in.Buffered() > 0:
		return nil, errBroken
	default:
		return nil, errNoAnswer
	}
}

// headEnd returns the length of a header with its empty line, 0 if data does not hold it whole. The first seen bytes are known
// not to.
func headEnd(data []byte, seen int) int {
	for from := max(0, seen-2); ; {
		i := bytes.IndexByte(data[from:], '\n')
		if i < 0 {
			return 0
		}
		from += i + 1
		switch rest := data[from:]; {
		case bytes.HasPrefix(rest, []byte("\n")):
			return from + 1
		case bytes.HasPrefix(rest, []byte("\r\n")):
			return from + 2
		}
	}
}

// checkHead refuses what net/http.ReadResponse decides in favor of one reading.
func checkHead(head []byte) error {
	lengths, codings := 0, 0
	for line := range bytes.Lines(head) {
		name, _, ok := bytes.Cut(line, []byte(":"))
		if !ok || len(name) < len("content-length") {
			continue
		}
		switch trimmed := string(bytes.TrimSpace(name)); {
		case strings.EqualFold(trimmed, "content-length"):
			lengths++
		case strings.EqualFold(trimmed, "transfer-encoding"):
			codings++
		}
	}
	if lengths > 1 || lengths+codings > 1 {
		return errAmbiguous
	}
	return nil
}

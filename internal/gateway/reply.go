package gateway

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/carrier-operator/carrier-operator/internal/minimize"
)

const (
	maxDecoded   = 16 << 20  // of a response that has rules, decoded
	maxStreamed  = 256 << 20 // of a compressed response that is decoded on its way
	copyBufferSz = 32 << 10
)

var copyBuffers = sync.Pool{New: func() any { return new([copyBufferSz]byte) }}

// reply minimizes the carrier's answer and passes it on.
func (x *exchange) reply() *problem {
	res := x.response
	if !bodyAllowed(x.r.Method, res.StatusCode) {
		if x.operation.response != nil {
			return x.writeHeader(-1, true) // what is said of the body would not be true of the minimized one
		}
		return x.writeHeader(res.ContentLength, false)
	}
	if x.operation.response == nil {
		return x.stream(res.Body, x.mustDecode())
	}
	raw, err := x.readResponse()
	switch {
	case err != nil:
		return carrierBodyProblem(err)
	case len(raw) > maxDecoded && x.mode == minimize.Report:
		x.record.response.Undecodable = minimize.RuleTooLarge
		return x.stream(io.MultiReader(bytes.NewReader(raw), res.Body), false)
	case len(raw) > maxDecoded:
		return newProblem(http.StatusBadGateway, ruleCarrierTooLarge, "the carrier's answer is larger than 16 MiB")
	}
	body, changed, p := x.minimizeResponse(raw)
	if p != nil {
		return p
	}
	if p := x.writeHeader(int64(len(body)), changed); p != nil {
		return p
	}
	n, _ := x.w.Write(body)
	x.record.bytesOut = int64(n)
	return nil
}

// readResponse reads the whole body, or one byte more than may be decoded.
func (x *exchange) readResponse() ([]byte, error) {
	buffer := &x.spare.response.raw
	if n := x.response.ContentLength; n > 0 && n <= spareLimit {
		buffer.Grow(int(n) + bytes.MinRead)
	}
	_, err := buffer.ReadFrom(io.LimitReader(x.response.Body, maxDecoded+1))
	return buffer.Bytes(), err
}

// minimizeResponse decodes and minimizes a whole body. What cannot be decoded does not pass, but in mode Report.
func (x *exchange) minimizeResponse(raw []byte) (body []byte, changed bool, _ *problem) {
	if len(raw) == 0 {
		return raw, false, nil
	}
	res, rules, mode := x.response, x.operation.response, x.responseMode()
	contentType := strings.Join(res.Header["Content-Type"], ", ")
	decoded, err := decode(res.Header, raw)
	if err == nil {
		err = minimize.Decide(contentType, "", rules.format)
	}
	if err == nil {
		message := minimize.Message{Format: rules.format, ContentType: contentType, Body: decoded}
		body, err = rules.program.Append(x.spare.response.minimized[:0], message, mode, &x.record.response)
		x.spare.response.minimized = body
	}
	switch {
	case err != nil && mode == minimize.Report:
		x.record.response.Undecodable = ruleOf(err)
		return raw, false, nil
	case err != nil:
		return nil, false, x.unusable(err)
	case mode == minimize.Report && !x.mustDecode():
		return raw, false, nil
	default:
		return body, !bytes.Equal(body, raw), nil
	}
}

// unusable answers in the carrier's place. An error of the carrier keeps its status, since clients act on it.
func (x *exchange) unusable(err error) *problem {
	p := newProblem(http.StatusBadGateway, ruleResponseUnusable, "the answer was withheld by the rule "+ruleOf(err))
	p.carrierStatus = x.response.StatusCode
	if p.carrierStatus >= 400 {
		p.status = p.carrierStatus
	}
	return p
}

// mustDecode says whether the carrier compressed an answer for a client that did not ask for that.
func (x *exchange) mustDecode() bool {
	if encodingOf(x.response.Header) != "gzip" {
		return false
	}
	for _, value := range x.r.Header["Accept-Encoding"] {
		for item := range strings.SplitSeq(value, ",") {
			coding, parameters, _ := strings.Cut(strings.TrimSpace(item), ";")
			if strings.EqualFold(strings.TrimSpace(coding), "gzip") && !strings.HasPrefix(strings.ReplaceAll(parameters, " ", ""), "q=0") {
				return false
			}
		}
	}
	return true
}

// stream passes a body on as it comes. If it breaks off, so does the answer: the client must not take a part for the whole.
func (x *exchange) stream(body io.Reader, decoding bool) *problem {
	length := x.response.ContentLength
	if decoding {
		z, err := newGunzip(body, maxStreamed)
		if err != nil {
			return newProblem(http.StatusBadGateway, ruleCarrierProtocol, "the carrier's answer is not the gzip that it says it is")
		}
		body, length = z, -1
	}
	if p := x.writeHeader(length, decoding); p != nil {
		return p
	}
	buffer := copyBuffers.Get().(*[copyBufferSz]byte)
	defer copyBuffers.Put(buffer)
	n, err := io.CopyBuffer(struct{ io.Writer }{x.w}, body, buffer[:])
	x.record.bytesOut = n
	if err != nil {
		x.record.rule = ruleCarrierProtocol
		panic(http.ErrAbortHandler)
	}
	return nil
}

// writeHeader answers the carrier's status and header; length -1 means unknown.
func (x *exchange) writeHeader(length int64, changed bool) *problem {
	h := x.w.Header()
	copyResponseHeaders(h, x.response.Header, x.operation.upstream.base.Host)
	if changed {
		h.Del("Content-Encoding")
		for _, name := range bodyHeaders {
			h.Del(name)
		}
	}
	if length >= 0 && (x.response.StatusCode != http.StatusNoContent && x.response.StatusCode != http.StatusNotModified) {
		h.Set("Content-Length", strconv.FormatInt(length, 10))
	}
	x.record.status = x.response.StatusCode
	x.w.WriteHeader(x.response.StatusCode)
	return nil
}

func bodyAllowed(method string, status int) bool {
	return method != http.MethodHead && status != http.StatusNoContent && status != http.StatusNotModified
}

func carrierBodyProblem(err error) *problem {
	if p := carrierProblem(err); p.rule == ruleCarrierTimeout {
		return p
	}
	return newProblem(http.StatusBadGateway, ruleCarrierProtocol, "the carrier's answer broke off")
}

package gateway

import (
	"bytes"
	"errors"
	"net/http"
)

// readBody reads the whole body, at most MaxRequestBytes: only a whole body can be judged, and sent again after a 401.
func (x *exchange) readBody() *problem {
	limit := x.cfg.MaxRequestBytes
	if x.r.ContentLength > limit {
		return x.tooLarge()
	}
	if x.r.ContentLength == 0 || x.r.Body == nil || x.r.Body == http.NoBody {
		return nil
	}
	buffer := &x.spare.request.raw
	if x.r.ContentLength > 0 {
		buffer.Grow(int(x.r.ContentLength) + bytes.MinRead)
	}
	_, err := buffer.ReadFrom(http.MaxBytesReader(x.w, x.r.Body, limit))
	x.body, x.record.bytesIn = buffer.Bytes(), int64(buffer.Len())
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return x.tooLarge()
	case err != nil:
		return newProblem(http.StatusBadRequest, ruleBodyIncomplete, "nothing was sent to the carrier: send the request again")
	}
	return nil
}

func (x *exchange) tooLarge() *problem {
	return newProblem(http.StatusRequestEntityTooLarge, ruleBodyTooLarge, "the body is larger than the integration allows")
}

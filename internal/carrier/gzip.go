package carrier

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
)

// gunzip undoes the encoding of a token response: FedEx compresses without being asked to.
func gunzip(encoding string, body []byte) ([]byte, error) {
	switch strings.ToLower(encoding) {
	case "", "identity":
		return body, nil
	case "gzip", "x-gzip":
	default:
		return nil, errors.New("the answer has a Content-Encoding other than gzip")
	}
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("the answer is not the gzip that it says it is")
	}
	out, err := io.ReadAll(io.LimitReader(z, maxTokenResponse+1))
	if err != nil || len(out) > maxTokenResponse {
		return nil, errors.New("the compressed answer is broken or longer than 64 KiB")
	}
	return out, nil
}

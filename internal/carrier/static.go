package carrier

import (
	"fmt"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

// static sends the same headers with each request: the class APIKeyHeaders, and what Basic comes down to.
type static struct {
	headers []header
}

func (s *static) apply(out *Outgoing) error {
	for _, header := range s.headers {
		out.Header.Set(header.name, header.value)
	}
	return nil
}

func newSecretHeaders(list []config.SecretHeader, c *Credential) (part, error) {
	headers, err := c.headers(list)
	if err == nil && len(headers) == 0 {
		err = fmt.Errorf("credential %s: the Secret has a value for none of the headers", c.Name())
	}
	return &static{headers: headers}, err
}

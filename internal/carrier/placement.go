package carrier

import (
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

// placement puts an access token into requests.
type placement struct {
	header, prefix string // the name is canonical
	bodyPath       string
	prepared       atomic.Pointer[preparedValue]
}

// preparedValue is the header of the token that was put last: tokens are long, and the same one goes into many requests.
type preparedValue struct {
	token  *Token
	values []string // never written to
}

// placementOf is where a class that fetches a token wants it.
func placementOf(a config.Authentication) config.TokenPlacement {
	if a.Login != nil {
		return a.Login.Placement
	}
	return withDefaults(*a.OAuth2).Placement
}

func newPlacement(p config.TokenPlacement) (*placement, error) {
	if (p.Header == "") == (p.BodyPath == "") {
		return nil, errors.New("token placement: one of header and bodyPath is needed")
	}
	if p.BodyPath != "" {
		if _, err := parsePath(p.BodyPath); err != nil {
			return nil, fmt.Errorf("token placement: %w", err)
		}
	}
	return &placement{header: http.CanonicalHeaderKey(p.Header), prefix: p.Prefix, bodyPath: p.BodyPath}, nil
}

func (p *placement) put(out *Outgoing, t *Token) error {
	if p.bodyPath == "" {
		v := p.prepared.Load()
		if v == nil || v.token != t {
			v = &preparedValue{t, []string{p.prefix + t.Value}}
			p.prepared.Store(v)
		}
		out.Header[p.header] = v.values
		return nil
	}
	body, err := setXML(out.Body, p.bodyPath, t.Value)
	if err != nil { // it may quote the body
		return &Failure{Class: FailureUnsuitableRequest, Detail: "the access token belongs into the body at " + p.bodyPath +
			", and the body has no place for it: send an XML document with the elements around it"}
	}
	out.Body = body
	return nil
}

// SecretHeaders are the headers that an authentication sets: what a client sends in them never reaches the carrier.
func SecretHeaders(a config.Authentication) []string {
	var names []string
	for _, h := range a.Headers {
		names = append(names, h.Name)
	}
	if a.Basic != nil {
		names = append(names, "Authorization")
	}
	if a.OAuth2 != nil || a.Login != nil {
		names = append(names, placementOf(a).Header) // empty where the body carries the token
	}
	if a.Chained != nil {
		names = append(names, a.Chained.Header)
	}
	if a.Signing != nil {
		for _, h := range a.Signing.Headers {
			names = append(names, h.Name)
		}
	}
	return names
}

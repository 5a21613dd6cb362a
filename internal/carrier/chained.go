package carrier

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// chained is a second token that is asked for with the first one, at the endpoint API: USPS's payment authorization. It has a state
// of its own, since it lives and fails on its own.
type chained struct {
	header     string
	operations map[string]bool // nil: all need it
	state      *tokenState
	template   tokenRequest
	owner      *fetched
}

// secondRequest is the class of the request: a JSON body that stays the same.
type secondRequest struct{ body []byte }

func (s *secondRequest) write(d *draft, _ time.Time) error {
	d.header.Set("Content-Type", "application/json")
	d.body = s.body
	return nil
}

// firstToken is what a request for a second token authenticates with.
type firstToken struct {
	owner *fetched
	place *placement
	token *Token
}

// renew replaces a first token that the carrier has refused.
func (f *firstToken) renew(ctx context.Context) bool {
	if !f.owner.state.force(ctx, f.owner.request, f.token) {
		return false
	}
	f.token = f.owner.state.current()
	return f.token != nil
}

func newChained(b *Broker, s Spec, owner *fetched) (*chained, error) {
	settings := s.Authentication.Chained
	if s.APIURL == nil || s.APITransport == nil {
		return nil, errors.New("a chained token needs an endpoint of role API")
	}
	if owner.place.header == "" {
		return nil, errors.New("a chained token needs a first token that goes into a header")
	}
	var used []string
	body, err := fill(settings.Template, s.Credential.noting(&used), escapeJSON)
	if err != nil {
		return nil, err
	}
	if !json.Valid([]byte(body)) { // not quoted: it may show a secret
		return nil, errors.New("the template of the chained token's request is not JSON")
	}
	reader, err := newResponseReader(settings.Response, settings.AssumedLifetimeSeconds, false)
	if err != nil {
		return nil, fmt.Errorf("chained token: %w", err)
	}
	target := *s.APIURL
	target.Path, target.RawPath = strings.TrimSuffix(target.Path, "/")+settings.Path, ""
	text, _ := json.Marshal(settings) // plain data always marshals
	c := &chained{header: settings.Header, owner: owner, template: tokenRequest{broker: b, transport: s.APITransport, url: &target,
		class: &secondRequest{[]byte(body)}, reader: reader, certificate: s.ClientCertificate}}
	identity := append([]string{"chained", string(text), target.String()}, owner.request.identity...)
	c.state = b.state(append(identity, used...), target.Host)
	if len(settings.Operations) > 0 {
		c.operations = map[string]bool{}
		for _, name := range settings.Operations {
			c.operations[name] = true
		}
	}
	return c, nil
}

func (c *chained) needed(operation string) bool {
	return c != nil && (c.operations == nil || c.operations[operation])
}

// request asks with a first token.
func (c *chained) request(first *Token) *tokenRequest {
	r := c.template
	r.first = &firstToken{owner: c.owner, place: c.owner.place, token: first}
	r.parent = r.broker.store.key([]string{"first token", first.Value})
	return &r
}

// warm begins to get a second token if there is none for this first one.
func (c *chained) warm(first *Token) { c.state.refresh(c.request(first)) }

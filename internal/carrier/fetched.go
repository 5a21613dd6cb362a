package carrier

import (
	"bytes"
	"context"
)

// fetched puts a token into requests that the broker has obtained. What differs between the classes is in tokenRequest.
type fetched struct {
	credential *Credential
	state      *tokenState
	request    *tokenRequest
	place      *placement
	chained    *chained // nil: one token is enough
	// parts go with the token: they are of the same content of the credential.
	parts []part
	// previous serves while this one has no token yet: a changed credential never interrupts what the old token still covers.
	previous *fetched
}

func newFetched(b *Broker, s Spec, parts []part) (*fetched, error) {
	if err := checkSettings(s); err != nil {
		return nil, err
	}
	r, renewed, err := newTokenRequest(b, s)
	if err != nil {
		return nil, err
	}
	f := &fetched{credential: s.Credential, request: r, state: b.state(r.identity, r.url.Host), parts: parts}
	if f.place, err = newPlacement(placementOf(s.Authentication)); err != nil {
		return nil, err
	}
	if s.Authentication.Chained != nil {
		if f.chained, err = newChained(b, s, f); err != nil {
			return nil, err
		}
		r.then = f.chained.warm
	}
	if renewed {
		f.state.forgive(FailureInvalidGrant)
	}
	f.takeOver(s.Previous)
	return f, nil
}

// takeOver keeps what serves now.
func (f *fetched) takeOver(previous Authenticator) {
	c, ok := previous.(*composite)
	if !ok || c.token == nil {
		return
	}
	p := c.token
	if p.state == f.state { // the same content: only the way there may have changed
		p = p.previous
	}
	if p == nil {
		return
	}
	last := *p
	last.previous = nil // the chain ends here
	f.previous = &last
}

func (f *fetched) apply(ctx context.Context, out *Outgoing) (Grant, error) {
	if p := f.fallback(); p != nil {
		f.warm()
		if g, err := p.put(ctx, out); err == nil {
			g.Source = SourcePrevious
			return g, nil
		}
	}
	return f.put(ctx, out)
}

// put is apply with this content's tokens.
func (f *fetched) put(ctx context.Context, out *Outgoing) (Grant, error) {
	t, source, err := f.state.get(ctx, f.request)
	if err != nil {
		return Grant{}, err
	}
	g := Grant{Source: source, token: t, from: f}
	if f.chained.needed(out.Operation) {
		second, source, err := f.chained.state.get(ctx, f.chained.request(t))
		if err != nil {
			return Grant{}, err
		}
		if g.second = second; source == SourceFresh {
			g.Source = source
		}
		out.Header.Set(f.chained.header, second.Value)
	}
	return g, f.place.put(out, t)
}

// fallback is the previous content, while the present one has no token and that one has.
func (f *fetched) fallback() *fetched {
	p := f.previous
	if p == nil || f.ready() || !p.ready() || !f.mayUse(p) {
		return nil
	}
	return p
}

// mayUse says whether the previous content's token is of use with the present client certificate.
func (f *fetched) mayUse(p *fetched) bool {
	if bytes.Equal(p.request.certificate, f.request.certificate) {
		return true
	}
	t := p.state.current()
	return !f.request.bound && t != nil && checkBinding(t.Value, f.request.certificate) == nil
}

func (f *fetched) ready() bool {
	return f.state.current() != nil && (f.chained == nil || f.chained.state.current() != nil)
}

// renew replaces what the carrier has just refused. It cannot tell which of two tokens it was, so both are.
func (f *fetched) renew(ctx context.Context, g Grant) bool {
	if g.from != f {
		g.from.state.drop(g.token)
		_, _, err := f.state.get(ctx, f.request)
		return err == nil
	}
	changed := f.state.force(ctx, f.request, g.token)
	if g.second != nil {
		if t := f.state.current(); t != nil && f.chained.state.force(ctx, f.chained.request(t), g.second) {
			changed = true
		}
	}
	return changed
}

func (f *fetched) serving() *Credential {
	if p := f.fallback(); p != nil {
		return p.credential
	}
	return f.credential
}

func (f *fetched) failure() *Failure {
	if failure := f.state.lastFailure(); failure != nil || f.chained == nil {
		return failure
	}
	return f.chained.state.lastFailure()
}

// warm begins, in the background, to get what is missing.
func (f *fetched) warm() {
	t := f.state.current()
	switch {
	case t == nil:
		f.state.renewInBackground(f.request)
	case f.chained != nil:
		f.chained.warm(t)
	}
}

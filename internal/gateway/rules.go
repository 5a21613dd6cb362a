package gateway

import (
	"fmt"
	"slices"
	"time"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
	"github.com/carrier-operator/carrier-operator/internal/minimize"
)

// unknownOperation is the name under which requests that match no operation are recorded.
const unknownOperation = "unknown"

// noParameter is a name that no query parameter can have, since it is not UTF-8: an allow-list of it lets nothing pass.
const noParameter = "\xff"

// rules compiles the operations.
func (b *builder) rules() error {
	for i := range b.config.Operations {
		op, err := b.operation(&b.config.Operations[i])
		if err != nil {
			return err
		}
		b.next.operations[op.name] = op
	}
	if !b.config.ForwardUnknownOperations {
		return nil
	}
	c, err := b.credentialOf(unknownOperation)
	b.next.unknown = &operation{name: unknownOperation, upstream: b.next.upstreams["API"], credential: c, query: queryRules(nil)}
	return err
}

func (b *builder) operation(c *config.Operation) (op *operation, err error) {
	op = &operation{name: c.Name, upstream: b.next.upstreams[c.Role], query: queryRules(c.Query)}
	if op.credential, err = b.credentialOf(c.Name); err != nil {
		return nil, err
	}
	if op.headers, err = forwardedHeaders(c, b.config.Authentication); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	if c.Request != nil {
		rules := b.inForce(c.Request)
		if op.request, err = b.compile(c.Request, rules); err != nil {
			return nil, fmt.Errorf("configuration: operation %s, request: %w", c.Name, err)
		}
	}
	if op.purposes, err = b.purposes(c); err != nil {
		return nil, err
	}
	if c.Response != nil {
		rules := b.inForce(c.Response)
		// The floor of an answer is kept, but an answer without it is the carrier's business.
		rules.Exceptions, rules.Require = slices.Concat(rules.Exceptions, rules.Require), nil
		if op.response, err = b.compile(c.Response, rules); err != nil {
			return nil, fmt.Errorf("configuration: operation %s, response: %w", c.Name, err)
		}
	}
	if c.Query != nil {
		for _, name := range c.Query.Allow {
			b.next.vocabulary[name] = true
		}
		for _, f := range c.Query.Force {
			b.next.vocabulary[f.Name] = true
		}
	}
	return op, nil
}

func (b *builder) compile(c *config.BodyRules, r minimize.Rules) (*bodyRules, error) {
	r.Limits.MaxBytes = max(maxDecoded, int(b.config.MaxRequestBytes))
	b.next.vocabulary.add(slices.Concat(r.Allow, r.Remove, r.Require, r.Exceptions)...)
	program, err := minimize.Compile(r)
	return &bodyRules{program: program, format: minimize.Format(c.Format), required: len(r.Require) > 0}, err
}

// inForce are the rules on this day: exceptions that have ended are left out, and the next one to end bounds the snapshot's life.
func (b *builder) inForce(c *config.BodyRules) minimize.Rules {
	r := minimize.Rules{Remove: c.Remove, Require: c.Require}
	for _, e := range c.Embedded {
		r.Embedded = append(r.Embedded, minimize.Embedded{Path: e.Path, Format: minimize.Format(e.Format)})
	}
	ended := map[string]bool{}
	for _, t := range c.AllowUntil {
		end := endOf(t.ExpiresOn)
		if !b.now.Before(end) {
			ended[t.Path] = true
			continue
		}
		r.Exceptions = append(r.Exceptions, t.Path)
		if end.Before(b.next.validUntil) {
			b.next.validUntil = end
		}
	}
	for _, path := range c.Allow {
		if !ended[path] {
			r.Allow = append(r.Allow, path)
		}
	}
	if len(c.Allow) > 0 && len(r.Allow) == 0 { // an empty allow-list would let everything pass
		r.Allow = append(r.Allow, `$['\u0000']`)
	}
	return r
}

// endOf is the first instant after a day (YYYY-MM-DD, UTC). A day that does not parse has ended.
func endOf(day string) time.Time {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return time.Time{}
	}
	return t.AddDate(0, 0, 1)
}

// queryRules: without rules, and without an allow-list in them, no parameter of the client passes.
func queryRules(c *config.QueryRules) *minimize.QueryRules {
	q := &minimize.QueryRules{Allow: []string{noParameter}}
	if c == nil {
		return q
	}
	if len(c.Allow) > 0 {
		q.Allow = c.Allow
	}
	q.Force = map[string]string{}
	for _, f := range c.Force {
		q.Force[f.Name] = f.Value
	}
	return q
}

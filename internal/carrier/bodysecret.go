package carrier

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
	"github.com/carrier-operator/carrier-operator/internal/minimize"
)

// bodySecrets writes credentials into the body of each request: the class BodyCredentials. It comes after minimization, so no rule can
// take the credential away, and what the client wrote at its place, in any spelling that a lenient receiver may take for the same, is
// cut out first.
type bodySecrets struct {
	format minimize.Format
	setter setter
}

// setter writes prepared values into bodies of one format. It returns a changed copy; the error is a *minimize.Error.
type setter interface {
	set(body []byte) ([]byte, error)
}

// place is one place of a body, or of a document in a parameter, and what is written there.
type place struct {
	path  []string
	value string
}

const formatForm minimize.Format = "Form"

func newBodySecrets(b *config.BodySecrets, c *Credential) (part, error) {
	var places []place
	for _, f := range b.Fields {
		path, err := parsePath(f.Path)
		if err != nil {
			return nil, fmt.Errorf("credential in the body: %w", err)
		}
		value, err := c.text(f.Key, f.Optional)
		if err != nil {
			return nil, err
		}
		if value != "" {
			places = append(places, place{path, value})
		}
	}
	if len(places) == 0 {
		return nil, fmt.Errorf("credential %s: the Secret has a value for no field of the body", c.Name())
	}
	format := minimize.Format(b.Format)
	s, err := newSetter(format, places)
	if err != nil {
		return nil, fmt.Errorf("credential in the body: %w", err)
	}
	return &bodySecrets{format: format, setter: s}, nil
}

func newSetter(format minimize.Format, places []place) (setter, error) {
	if err := apart(places); err != nil {
		return nil, err
	}
	switch format {
	case minimize.FormatJSON:
		return newJSONSetter(places)
	case minimize.FormatXML:
		return newXMLSetter(places)
	case formatForm:
		return newFormSetter(places)
	default:
		return nil, fmt.Errorf("format %q is unknown: use JSON, XML or Form", format)
	}
}

// apart refuses places of which one lies in the other.
func apart(places []place) error {
	for i, p := range places {
		for j, q := range places {
			if i != j && len(p.path) <= len(q.path) && slices.Equal(p.path, q.path[:len(p.path)]) {
				return fmt.Errorf("two values at one place: %s and %s", spell(p.path), spell(q.path))
			}
		}
	}
	return nil
}

func (b *bodySecrets) apply(out *Outgoing) error {
	body, err := b.changed(out)
	if err != nil {
		return unsuitable(err)
	}
	out.Body = body
	return nil
}

func (b *bodySecrets) changed(out *Outgoing) ([]byte, error) {
	if len(out.Body) == 0 {
		return nil, &minimize.Error{Rule: minimize.RuleRequiredMissing, Offset: -1,
			Detail: "the carrier takes its credential in the body of the request, which has none: send a body in format " + string(b.format)}
	}
	if err := decideFormat(out, b.format); err != nil {
		return nil, err
	}
	return b.setter.set(out.Body)
}

// decideFormat says whether the body is of the format; the error is a *minimize.Error.
func decideFormat(out *Outgoing, format minimize.Format) error {
	contentType, encoding := out.Header.Get("Content-Type"), out.Header.Get("Content-Encoding")
	if format != formatForm {
		return minimize.Decide(contentType, encoding, format)
	}
	refuse := func(rule, detail string) error { return &minimize.Error{Rule: rule, Offset: -1, Detail: detail} }
	_, parameters, _ := strings.Cut(contentType, ";")
	parameters = strings.ToLower(strings.TrimSpace(parameters))
	switch {
	case encoding != "" && !strings.EqualFold(encoding, "identity"):
		return refuse(minimize.RuleContentEncoding, "the credential goes into the body, which is encoded: send it without Content-Encoding")
	case out.ContentType != "application/x-www-form-urlencoded":
		return refuse(minimize.RuleContentType, "the credential goes into a form: send the body as application/x-www-form-urlencoded")
	case parameters != "" && parameters != "charset=utf-8" && parameters != `charset="utf-8"`:
		return refuse(minimize.RuleCharset, "the credential goes into a form in UTF-8: send it as that")
	}
	return nil
}

// misfit is a request that has no place for the credential: the Failure that Apply promises, and the *minimize.Error behind it.
type misfit struct {
	*Failure
	cause error
}

func (m *misfit) Unwrap() []error { return []error{m.Failure, m.cause} }

// unsuitable turns what keeps a credential out of a request into the failure that the client is told.
func unsuitable(err error) error {
	f := &Failure{Class: FailureUnsuitableRequest, Detail: "the request has no place for the credential"}
	if e, ok := errors.AsType[*minimize.Error](err); ok {
		f.Detail = e.Detail
	}
	return &misfit{f, err}
}

// noPlace is the error for a body whose structure leaves no place for the credential.
func noPlace(path []string, detail string) error {
	return &minimize.Error{Rule: minimize.RuleRequiredMissing, Path: spell(path), Offset: -1, Detail: detail}
}

// spell writes a path so that every name can stand in it.
func spell(path []string) string {
	var b strings.Builder
	b.WriteByte('$')
	for _, name := range path {
		b.WriteString("['" + name + "']")
	}
	return b.String()
}

// maxSetBytes bounds what is read to place a credential, in bytes; the gateway's own limit on bodies is lower.
const maxSetBytes = 64 << 20

// remover cuts out whatever a message holds at the places.
func remover(places []place) (*minimize.Program, error) {
	rules := minimize.Rules{Limits: minimize.Limits{MaxBytes: maxSetBytes}}
	for _, p := range places {
		rules.Remove = append(rules.Remove, spell(p.path))
	}
	return minimize.Compile(rules)
}

// text is the value of a key that can be a part of a text in UTF-8; empty if the key is optional and missing.
func (c *Credential) text(key string, optional bool) (string, error) {
	if optional && len(config.TrimCredential(c.values[key])) == 0 {
		return "", nil
	}
	v, err := c.value(key)
	if err == nil && !utf8.ValidString(v) {
		return "", fmt.Errorf("credential %s: the value under the key %s is not UTF-8", c.name, key)
	}
	return v, err
}

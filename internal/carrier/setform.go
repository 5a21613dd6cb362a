package carrier

import (
	"errors"
	"fmt"
	"net/url"

	"github.com/carrier-operator/carrier-operator/internal/minimize"
)

// formSetter writes values into forms (application/x-www-form-urlencoded), at their end.
type formSetter struct {
	rules    minimize.QueryRules
	addition string
}

func newFormSetter(places []place) (setter, error) {
	s := &formSetter{}
	for _, p := range places {
		if len(p.path) != 1 {
			return nil, fmt.Errorf("path %s: a form has one level: write $['name']", spell(p.path))
		}
		s.rules.Remove = append(s.rules.Remove, p.path[0])
		s.addition = joined(s.addition, parameter(p.path[0], p.value))
	}
	return s, nil
}

func (s *formSetter) set(body []byte) ([]byte, error) {
	kept, err := minimize.MinimizeQuery(string(body), &s.rules, minimize.Redact, nil)
	if err != nil {
		return nil, asForm(err)
	}
	return []byte(joined(kept, s.addition)), nil
}

// asForm says of a form what was said of a query: they have one syntax.
func asForm(err error) error {
	if e, ok := errors.AsType[*minimize.Error](err); ok && e.Rule == minimize.RuleInvalidQuery {
		return &minimize.Error{Rule: minimize.RuleInvalidForm, Offset: e.Offset, Detail: "the form holds a broken escape, or a character that must be percent-encoded"}
	}
	return err
}

func parameter(name, value string) string {
	return url.QueryEscape(name) + "=" + url.QueryEscape(value)
}

// joined puts two parts of a query or form together.
func joined(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "&" + b
}

package carrier

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
	"github.com/carrier-operator/carrier-operator/internal/minimize"
)

// querySecrets writes credentials into the query of each request: the class QueryCredentials. What the client wrote into these
// parameters, in any spelling that a lenient receiver may take for the same, is cut out first.
type querySecrets struct {
	rules    minimize.QueryRules
	addition string
	// documents are parameters of the client that are XML documents, in which a credential has its place.
	documents []xmlParameter
}

type xmlParameter struct {
	name   string
	setter setter
}

func newQuerySecrets(list []config.QuerySecret, c *Credential) (part, error) {
	q := &querySecrets{}
	documents := map[string][]place{}
	for _, s := range list {
		value, err := c.text(s.Key, s.Optional)
		if err != nil {
			return nil, err
		}
		places, document := documents[s.Name]
		if known := slices.Contains(q.rules.Remove, s.Name); known && (s.XMLPath == "" || !document) {
			return nil, fmt.Errorf("credential in the query: the parameter %s is set twice", s.Name)
		} else if !known {
			q.rules.Remove = append(q.rules.Remove, s.Name)
		}
		switch {
		case s.XMLPath != "":
			if documents[s.Name], err = withPlace(places, s.XMLPath, value); err != nil {
				return nil, err
			}
		case value != "":
			q.addition = joined(q.addition, escapedParameter(s.Name, value))
		}
	}
	return q, q.prepare(documents, c)
}

// withPlace adds a value, if there is one, at a place of a document.
func withPlace(places []place, path, value string) ([]place, error) {
	names, err := parsePath(path)
	if err != nil {
		return nil, fmt.Errorf("credential in the query: %w", err)
	}
	if value == "" {
		return places, nil
	}
	return append(places, place{names, value}), nil
}

// prepare makes the setters of parameters that are documents, in the order of the settings.
func (q *querySecrets) prepare(documents map[string][]place, c *Credential) error {
	for _, name := range q.rules.Remove {
		places, document := documents[name]
		if !document {
			continue
		}
		if len(places) == 0 {
			return fmt.Errorf("credential %s: the Secret has no value for the parameter %s", c.Name(), name)
		}
		s, err := newSetter(minimize.FormatXML, places)
		if err != nil {
			return fmt.Errorf("credential in the query, parameter %s: %w", name, err)
		}
		q.documents = append(q.documents, xmlParameter{name, s})
	}
	if q.addition == "" && len(q.documents) == 0 {
		return fmt.Errorf("credential %s: the Secret has a value for no parameter of the query", c.Name())
	}
	return nil
}

func (q *querySecrets) apply(out *Outgoing) error {
	query, err := q.changed(out.RawQuery)
	if err != nil {
		return unsuitable(err)
	}
	out.RawQuery = query
	return nil
}

func (q *querySecrets) changed(query string) (string, error) {
	kept, err := minimize.MinimizeQuery(query, &q.rules, minimize.Redact, nil)
	if err != nil {
		return "", err
	}
	for _, d := range q.documents {
		value, err := d.filled(query)
		if err != nil {
			return "", err
		}
		kept = joined(kept, escapedParameter(d.name, value))
	}
	return joined(kept, q.addition), nil
}

// filled is the client's document with the credential in its places.
func (d *xmlParameter) filled(query string) (string, error) {
	refuse := func(detail string) error {
		return &minimize.Error{Rule: minimize.RuleRequiredMissing, Path: "?" + d.name, Offset: -1, Detail: detail}
	}
	var documents []string
	for part := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(part, "=")
		if decoded, err := url.QueryUnescape(name); err != nil || decoded != d.name {
			continue
		}
		document, err := url.QueryUnescape(value)
		if err != nil {
			return "", refuse("the credential goes into this parameter's document, which holds a broken percent escape")
		}
		documents = append(documents, document)
	}
	switch {
	case len(documents) > 1:
		return "", refuse("the credential goes into this parameter's document, which is given more than once: send one")
	case len(documents) == 0 || documents[0] == "":
		return "", refuse("the credential goes into this parameter, which the request lacks: send the XML document without the credential")
	}
	filled, err := d.setter.set([]byte(documents[0]))
	return string(filled), err
}

// escapedParameter is one parameter of a query. A blank is %20, which every server reads as one; some take a plus sign for itself.
func escapedParameter(name, value string) string {
	return strings.ReplaceAll(parameter(name, value), "+", "%20")
}

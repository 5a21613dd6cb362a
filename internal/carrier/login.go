package carrier

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

// Formats of login requests.
const (
	loginJSON    = "JSON"
	loginForm    = "Form"
	loginHeaders = "Headers"
	loginXML     = "XML"
)

// login is the class Login: a request of the carrier's own design that brings a token. It is the same each time; its secret headers
// are those of all token requests.
type login struct {
	contentType string
	body        []byte
}

func newLogin(s *config.Login, c *Credential) (*login, error) {
	fields := url.Values{}
	if len(s.Scopes) > 0 {
		fields.Set("scope", strings.Join(s.Scopes, " "))
	}
	if err := parameters(fields, s.Parameters, c); err != nil {
		return nil, err
	}
	switch s.Format {
	case loginJSON:
		object, err := nested(fields)
		if err != nil {
			return nil, err
		}
		body, err := json.Marshal(object)
		return &login{"application/json", body}, err
	case loginForm:
		return &login{"application/x-www-form-urlencoded", []byte(fields.Encode())}, nil
	case loginHeaders:
		if len(s.TokenRequestHeaders) == 0 {
			return nil, errors.New("a login by headers needs tokenRequestHeaders")
		}
		return &login{}, nil
	case loginXML:
		body, err := fill(s.Template, c, escapeXML)
		if err != nil {
			return nil, err
		}
		if _, err := parseXML([]byte(body)); err != nil { // not quoted: it may show the secret
			return nil, errors.New("the template of the login is not an XML document")
		}
		return &login{s.ContentType, []byte(body)}, nil
	default:
		return nil, fmt.Errorf("login format %q is unknown: use JSON, Form, Headers or XML", s.Format)
	}
}

func (l *login) write(d *draft, _ time.Time) error {
	if l.contentType != "" {
		d.header.Set("Content-Type", l.contentType)
	}
	if strings.HasPrefix(l.contentType, "text/xml") { // SOAP 1.1, section 6.1.1, demands it; empty: the URL says it all
		d.header.Set("SOAPAction", `""`)
	}
	d.body = l.body
	return nil
}

// nested makes a JSON object of fields: a '.' in a name makes objects inside.
func nested(fields url.Values) (map[string]any, error) {
	root := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		at := root
		names := strings.Split(name, ".")
		for _, outer := range names[:len(names)-1] {
			if at[outer] == nil {
				at[outer] = map[string]any{}
			}
			inside, ok := at[outer].(map[string]any)
			if !ok {
				return nil, fmt.Errorf("the parameter %s goes into %s, which is a value itself", name, outer)
			}
			at = inside
		}
		last := names[len(names)-1]
		if at[last] != nil {
			return nil, fmt.Errorf("the parameter %s is an object and a value at once", name)
		}
		at[last] = fields.Get(name)
	}
	return root, nil
}

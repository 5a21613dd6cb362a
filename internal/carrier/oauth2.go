package carrier

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

// Ways in which a token request shows its client.
const (
	clientBasic       = "Basic"
	clientForm        = "Form"
	clientJSON        = "JSON"
	clientQuery       = "Query"
	clientPrivateKey  = "PrivateKeyJWT"
	clientCertificate = "ClientCertificate"
	clientNone        = "None"
)

// oauth2 are the token requests of RFC 6749: the client credentials grant (section 4.4), and what the password and refresh grants
// share with it.
type oauth2 struct {
	settings  config.OAuth2
	fields    url.Values // those that are the same in each request
	id        string
	secret    string
	assertion *assertion
}

func newOAuth2(s config.OAuth2, c *Credential, tokenURL *url.URL) (*oauth2, error) {
	o := &oauth2{settings: s, fields: url.Values{s.FieldNames.GrantType: {s.GrantType}}}
	if len(s.Scopes) > 0 {
		o.fields.Set(s.FieldNames.Scope, strings.Join(s.Scopes, " "))
	}
	if err := o.client(c, tokenURL); err != nil {
		return nil, err
	}
	return o, parameters(o.fields, s.Parameters, c)
}

// client reads what shows the client.
func (o *oauth2) client(c *Credential, tokenURL *url.URL) (err error) {
	kind := o.settings.ClientAuthentication
	known := []string{clientBasic, clientForm, clientJSON, clientQuery, clientPrivateKey, clientCertificate, clientNone}
	if !slices.Contains(known, kind) {
		return fmt.Errorf("client authentication %q is unknown: use one of %s", kind, strings.Join(known, ", "))
	}
	if kind == clientNone {
		return nil
	}
	if o.id, err = c.value(o.settings.ClientIDKey); err != nil {
		return err
	}
	if kind != clientBasic {
		o.fields.Set(o.settings.FieldNames.ClientID, o.id)
	}
	switch kind {
	case clientPrivateKey:
		o.assertion, err = newAssertion(o.settings.PrivateKeyJWT, c, o.id, tokenURL)
		return err
	case clientCertificate:
		return nil
	}
	o.secret, err = c.value(o.settings.ClientSecretKey)
	if kind != clientBasic {
		o.fields.Set(o.settings.FieldNames.ClientSecret, o.secret)
	}
	return err
}

// parameters adds the further fields of a token request, in place of those of the same name.
func parameters(fields url.Values, list []config.TokenParameter, c *Credential) error {
	for _, p := range list {
		value := p.Value
		if p.Key != "" {
			if p.Optional && c.empty(p.Key) {
				continue
			}
			var err error
			if value, err = c.value(p.Key); err != nil {
				return err
			}
		}
		fields.Set(p.Name, value)
	}
	return nil
}

// write makes the request. With Basic, ID and secret are form-encoded first, as RFC 6749, section 2.3.1 demands.
func (o *oauth2) write(d *draft, now time.Time) error {
	fields := maps.Clone(o.fields)
	switch o.settings.ClientAuthentication {
	case clientBasic:
		pair := url.QueryEscape(o.id) + ":" + url.QueryEscape(o.secret)
		d.header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(pair)))
	case clientPrivateKey:
		signed, err := o.assertion.sign(now)
		if err != nil {
			return err
		}
		fields.Set("client_assertion_type", assertionType)
		fields.Set("client_assertion", signed)
	}
	if d.refreshToken != "" {
		fields.Set(o.settings.FieldNames.RefreshToken, d.refreshToken)
	}
	switch o.settings.ClientAuthentication {
	case clientJSON:
		return d.json(fields)
	case clientQuery:
		d.query = fields.Encode()
	default:
		d.form(fields)
	}
	return nil
}

// form makes fields the body, application/x-www-form-urlencoded.
func (d *draft) form(fields url.Values) {
	d.header.Set("Content-Type", "application/x-www-form-urlencoded")
	d.body = []byte(fields.Encode())
}

// json makes fields the members of one JSON object.
func (d *draft) json(fields url.Values) (err error) {
	object := map[string]string{}
	for name := range fields {
		object[name] = fields.Get(name)
	}
	d.header.Set("Content-Type", "application/json")
	d.body, err = json.Marshal(object)
	return err
}

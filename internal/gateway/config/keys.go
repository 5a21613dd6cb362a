package config

import (
	"slices"

	"github.com/carrier-operator/carrier-operator/internal/placeholder"
)

// Key is a key of a credential's Secret.
type Key struct {
	Name string
	// Optional: the authentication does without it.
	Optional bool
}

// Keys that the authentication takes out of a credential's Secret, each once, in the order in which they are needed.
func (a *Authentication) Keys() []Key {
	var keys keyList
	if o := a.OAuth2; o != nil {
		keys.add(o.ClientIDKey, o.ClientSecretKey)
		if o.PrivateKeyJWT != nil {
			keys.add(o.PrivateKeyJWT.KeyKey, o.PrivateKeyJWT.KeyIDKey)
		}
		keys.add(o.UsernameKey, o.PasswordKey, o.RefreshTokenKey)
		keys.settings(&o.TokenSettings)
	}
	if a.Login != nil {
		keys.template(a.Login.Template)
		keys.settings(&a.Login.TokenSettings)
	}
	if a.Signing != nil {
		keys.signing(a.Signing)
	}
	keys.headers(a.Headers)
	if a.Basic != nil {
		keys.add(a.Basic.UsernameKey, a.Basic.PasswordKey)
	}
	if a.Body != nil {
		for _, f := range a.Body.Fields {
			keys.addIf(f.Key, f.Optional)
		}
	}
	for _, p := range a.Query {
		keys.addIf(p.Key, p.Optional)
	}
	if a.Chained != nil {
		keys.template(a.Chained.Template)
	}
	return keys
}

// keyList collects keys. One that is needed in one place and optional in another is needed.
type keyList []Key

func (l *keyList) add(names ...string) {
	for _, name := range names {
		l.addIf(name, false)
	}
}

func (l *keyList) addIf(name string, optional bool) {
	switch i := slices.IndexFunc(*l, func(k Key) bool { return k.Name == name }); {
	case name == "":
	case i < 0:
		*l = append(*l, Key{Name: name, Optional: optional})
	default:
		(*l)[i].Optional = (*l)[i].Optional && optional
	}
}

func (l *keyList) settings(s *TokenSettings) {
	l.headers(s.TokenRequestHeaders)
	for _, p := range s.Parameters {
		l.addIf(p.Key, p.Optional)
	}
}

func (l *keyList) headers(headers []SecretHeader) {
	for _, h := range headers {
		l.addIf(h.Key, h.Optional)
	}
}

// template adds the keys that {key} names.
func (l *keyList) template(template string) {
	for _, p := range placeholder.Keys(template) {
		l.add(p.Name)
	}
}

// signing adds the key of an HMAC and those that {credential:key} names; a template that does not parse names none.
func (l *keyList) signing(s *RequestSigning) {
	l.add(s.SecretKey)
	templates := []string{s.StringToSign}
	for _, t := range slices.Concat(s.Headers, s.FormFields) {
		templates = append(templates, t.Value)
	}
	for _, t := range templates {
		parts, _ := placeholder.Signing(t)
		for _, p := range parts {
			if p.Name == placeholder.Credential {
				l.add(p.Arg)
			}
		}
	}
}

package carrier

import (
	"net/url"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

// newPassword is the class OAuth2Password: the client's request with user name and password (RFC 6749, section 4.3).
func newPassword(s config.OAuth2, c *Credential, tokenURL *url.URL) (*oauth2, error) {
	user, err := c.value(s.UsernameKey)
	if err != nil {
		return nil, err
	}
	password, err := c.value(s.PasswordKey)
	if err != nil {
		return nil, err
	}
	o, err := newOAuth2(s, c, tokenURL)
	if err != nil {
		return nil, err
	}
	o.fields.Set(s.FieldNames.Username, user)
	o.fields.Set(s.FieldNames.Password, password)
	return o, nil
}

package carrier

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

// newBasic prepares HTTP Basic (RFC 7617); UTF-8 is sent as it is.
func newBasic(b *config.Basic, c *Credential) (part, error) {
	user, err := c.value(b.UsernameKey)
	if err != nil {
		return nil, err
	}
	if strings.Contains(user, ":") {
		return nil, fmt.Errorf("credential %s: the user name under the key %s holds a colon, which HTTP Basic cannot carry", c.Name(), b.UsernameKey)
	}
	var password string
	if b.PasswordKey != "" {
		if password, err = c.value(b.PasswordKey); err != nil {
			return nil, err
		}
	}
	value := "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	return &static{headers: []header{{"Authorization", value}}}, nil
}

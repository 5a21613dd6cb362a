package carrier

import (
	"cmp"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

// withDefaults fills in what a configuration lacks that an operator of before these settings existed has written.
func withDefaults(o config.OAuth2) config.OAuth2 {
	o.GrantType = cmp.Or(o.GrantType, "client_credentials")
	n := &o.FieldNames
	n.GrantType = cmp.Or(n.GrantType, "grant_type")
	n.ClientID, n.ClientSecret = cmp.Or(n.ClientID, "client_id"), cmp.Or(n.ClientSecret, "client_secret")
	n.Scope, n.RefreshToken = cmp.Or(n.Scope, "scope"), cmp.Or(n.RefreshToken, "refresh_token")
	n.Username, n.Password = cmp.Or(n.Username, "username"), cmp.Or(n.Password, "password")
	if o.Response == (config.TokenResponse{}) {
		o.Response = config.TokenResponse{Format: "JSON", TokenPath: "$.access_token", ExpiryPath: "$.expires_in",
			ExpiryUnit: config.ExpirySeconds, RefreshTokenPath: "$.refresh_token"}
	}
	if o.Placement == (config.TokenPlacement{}) {
		o.Placement = config.TokenPlacement{Header: "Authorization", Prefix: "Bearer "}
	}
	return o
}

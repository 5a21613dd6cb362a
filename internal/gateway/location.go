package gateway

import (
	"net/url"
	"strings"
)

// ownLocation rewrites a Location on the carrier's own host to a path, so that a client that follows it comes back through the
// gateway. One on another host is dropped: the gateway never follows it with a credential, and the client has no way there.
func ownLocation(values []string, host string) string {
	if len(values) != 1 {
		return ""
	}
	u, err := url.Parse(values[0])
	if err != nil || u.User != nil || u.Opaque != "" {
		return ""
	}
	if u.Host != "" && !strings.EqualFold(u.Host, host) || u.Scheme != "" && u.Scheme != "https" {
		return ""
	}
	u.Scheme, u.Host = "", ""
	if u.Path == "" {
		u.Path = "/"
	}
	if s := u.String(); !strings.HasPrefix(s, "//") {
		return s
	}
	return ""
}

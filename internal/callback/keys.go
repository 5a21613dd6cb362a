package callback

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// minSecret is the shortest shared secret that is taken, in bytes: shorter ones can be guessed from one signature.
const minSecret = 8

// secretKeys are the values of all keys that start with "secret".
func secretKeys(secret map[string][]byte) (all [][]byte, _ error) {
	for _, key := range slices.Sorted(maps.Keys(secret)) {
		if !strings.HasPrefix(key, "secret") {
			continue
		}
		if len(secret[key]) < minSecret {
			return nil, fmt.Errorf("key %s of the Secret has less than %d bytes", key, minSecret)
		}
		all = append(all, secret[key])
	}
	if len(all) == 0 {
		return nil, errors.New("the Secret has no key whose name starts with secret")
	}
	return all, nil
}

// parseKeys reads RSA public keys (PKIX or PKCS #1) and certificates; several while keys rotate.
func parseKeys(data []byte) (keys []*rsa.PublicKey, _ error) {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		var parsed any
		var err error
		switch block.Type {
		case "PUBLIC KEY":
			parsed, err = x509.ParsePKIXPublicKey(block.Bytes)
		case "RSA PUBLIC KEY":
			parsed, err = x509.ParsePKCS1PublicKey(block.Bytes)
		case "CERTIFICATE":
			var c *x509.Certificate
			if c, err = x509.ParseCertificate(block.Bytes); err == nil {
				parsed = c.PublicKey
			}
		default:
			return nil, fmt.Errorf("key publicKey of the Secret holds a %s: write public keys or certificates only", block.Type)
		}
		key, ok := parsed.(*rsa.PublicKey)
		if err != nil || !ok || key.N.BitLen() < 2048 {
			return nil, errors.New("key publicKey of the Secret holds something else than RSA keys of 2048 bits or more")
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.New("the Secret has no PEM public key in its key publicKey")
	}
	return keys, nil
}

func parseRanges(texts []string) (ranges []netip.Prefix, _ error) {
	for _, text := range texts {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("source range %q is not address/bits", text)
		}
		ranges = append(ranges, p.Masked())
	}
	return ranges, nil
}

func contains(ranges []netip.Prefix, a netip.Addr) bool {
	a = a.Unmap()
	return slices.ContainsFunc(ranges, func(p netip.Prefix) bool { return p.Contains(a) })
}

// parseInstant reads RFC 3339 and Unix time in seconds or milliseconds. Milliseconds of any year since 1973 have more digits than
// seconds of any year until 5138.
func parseInstant(text string) (time.Time, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		if n > 1e11 {
			return time.UnixMilli(n), nil
		}
		return time.Unix(n, 0), nil
	}
	return time.Parse(time.RFC3339, text)
}

// template is what a signature covers, taken apart.
type template []part

type part struct {
	literal string
	header  string // canonical
	body    bool
	instant bool
}

// parseTemplate reads a template with the places {body}, {timestamp} and {header:NAME}.
func parseTemplate(text string) (t template, _ error) {
	covered := false
	for text != "" {
		literal, rest, found := strings.Cut(text, "{")
		if literal != "" {
			t = append(t, part{literal: literal})
		}
		if !found {
			break
		}
		place, rest, closed := strings.Cut(rest, "}")
		name, isHeader := strings.CutPrefix(place, "header:")
		switch {
		case !closed:
			return nil, fmt.Errorf("signed content: {%s has no closing brace", place)
		case place == "body":
			t, covered = append(t, part{body: true}), true
		case place == "timestamp":
			t = append(t, part{instant: true})
		case isHeader && name != "":
			t = append(t, part{header: http.CanonicalHeaderKey(name)})
		default:
			return nil, fmt.Errorf("signed content: {%s} is unknown: use {body}, {timestamp} or {header:NAME}", place)
		}
		text = rest
	}
	if !covered {
		return nil, errors.New("signed content: a signature that does not cover the body proves nothing: use {body}")
	}
	return t, nil
}

func (t template) render(h http.Header, body []byte, timestampHeader string) ([]byte, error) {
	if len(t) == 1 && t[0].body {
		return body, nil
	}
	var content []byte
	for _, p := range t {
		name := p.header
		if p.instant {
			name = timestampHeader
		}
		switch {
		case p.body:
			content = append(content, body...)
		case name == "":
			content = append(content, p.literal...)
		default:
			value, err := single(h, name)
			if err != nil {
				return nil, err
			}
			content = append(content, value...)
		}
	}
	return content, nil
}

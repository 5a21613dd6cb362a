package carrier

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

const (
	maxTokenResponse = 64 << 10
	maxTokenLength   = 16 << 10 // Hermes issues tokens of 8 KiB
	maxLifetime      = 31 * 24 * time.Hour
)

// Token is an access token with its life as seen from here: it began before the request for it was sent.
type Token struct {
	Value    string    `json:"value"`
	IssuedAt time.Time `json:"issuedAt"`
	Expires  time.Time `json:"expires"`
	// Parent is a keyed digest of the first token, where this is the second of a chain.
	Parent string `json:"parent,omitempty"`
}

func (t *Token) validAt(now time.Time) bool {
	return t != nil && now.Before(t.Expires.Add(-margin(t.Expires.Sub(t.IssuedAt)))) && !now.Before(t.IssuedAt.Add(-time.Hour))
}

// margin is how long before its end a token is no longer used, so that it does not end on its way to the carrier.
func margin(life time.Duration) time.Duration { return min(10*time.Second, life/10) }

// responseReader reads the answers of one token endpoint: config.TokenResponse made ready.
type responseReader struct {
	xml                    bool
	token, expiry, refresh []string // paths; without token the header has it
	header                 string
	unit                   string
	assumed                time.Duration
	// typed: the answer is that of RFC 6749, section 5.1, whose token_type must be Bearer.
	typed bool
}

func newResponseReader(r config.TokenResponse, assumedSeconds int32, typed bool) (*responseReader, error) {
	p := &responseReader{xml: r.Format == "XML", header: r.TokenHeader, unit: r.ExpiryUnit, typed: typed,
		assumed: time.Duration(assumedSeconds) * time.Second}
	if p.assumed <= 0 {
		return nil, errors.New("assumedLifetimeSeconds must be positive")
	}
	for _, path := range []struct {
		text string
		into *[]string
	}{{r.TokenPath, &p.token}, {r.ExpiryPath, &p.expiry}, {r.RefreshTokenPath, &p.refresh}} {
		if path.text == "" {
			continue
		}
		var err error
		if *path.into, err = parsePath(path.text); err != nil {
			return nil, fmt.Errorf("token response: %w", err)
		}
	}
	if (p.token == nil) == (p.header == "") {
		return nil, errors.New("token response: the token is in the body or in a header: one of tokenPath and tokenHeader is needed")
	}
	switch p.unit {
	case config.ExpirySeconds, config.ExpiryMilliseconds, config.ExpiryUnixSeconds, config.ExpiryUnixMilliseconds, config.ExpiryRFC3339:
		return p, nil
	default:
		return nil, fmt.Errorf("token response: expiryUnit %q is unknown", r.ExpiryUnit)
	}
}

// read finds the token and, if there is one, a new refresh token, also beside a token that is refused: what cannot be a bearer token
// (RFC 6750). The errors quote nothing of the answer.
func (p *responseReader) read(a *answer) (t *Token, refresh string, err error) {
	doc, err := p.document(a.body)
	if err != nil {
		return nil, "", err
	}
	if p.refresh != nil {
		refresh, _ = doc.text(p.refresh)
	}
	value := a.header.Get(p.header)
	if p.token != nil {
		value, _ = doc.text(p.token)
	}
	if err := checkToken(value); err != nil {
		return nil, refresh, err
	}
	if kind, given := doc.text([]string{"token_type"}); p.typed && given && !strings.EqualFold(kind, "Bearer") && !strings.EqualFold(kind, "BearerToken") {
		return nil, refresh, errors.New("the token_type is not Bearer")
	}
	expiry, _ := doc.value(p.expiry)
	return &Token{Value: value, IssuedAt: a.requested, Expires: a.requested.Add(p.lifetime(expiry, a.carrierTime()))}, refresh, nil
}

// document parses the body. With the token in a header it may be anything.
func (p *responseReader) document(body []byte) (document, error) {
	parse := parseJSON
	if p.xml {
		parse = parseXML
	}
	doc, err := parse(body)
	if err != nil && p.token == nil {
		return document{}, nil
	}
	return doc, err
}

// checkToken says what keeps a value from standing in a header.
func checkToken(value string) error {
	switch {
	case value == "":
		return errors.New("the answer has no access token where one is expected")
	case len(value) > maxTokenLength:
		return errors.New("the access token is longer than 16 KiB")
	case strings.ContainsFunc(value, func(c rune) bool { return c <= ' ' || c >= 0x7f }):
		return errors.New("the access token holds characters that cannot stand in a header")
	}
	return nil
}

// lifetime reads how long a token lives: a number, or a number in a string. What makes no sense, such as 0, a negative number or an
// instant that has passed, counts as missing. Instants are of the carrier's clock, so now is what that shows.
func (p *responseReader) lifetime(text string, now time.Time) time.Duration {
	var d time.Duration
	switch p.unit {
	case config.ExpiryRFC3339:
		if at, ok := parseInstant(text); ok {
			d = at.Sub(now)
		}
	case config.ExpiryUnixSeconds:
		d = duration(text, time.Second, now)
	case config.ExpiryUnixMilliseconds:
		d = duration(text, time.Millisecond, now)
	case config.ExpiryMilliseconds:
		d = duration(text, time.Millisecond, time.Time{})
	default:
		d = duration(text, time.Second, time.Time{})
	}
	if d < time.Second {
		return p.assumed
	}
	return min(d, maxLifetime)
}

// duration reads a number of units, counted from the start of Unix time where since is given; 0 for what is none.
func duration(text string, unit time.Duration, since time.Time) time.Duration {
	n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) || math.IsNaN(n) {
		return 0
	}
	seconds := n * unit.Seconds()
	if !since.IsZero() {
		seconds -= float64(since.UnixMilli()) / 1000
	}
	return time.Duration(min(max(seconds, 0), maxLifetime.Seconds()) * float64(time.Second))
}

// parseInstant reads RFC 3339, also without a zone: then it may be that of any, and the earliest instant counts.
func parseInstant(text string) (time.Time, bool) {
	text = strings.TrimSpace(text)
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, true
	}
	at, err := time.Parse("2006-01-02T15:04:05", text) // takes a fraction, too
	return at.Add(-14 * time.Hour), err == nil
}

// answer is what a token endpoint answered, with the clock of here before and after.
type answer struct {
	status              int
	header              http.Header
	body                []byte
	requested, received time.Time
}

// carrierTime is the carrier's clock when it answered; ours where it does not say.
func (a *answer) carrierTime() time.Time {
	if at, err := http.ParseTime(a.header.Get("Date")); err == nil && at.Sub(a.received).Abs() < 24*time.Hour {
		return at
	}
	return a.requested
}

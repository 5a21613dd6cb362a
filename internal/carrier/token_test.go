package carrier

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

// reader reads answers of RFC 6749, after a change that a test makes.
func reader(t testing.TB, change func(*config.TokenResponse)) *responseReader {
	t.Helper()
	r := withDefaults(config.OAuth2{}).Response
	if change != nil {
		change(&r)
	}
	p, err := newResponseReader(r, 300, true)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestParseToken(t *testing.T) {
	const assumed = 300 * time.Second
	tests := map[string]struct {
		body string
		life time.Duration // 0: refused
	}{
		"a number":                  {`{"access_token":"a","token_type":"Bearer","expires_in":3600}`, time.Hour},
		"a string, as UPS sends":    {`{"access_token":"a","token_type":"Bearer","expires_in":"14399"}`, 14399 * time.Second},
		"a fraction":                {`{"access_token":"a","expires_in":1.5}`, 1500 * time.Millisecond},
		"none":                      {`{"access_token":"a","token_type":"bearer"}`, assumed},
		"null":                      {`{"access_token":"a","expires_in":null}`, assumed},
		"zero":                      {`{"access_token":"a","expires_in":0}`, assumed},
		"negative":                  {`{"access_token":"a","expires_in":-1}`, assumed},
		"words":                     {`{"access_token":"a","expires_in":"soon"}`, assumed},
		"an object":                 {`{"access_token":"a","expires_in":{}}`, assumed},
		"absurdly long":             {`{"access_token":"a","expires_in":1e99}`, maxLifetime},
		"beyond all numbers":        {`{"access_token":"a","expires_in":1e999}`, maxLifetime},
		"Apigee's type":             {`{"access_token":"a","token_type":"BearerToken","expires_in":60}`, time.Minute},
		"white space around":        {" \n{\"access_token\":\"a\",\"expires_in\":60}\n", time.Minute},
		"another type":              {`{"access_token":"a","token_type":"mac"}`, 0},
		"no token":                  {`{"expires_in":3600}`, 0},
		"an empty token":            {`{"access_token":""}`, 0},
		"a token with a line break": {`{"access_token":"a\r\nX-Evil: 1"}`, 0},
		"a token with a space":      {`{"access_token":"a b"}`, 0},
		"a token that is not ASCII": {`{"access_token":"ä"}`, 0},
		"a token that is no string": {`{"access_token":1}`, 0},
		"a token beyond 16 KiB":     {`{"access_token":"` + strings.Repeat("a", 17<<10) + `"}`, 0},
		"HTML":                      {`<html>`, 0},
		"nothing":                   {``, 0},
		"two documents":             {`{"access_token":"a"}{}`, 0},
		"a list":                    {`[]`, 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			token, _, err := reader(t, nil).read(&answer{body: []byte(tc.body), requested: epoch, received: epoch})
			switch {
			case tc.life == 0 && err == nil:
				t.Errorf("accepted with a life of %v", token.Expires.Sub(epoch))
			case tc.life != 0 && err != nil:
				t.Errorf("refused: %v", err)
			case tc.life != 0 && (token.Value != "a" || token.Expires.Sub(epoch) != tc.life):
				t.Errorf("life %v, want %v", token.Expires.Sub(epoch), tc.life)
			}
		})
	}
}

func FuzzParseToken(f *testing.F) {
	f.Add([]byte(`{"access_token":"a","token_type":"Bearer","expires_in":"3600"}`))
	p := reader(f, nil)
	f.Fuzz(func(t *testing.T, body []byte) {
		token, _, err := p.read(&answer{body: body, requested: epoch, received: epoch})
		if err != nil {
			return
		}
		if life := token.Expires.Sub(epoch); life <= 0 || life > maxLifetime {
			t.Errorf("life %v", life)
		}
		if strings.ContainsAny(token.Value, "\r\n \x00") || token.Value == "" {
			t.Errorf("token %q could not stand in a header", token.Value)
		}
	})
}

func TestClassify(t *testing.T) {
	tests := map[string]struct {
		status int
		body   string
		header http.Header
		class  FailureClass
		after  time.Duration
	}{
		"401":                          {401, ``, nil, FailureInvalidClient, 0},
		"400 invalid_client":           {400, `{"error":"invalid_client"}`, nil, FailureInvalidClient, 0},
		"400 invalid_scope":            {400, `{"error":"invalid_scope"}`, nil, FailureInvalidRequest, 0},
		"400 in a carrier's own shape": {400, `{"response":{"errors":[{"code":"10400"}]}}`, nil, FailureInvalidRequest, 0},
		"403":                          {403, ``, nil, FailurePenaltyBox, 0},
		"429 with seconds":             {429, ``, http.Header{"Retry-After": {"120"}}, FailureQuotaExceeded, 2 * time.Minute},
		"429 with a date":              {429, ``, http.Header{"Retry-After": {epoch.Add(time.Hour).Format(http.TimeFormat)}}, FailureQuotaExceeded, time.Hour},
		"429 with x-retry-after":       {429, ``, http.Header{"X-Retry-After": {"7"}}, FailureQuotaExceeded, 7 * time.Second},
		"429 with nonsense":            {429, ``, http.Header{"Retry-After": {"-5"}}, FailureQuotaExceeded, 0},
		"302":                          {302, ``, nil, FailureRedirected, 0},
		"503":                          {503, `<html>`, nil, FailureUnavailable, 0},
		"204":                          {204, ``, nil, FailureInvalidResponse, 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			f := classify(tc.status, tc.header, []byte(tc.body), epoch)
			if f.Class != tc.class || f.RetryAt.Sub(epoch) != tc.after || f.Status != tc.status {
				t.Errorf("%s, retry after %v; want %s, %v", f.Class, f.RetryAt.Sub(epoch), tc.class, tc.after)
			}
		})
	}
}

func TestBackOffGrowsToItsBoundAndPartsReplicas(t *testing.T) {
	for class, bounds := range backOff {
		if got := class.wait(1, 0); got != bounds[0] {
			t.Errorf("%s: first %v, want %v", class, got, bounds[0])
		}
		if got := class.wait(100, 0); got != bounds[1] {
			t.Errorf("%s: hundredth %v, want %v", class, got, bounds[1])
		}
		if a, b := class.wait(3, 0), class.wait(3, 0.9); a >= b {
			t.Errorf("%s: jitter makes no difference", class)
		}
	}
	if backOff[FailurePenaltyBox][0] < 10*time.Minute {
		t.Error("FedEx bans for 10 minutes and prolongs the ban for each request in them")
	}
}

package carrier

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// details say what a class means at a token endpoint and what to do.
var details = map[FailureClass]string{
	FailureInvalidClient: "the carrier does not accept the credential: check the Secret",
	FailureInvalidGrant: "the carrier does not accept user name and password, or the refresh token: check the Secret; " +
		"a refresh token that has ended is replaced by a new consent at the carrier",
	FailureInvalidRequest:    "the carrier refuses the token request: check scopes, parameters and client authentication",
	FailureProductNotEnabled: "the carrier knows the client but has not enabled what it asks for: enable the API product or scope in the carrier's portal",
	FailureWrongAccount:      "the carrier does not accept the account that goes with the client: check its number, and that it belongs to the client",
	FailureQuotaExceeded:     "the carrier wants fewer token requests",
	FailurePenaltyBox:        "the carrier refuses token requests for a while",
	FailureEndpointRetired:   "there is no token endpoint at this address any more: correct the URL of the endpoint of role Token",
	FailureRedirected:        "the token endpoint redirects, which is not followed: correct its URL",
	FailureUnavailable:       "the token endpoint is out of order",
	FailureInvalidResponse:   "the token endpoint answered a status that means nothing here",
}

// errorCodes are those of RFC 6749, section 5.2, RFC 6750, section 3.1, and of carriers.
var errorCodes = map[string]FailureClass{
	"invalid_client":      FailureInvalidClient,
	"invalid_grant":       FailureInvalidGrant,
	"unauthorized_client": FailureProductNotEnabled,
	"access_denied":       FailureProductNotEnabled,
	"insufficient_scope":  FailureProductNotEnabled,
	"slow_down":           FailureQuotaExceeded,
	"10429":               FailureQuotaExceeded, // UPS
	"250002":              FailureInvalidClient, // UPS: wrong client, or a product that is not enabled for it; its text tells
}

// errorTexts are words by which carriers tell apart what they have no code for, in lower case; the first that occurs counts.
var errorTexts = []struct {
	words string
	class FailureClass
}{
	{"blocked merchant", FailurePenaltyBox}, // UPS
	{"quotaviolation", FailureQuotaExceeded},
	{"too many requests", FailureQuotaExceeded},
	{"quota limit exceeded", FailureQuotaExceeded},
	{"too many invalid logins", FailurePenaltyBox}, // DHL: asking again would lock the account
	{"not enabled", FailureProductNotEnabled},
	{"not subscribed", FailureProductNotEnabled},
	{"api product", FailureProductNotEnabled},
	{"account number", FailureWrongAccount},
	{"merchant id", FailureWrongAccount},
	{"shipper number", FailureWrongAccount},
}

// classify turns a status other than success into a failure. Signs of a ban or a quota count whatever the status; then the status,
// and within the errors of the client the carrier's own code and words. Nothing of the answer becomes part of the failure.
func classify(status int, h http.Header, body []byte, now time.Time) *Failure {
	said := sayings(h, body)
	f := &Failure{Status: status, Class: said}
	switch {
	case status == http.StatusTooManyRequests, said == FailureQuotaExceeded:
		f.Class = FailureQuotaExceeded
	case said == FailurePenaltyBox:
	case status == http.StatusMovedPermanently, status == http.StatusPermanentRedirect,
		status == http.StatusNotFound, status == http.StatusGone, status == http.StatusMisdirectedRequest:
		f.Class = FailureEndpointRetired
	case status >= 300 && status < 400:
		f.Class = FailureRedirected
	case status == http.StatusForbidden && said == "": // FedEx bans so, without a word
		f.Class = FailurePenaltyBox
	case status == http.StatusUnauthorized && said == "":
		f.Class = FailureInvalidClient
	case status >= 400 && status < 500 && said == "":
		f.Class = FailureInvalidRequest
	case status >= 500 && soapFault(body):
		f.Class = FailureInvalidClient // SOAP 1.1 answers 500 to a wrong password, too
	case status >= 500:
		f.Class = FailureUnavailable
	case status < 400:
		f.Class = FailureInvalidResponse
	}
	f.Detail, f.RetryAt = details[f.Class], now.Add(retryAfter(h, now))
	return f
}

// sayings is what the carrier says went wrong: as RFC 6749 has it, as UPS, FedEx and Apigee have it, or, with an empty body, in headers.
func sayings(h http.Header, body []byte) FailureClass {
	type carrierError struct {
		Code    json.RawMessage `json:"code"`
		Message string          `json:"message"`
	}
	var said struct {
		Error       json.RawMessage `json:"error"`
		Description string          `json:"error_description"`
		Errors      []carrierError  `json:"errors"`
		Response    struct {
			Errors []carrierError `json:"errors"`
		} `json:"response"`
		Fault struct {
			Text   string `json:"faultstring"`
			Detail struct {
				Code string `json:"errorcode"`
			} `json:"detail"`
		} `json:"fault"`
	}
	_ = json.Unmarshal(body, &said) // many answer HTML
	codes := []string{unquote(said.Error), said.Fault.Detail.Code}
	texts := []string{said.Description, said.Fault.Text}
	for _, e := range append(said.Errors, said.Response.Errors...) {
		codes, texts = append(codes, unquote(e.Code)), append(texts, e.Message)
	}
	if len(body) == 0 {
		for _, name := range []string{"Error", "Error_description", "Error-Description", "Message", "Args"} { // GLS
			codes, texts = append(codes, h.Get(name)), append(texts, h.Get(name))
		}
	}
	words := strings.ToLower(strings.Join(append(texts, codes...), "\n"))
	for _, t := range errorTexts {
		if strings.Contains(words, t.words) {
			return t.class
		}
	}
	for _, code := range codes {
		if class, known := errorCodes[strings.ToLower(strings.TrimSpace(code))]; known {
			return class
		}
	}
	return ""
}

// unquote is the text of a JSON string or number.
func unquote(raw json.RawMessage) string { return strings.Trim(string(raw), `"`) }

// soapFault says whether an XML answer is a fault of SOAP 1.1 or 1.2 that blames the sender.
func soapFault(body []byte) bool {
	d, err := parseXML(body)
	if err != nil {
		return false
	}
	for _, path := range [][]string{{"Envelope", "Body", "Fault", "faultcode"}, {"Envelope", "Body", "Fault", "Code", "Value"}} {
		code, _ := d.value(path)
		_, local, prefixed := strings.Cut(code, ":")
		if !prefixed {
			local = code
		}
		if local, _, _ = strings.Cut(local, "."); local == "Client" || local == "Sender" {
			return true
		}
	}
	return false
}

const maxRetryAfter = 24 * time.Hour

// retryAfter reads how long the carrier wants to be left alone: Retry-After (RFC 9110, section 10.2.3) or x-retry-after; without
// those, the reset of its rate limit. At most a day; 0 without any.
func retryAfter(h http.Header, now time.Time) time.Duration {
	for _, name := range []string{"Retry-After", "X-Retry-After"} {
		v := strings.TrimSpace(h.Get(name))
		if seconds, err := strconv.ParseInt(v, 10, 32); err == nil {
			return bounded(time.Duration(seconds) * time.Second)
		}
		if at, err := http.ParseTime(v); err == nil {
			return bounded(at.Sub(now))
		}
	}
	for _, name := range []string{"RateLimit-Reset", "X-RateLimit-Reset", "X-Rate-Limit-Reset"} {
		n, err := strconv.ParseFloat(strings.TrimSpace(h.Get(name)), 64)
		switch {
		case err != nil || !(n > 0):
		case n < 1e9:
			return bounded(time.Duration(min(n, maxRetryAfter.Seconds()) * float64(time.Second)))
		default: // Unix time, which 1e9 began in 2001, in seconds or in milliseconds
			if n > 1e11 {
				n /= 1000
			}
			return bounded(time.Unix(int64(min(n, 1e11)), 0).Sub(now))
		}
	}
	return 0
}

func bounded(d time.Duration) time.Duration { return min(max(d, 0), maxRetryAfter) }

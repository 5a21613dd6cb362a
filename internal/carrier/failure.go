package carrier

import (
	"fmt"
	"time"
)

// FailureClass says in one word why a credential could not be used. Values appear in status and metrics, so they never change.
type FailureClass string

// Classes of failures.
const (
	// FailureInvalidClient: the carrier does not accept client ID and secret, or the login.
	FailureInvalidClient FailureClass = "InvalidClient"
	// FailureInvalidGrant: the carrier accepts the client, but not the user's password or the refresh token.
	FailureInvalidGrant FailureClass = "InvalidGrant"
	// FailureProductNotEnabled: the carrier accepts the client, but has not enabled what it asks for.
	FailureProductNotEnabled FailureClass = "ProductNotEnabled"
	// FailureWrongAccount: the carrier accepts the client, but not the account number that goes with it.
	FailureWrongAccount FailureClass = "WrongAccount"
	// FailureInvalidRequest: the carrier refuses the token request for another reason, such as an unknown scope.
	FailureInvalidRequest FailureClass = "InvalidRequest"
	// FailureQuotaExceeded: the carrier answered 429 to a token request.
	FailureQuotaExceeded FailureClass = "QuotaExceeded"
	// FailurePenaltyBox: the carrier has banned token requests, with 403 or in its own words; asking again would prolong the ban.
	FailurePenaltyBox FailureClass = "PenaltyBox"
	// FailureLimitReached: the integration's own limit on token requests is used up.
	FailureLimitReached FailureClass = "LimitReached"
	// FailureTLSChain: the token endpoint's certificate could not be verified.
	FailureTLSChain FailureClass = "TLSChain"
	// FailureUnreachable: no connection, or none that lasted until the answer.
	FailureUnreachable FailureClass = "Unreachable"
	// FailureUnavailable: the token endpoint answered a server error.
	FailureUnavailable FailureClass = "Unavailable"
	// FailureRedirected: the token endpoint answered a redirect, which is never followed.
	FailureRedirected FailureClass = "Redirected"
	// FailureEndpointRetired: the token endpoint is gone (404, 410), has moved for good (301, 308) or is no longer on this host (421).
	FailureEndpointRetired FailureClass = "EndpointRetired"
	// FailureWrongCertificate: the token is bound to another TLS client certificate than the gateway's (RFC 8705, section 3).
	FailureWrongCertificate FailureClass = "WrongCertificate"
	// FailureInvalidResponse: the answer of the token endpoint holds no usable token.
	FailureInvalidResponse FailureClass = "InvalidResponse"
	// FailureInvalidCredential: the credential lacks a key, or holds a value that cannot be sent.
	FailureInvalidCredential FailureClass = "InvalidCredential"
	// FailureUnsuitableRequest: the request has no place for the credential, such as a body that is no XML. Only the client can mend
	// that, so nothing is waited out.
	FailureUnsuitableRequest FailureClass = "UnsuitableRequest"
)

// Failure is why a request could not be authenticated. Its text holds no secret and nothing of the carrier's answer but the status.
type Failure struct {
	Class  FailureClass `json:"class"`
	Detail string       `json:"detail"`
	// Status is the token endpoint's status code; 0 without an answer.
	Status int `json:"status,omitempty"`
	// RetryAt is when it may be tried again; zero: at once.
	RetryAt time.Time `json:"retryAt"`
}

func (f *Failure) Error() string {
	if f.Status != 0 {
		return fmt.Sprintf("%s (status %d): %s", f.Class, f.Status, f.Detail)
	}
	return fmt.Sprintf("%s: %s", f.Class, f.Detail)
}

// backOff is how long the first failure of a class is waited out, and the most that repeated ones are.
var backOff = map[FailureClass][2]time.Duration{
	FailureInvalidClient:     {5 * time.Minute, time.Hour}, // carriers lock accounts after repeated bad logins
	FailureInvalidGrant:      {5 * time.Minute, time.Hour},
	FailureInvalidRequest:    {5 * time.Minute, time.Hour},
	FailureProductNotEnabled: {5 * time.Minute, time.Hour},
	FailureWrongAccount:      {5 * time.Minute, time.Hour},
	FailureEndpointRetired:   {5 * time.Minute, time.Hour},
	FailureWrongCertificate:  {time.Minute, 10 * time.Minute},
	FailureQuotaExceeded:     {time.Minute, time.Hour},
	FailurePenaltyBox:        {10 * time.Minute, time.Hour}, // FedEx: 10 minutes, prolonged by each further request
	FailureTLSChain:          {10 * time.Second, 5 * time.Minute},
	FailureUnreachable:       {time.Second, time.Minute},
	FailureUnavailable:       {time.Second, time.Minute},
	FailureRedirected:        {time.Minute, 10 * time.Minute},
	FailureInvalidResponse:   {10 * time.Second, 10 * time.Minute},
}

// wait is the back-off after n consecutive failures, n ≥ 1, spread by jitter in [0, 1) over a quarter more so that replicas part.
func (c FailureClass) wait(n int, jitter float64) time.Duration {
	bounds := backOff[c]
	d := bounds[0]
	for ; n > 1 && d < bounds[1]; n-- {
		d *= 2
	}
	d = min(d, bounds[1])
	return d + time.Duration(jitter*float64(d)/4)
}

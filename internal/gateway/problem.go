package gateway

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/carrier-operator/carrier-operator/internal/limit"
)

// problemBase begins the type of every problem; the rule follows.
const problemBase = "https://carrier-operator.io/problems/"

// originHeader tells answers of the gateway from those of the carrier.
const originHeader = "Carrier-Gateway"

// Rules of the gateway's own. Those of package minimize come on top. They are part of the answers to clients and never change.
const (
	ruleMethod              = "method-not-allowed"
	ruleUpgrade             = "upgrade-refused"
	ruleTarget              = "invalid-target"
	ruleHeader              = "invalid-header"
	ruleClientUnknown       = "client-unknown"
	ruleOperationUnknown    = "operation-unknown"
	ruleOperationDenied     = "operation-not-permitted"
	ruleLimit               = "limit-exceeded"
	ruleThrottled           = "carrier-throttled"
	ruleBodyTooLarge        = "too-large" // as minimize.RuleTooLarge
	ruleBodyIncomplete      = "body-incomplete"
	ruleBodyNotAllowed      = "body-not-allowed"
	ruleAuthentication      = "authentication-unavailable"
	ruleCredentialPlace     = "no-place-for-credential"
	ruleCarrierAddress      = "carrier-unreachable"
	ruleCarrierTLS          = "carrier-certificate"
	ruleCarrierTimeout      = "carrier-timeout"
	ruleCarrierProtocol     = "carrier-protocol"
	ruleCarrierTooLarge     = "carrier-response-too-large"
	ruleResponseUnusable    = "carrier-response-undecodable"
	rulePurposeUnknown      = "purpose-unknown"
	ruleNotReady            = "not-ready"
	ruleInternal            = "internal"
	ruleCallbackUnknown     = "callback-unknown"
	ruleCallbackForged      = "callback-unverified"
	ruleCallbackRepeated    = "callback-repeated"
	ruleCallbackUndelivered = "callback-undelivered"
	ruleCallbackUnavailable = "callback-unavailable"
	ruleClientGone          = "client-gone" // in records only: there is nobody to answer
	statusClientGone        = 499
	problemMediaType        = "application/problem+json"
	headerRateLimit         = "RateLimit"
	headerRateLimitPolicy   = "RateLimit-Policy"
)

// titles say in a few words what a rule is about.
var titles = map[string]string{
	ruleMethod:           "The method is not allowed here",
	ruleUpgrade:          "Protocol upgrades are not possible",
	ruleTarget:           "The request target is ambiguous or malformed",
	ruleHeader:           "A header is ambiguous or malformed",
	ruleClientUnknown:    "The client is not known",
	ruleOperationUnknown: "The carrier's profile has no such operation",
	ruleOperationDenied:  "The client may not call this operation",
	ruleLimit:            "A limit is used up",
	ruleThrottled:        "The carrier takes no requests for a while",
	ruleBodyTooLarge:     "The body is too large",
	ruleBodyIncomplete:   "The body did not arrive whole",
	ruleBodyNotAllowed:   "The operation takes no body",
	ruleAuthentication:   "The gateway cannot authenticate to the carrier at present",
	ruleCredentialPlace:  "The request has no place for the credential",
	ruleCarrierAddress:   "The carrier cannot be reached",
	ruleCarrierTLS:       "No TLS connection to the carrier that can be trusted",
	ruleCarrierTimeout:   "The carrier did not answer in time",
	ruleCarrierProtocol:  "The carrier's answer is malformed or incomplete",
	ruleCarrierTooLarge:  "The carrier's answer is too large",
	ruleResponseUnusable: "The carrier's answer cannot be minimized",
	rulePurposeUnknown:   "The operation has no such purpose",
	ruleNotReady:         "The gateway is not ready",
	ruleInternal:         "The gateway failed",

	ruleCallbackUnknown:     "There is no such callback",
	ruleCallbackForged:      "The call could not be verified",
	ruleCallbackRepeated:    "The same call is being delivered",
	ruleCallbackUndelivered: "The call could not be passed on: send it again",
	ruleCallbackUnavailable: "The callback cannot verify calls at present: send it again later",
}

// problem is an answer made by the gateway (RFC 9457). Its texts hold nothing of the request's values.
type problem struct {
	status int
	rule   string
	detail string

	path          string // of a field
	offset        int    // in the body; 0: none
	failure       string // carrier.FailureClass
	carrierStatus int
	retryAfter    time.Duration
	refusal       *limit.Refusal
	allow         []string // methods
}

func newProblem(status int, rule, detail string) *problem {
	return &problem{status: status, rule: rule, detail: detail}
}

// problemBody is a problem as clients see it.
type problemBody struct {
	Type          string `json:"type"`
	Title         string `json:"title"`
	Status        int    `json:"status"`
	Detail        string `json:"detail,omitempty"`
	Rule          string `json:"rule"`
	Path          string `json:"path,omitempty"`
	ByteOffset    int    `json:"byteOffset,omitempty"`
	Limit         string `json:"limit,omitempty"`
	Failure       string `json:"failure,omitempty"`
	CarrierStatus int    `json:"carrierStatus,omitempty"`
}

// write answers the client.
func (p *problem) write(w http.ResponseWriter) (bytes int64) {
	body := problemBody{Type: problemBase + p.rule, Title: titles[p.rule], Status: p.status, Detail: p.detail, Rule: p.rule,
		Path: p.path, ByteOffset: p.offset, Failure: p.failure, CarrierStatus: p.carrierStatus}
	if body.Title == "" {
		body.Title = "The message cannot be minimized"
	}
	h := w.Header()
	closing := h.Get("Connection")
	clear(h)
	if closing != "" {
		h.Set("Connection", closing)
	}
	h.Set("Content-Type", problemMediaType)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set(originHeader, "problem")
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.FormatInt(ceilSeconds(p.retryAfter), 10))
	}
	for _, m := range p.allow {
		h.Add("Allow", m)
	}
	if p.refusal != nil {
		body.Limit = p.refusal.Limit
		describe(h, p.refusal)
	}
	data, _ := json.Marshal(body)
	h.Set("Content-Length", strconv.Itoa(len(data)))
	w.WriteHeader(p.status)
	n, _ := w.Write(data)
	return int64(n)
}

func ceilSeconds(d time.Duration) int64 { return int64(math.Ceil(d.Seconds())) }

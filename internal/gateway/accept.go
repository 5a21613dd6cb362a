package gateway

import (
	"net/http"
	"strings"

	"github.com/carrier-operator/carrier-operator/internal/carrier"
)

// accept refuses what no client of a carrier sends and what two servers might read differently. (Framing is checked by net/http.)
func (x *exchange) accept() *problem {
	if x.connectionIsOutdated() {
		x.w.Header().Set("Connection", "close")
	}
	switch x.r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
	default:
		p := newProblem(http.StatusMethodNotAllowed, ruleMethod, "use GET, HEAD, POST, PUT, PATCH or DELETE")
		p.allow = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}
		return p
	}
	if x.r.Header.Get("Upgrade") != "" {
		return newProblem(http.StatusBadRequest, ruleUpgrade, "the gateway speaks HTTP/1.1 only: leave the header Upgrade out")
	}
	for _, value := range x.r.Header["Connection"] {
		for option := range strings.SplitSeq(value, ",") {
			switch strings.ToLower(strings.TrimSpace(option)) {
			case "", "close", "keep-alive", "te":
			default:
				return newProblem(http.StatusBadRequest, ruleHeader, "Connection may say close or keep-alive and name no other header")
			}
		}
	}
	if expect := x.r.Header["Expect"]; len(expect) > 1 || len(expect) == 1 && !strings.EqualFold(expect[0], "100-continue") {
		return newProblem(http.StatusExpectationFailed, ruleHeader, "the only expectation that can be met is 100-continue")
	}
	if x.r.URL.Host != "" || x.r.URL.Scheme != "" || strings.Contains(x.r.RequestURI, "#") {
		return newProblem(http.StatusBadRequest, ruleTarget, "the target must be a path, not a URL, and hold no fragment")
	}
	x.path, x.rawQuery, _ = strings.Cut(x.r.RequestURI, "?")
	if err := carrier.CheckPath(x.path); err != nil {
		return newProblem(http.StatusBadRequest, ruleTarget, err.Error())
	}
	return nil
}

package carriersim

import (
	"net/http"
	"strings"
)

// simple plays a carrier with a static credential: an API key in X-API-Key (with the account's id in X-API-Uid, if sent), or Basic.
type simple struct {
	*Server
	carrier Carrier
}

func (c *simple) routes(t *site) {
	t.handle(c.carrier, opRate, "POST /v1/rates", c.authorized(opRate, simpleRate))
	t.handle(c.carrier, opTrack, "GET /v1/parcels/{number}", c.authorized(opTrack, simpleTrack))
}

func simpleError(w http.ResponseWriter, status int) {
	writeJSON(w, status, obj{"error": strings.ToLower(http.StatusText(status))})
}

func (c *simple) login(r *http.Request) (Account, verdict) {
	if c.carrier == Basic {
		id, secret, _ := r.BasicAuth()
		return c.accounts.login(Basic, id, secret)
	}
	if id := r.Header.Get("X-API-Uid"); id != "" {
		return c.accounts.login(APIKey, id, r.Header.Get("X-API-Key"))
	}
	return c.accounts.loginByKey(APIKey, r.Header.Get("X-API-Key"))
}

func (c *simple) authorized(operation string, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch account, v := c.login(r); {
		case v == disabled, v == accepted && !account.may(operation):
			simpleError(w, http.StatusForbidden)
		case v != accepted:
			if c.carrier == Basic {
				w.Header().Set("WWW-Authenticate", `Basic realm="carrier"`)
			}
			simpleError(w, http.StatusUnauthorized)
		default:
			next(w, r)
		}
	}
}

func simpleRate(w http.ResponseWriter, r *http.Request) {
	type place struct{ Country, PostalCode string }
	var in struct {
		From, To place
		Grams    int
	}
	if readJSON(r, &in) != nil || in.Grams <= 0 || in.From.PostalCode == "" || in.To.PostalCode == "" {
		simpleError(w, http.StatusBadRequest)
		return
	}
	q := Quote{in.From.Country, in.From.PostalCode, in.To.Country, in.To.PostalCode, in.Grams, "standard"}
	writeJSON(w, http.StatusOK, obj{"service": q.Service, "currency": "USD", "amount": q.Amount()})
}

func simpleTrack(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, http.StatusOK, obj{"number": r.PathValue("number"), "status": "delivered", "receivedBy": "SAMPLE RECIPIENT"})
}

// either is both simple carriers under one host.
type either struct{ basic, key *simple }

func (e *either) routes(t *site) {
	choose := func(operation string, next http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			c := e.key
			if _, _, ok := r.BasicAuth(); ok {
				c = e.basic
			}
			c.authorized(operation, next)(w, r)
		}
	}
	t.handle(All, opRate, "POST /v1/rates", choose(opRate, simpleRate))
	t.handle(All, opTrack, "GET /v1/parcels/{number}", choose(opTrack, simpleTrack))
}

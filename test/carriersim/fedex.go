package carriersim

import (
	"net"
	"net/http"
	"strconv"
	"time"
)

// fedex plays FedEx's REST APIs. Source: developer.fedex.com, and the OpenAPI files published there.
type fedex struct {
	*Server
	penalty   penaltyBox
	quota     dailyQuota
	shipments parcels
}

func (f *fedex) routes(t *site) {
	t.refuse[FedEx] = f.status
	t.handle(FedEx, opToken, "POST /oauth/token", f.token)
	t.handle(FedEx, opRate, "POST /rate/v1/rates/quotes", f.authorized(opRate, f.rate))
	t.handle(FedEx, opShip, "POST /ship/v1/shipments", f.authorized(opShip, f.ship))
	t.handle(FedEx, opTrack, "POST /track/v1/trackingnumbers", f.authorized(opTrack, f.track))
}

const fedexTransaction = "624deea6-b709-470c-8c39-4b5511281492"

func fedexError(w http.ResponseWriter, status int, code, message string) {
	writeGzipJSON(w, status, obj{"transactionId": fedexTransaction, "errors": []obj{{"code": code, "message": message}}})
}

func (f *fedex) status(w http.ResponseWriter, status int) {
	code := map[int]string{
		http.StatusNotFound: "NOT.FOUND.ERROR", http.StatusInternalServerError: "INTERNAL.SERVER.ERROR",
		http.StatusServiceUnavailable: "SERVICE.UNAVAILABLE.ERROR", http.StatusUnauthorized: "NOT.AUTHORIZED.ERROR",
		http.StatusForbidden: "FORBIDDEN.ERROR",
	}[status]
	fedexError(w, status, or(code, strconv.Itoa(status)), http.StatusText(status))
}

const fedexForbidden = "We could not authorize your credentials. Please check your permissions and try again."

// token takes credentials in the form body alone. Every hit counts against the source address, good or bad.
func (f *fedex) token(w http.ResponseWriter, r *http.Request) {
	address, _, _ := net.SplitHostPort(r.RemoteAddr)
	if f.penalty.hit(address, f.opts.Clock.Now()) {
		fedexError(w, http.StatusForbidden, "FORBIDDEN.ERROR", fedexForbidden)
		return
	}
	if r.ParseForm() != nil || r.PostForm.Get("grant_type") != "client_credentials" {
		fedexError(w, http.StatusBadRequest, "BAD.REQUEST.ERROR", "Missing or unsupported grant_type. Please modify your request and try again.")
		return
	}
	account, v := f.accounts.login(FedEx, r.PostForm.Get("client_id"), r.PostForm.Get("client_secret"))
	if v != accepted {
		fedexError(w, http.StatusUnauthorized, "NOT.AUTHORIZED.ERROR",
			"The given client credentials were not valid. Please modify your request and try again.")
		return
	}
	life := f.currentSettings().FedExTokenLifetimeSeconds
	f.log.tokenIssued(FedEx)
	writeGzipJSON(w, http.StatusOK, obj{
		"access_token": f.accounts.issue(account, seconds(life)), "token_type": "bearer", "expires_in": life, "scope": "CXS-TP",
	})
}

func (f *fedex) authorized(operation string, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		account, v := f.accounts.bearer(FedEx, bearerOf(r), operation)
		switch {
		case v == notEntitled:
			fedexError(w, http.StatusForbidden, "FORBIDDEN.ERROR", fedexForbidden)
		case v != accepted:
			fedexError(w, http.StatusUnauthorized, "NOT.AUTHORIZED.ERROR", "Access token expired. Please modify your request and try again.")
		case !f.quota.take(account.ID, f.opts.Clock.Now(), f.currentSettings().FedExDailyQuota):
			fedexError(w, http.StatusTooManyRequests, "429", "The allocated daily quota is used up. Retry after 12:00AM GMT")
		default:
			next(w, r)
		}
	}
}

type fedexParty struct {
	Contact struct{ PersonName, CompanyName, PhoneNumber string }
	Address struct {
		StreetLines                                        []string
		City, StateOrProvinceCode, PostalCode, CountryCode string
	}
}

func (p fedexParty) party() party {
	return party{Name: or(p.Contact.PersonName, p.Contact.CompanyName), Attention: p.Contact.CompanyName, Phone: p.Contact.PhoneNumber,
		Lines: p.Address.StreetLines, City: p.Address.City, State: p.Address.StateOrProvinceCode, Postal: p.Address.PostalCode,
		Country: p.Address.CountryCode}
}

type fedexShipment struct {
	Shipper, Recipient        fedexParty
	Recipients                []fedexParty
	ServiceType               string
	LabelSpecification        struct{ ImageType string }
	RequestedPackageLineItems []struct {
		Weight struct {
			Units string
			Value number
		}
	}
}

type fedexRequest struct {
	AccountNumber     struct{ Value string }
	RequestedShipment fedexShipment
}

func (s fedexShipment) quote(to fedexParty, service string) Quote {
	q := Quote{FromCountry: s.Shipper.Address.CountryCode, FromPostalCode: s.Shipper.Address.PostalCode,
		ToCountry: to.Address.CountryCode, ToPostalCode: to.Address.PostalCode, Service: service}
	for _, p := range s.RequestedPackageLineItems {
		q.Grams += grams(float64(p.Weight.Value), p.Weight.Units)
	}
	return q
}

// fedexRead decodes a request and answers one that is not JSON.
func fedexRead(w http.ResponseWriter, r *http.Request, into any) bool {
	if err := readJSON(r, into); err != nil {
		fedexError(w, http.StatusBadRequest, "INVALID.INPUT.EXCEPTION", "Invalid field value in the input")
		return false
	}
	return true
}

func fedexMissing(w http.ResponseWriter, field string) bool {
	if field == "" {
		return true
	}
	fedexError(w, http.StatusBadRequest, "REQUIRED.FIELD.MISSING", field+" is required. Please modify your request and try again.")
	return false
}

// check answers a shipment that lacks what every operation needs.
func (q fedexRequest) check(w http.ResponseWriter, to fedexParty) bool {
	field := missing("accountNumber.value", q.AccountNumber.Value,
		"shipper.address.countryCode", q.RequestedShipment.Shipper.Address.CountryCode,
		"shipper.address.postalCode", q.RequestedShipment.Shipper.Address.PostalCode,
		"recipient.address.countryCode", to.Address.CountryCode, "recipient.address.postalCode", to.Address.PostalCode)
	if field == "" && q.RequestedShipment.quote(to, "").Grams <= 0 {
		field = "requestedPackageLineItems.weight"
	}
	return fedexMissing(w, field)
}

func (f *fedex) rate(w http.ResponseWriter, r *http.Request) {
	var in fedexRequest
	if !fedexRead(w, r, &in) || !in.check(w, in.RequestedShipment.Recipient) {
		return
	}
	types := []string{"PRIORITY_OVERNIGHT", "FEDEX_2_DAY", "FEDEX_GROUND"}
	if asked := in.RequestedShipment.ServiceType; asked != "" {
		types = []string{asked}
	}
	details := []obj{}
	for _, t := range types {
		known, ok := services[t]
		if !ok {
			fedexError(w, http.StatusBadRequest, "SERVICETYPE.NOT.FOUND", "The serviceType is not offered. Please modify your request and try again.")
			return
		}
		cents := in.RequestedShipment.quote(in.RequestedShipment.Recipient, t).Cents()
		dollars := float64(cents) / 100
		details = append(details, obj{
			"serviceType": t, "serviceName": known.name, "packagingType": "YOUR_PACKAGING",
			"ratedShipmentDetails": []obj{{"rateType": "ACCOUNT", "ratedWeightMethod": "ACTUAL", "totalDiscounts": 0.0,
				"totalBaseCharge": dollars, "totalNetCharge": dollars, "totalNetFedExCharge": dollars, "currency": "USD"}},
			"operationalDetail": obj{"transitTime": map[int]string{1: "ONE_DAY", 2: "TWO_DAYS", 4: "FOUR_DAYS"}[known.days]},
		})
	}
	f.reply(w, r, obj{"rateReplyDetails": details, "quoteDate": f.opts.Clock.Now().UTC().Format(time.DateOnly), "encoded": false})
}

// reply wraps an output the way every FedEx answer is wrapped.
func (f *fedex) reply(w http.ResponseWriter, r *http.Request, output obj) {
	answer := obj{"transactionId": fedexTransaction, "output": output}
	if id := r.Header.Get("x-customer-transaction-id"); id != "" {
		answer["customerTransactionId"] = id
	}
	writeGzipJSON(w, http.StatusOK, answer)
}

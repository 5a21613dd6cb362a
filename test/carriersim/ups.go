package carriersim

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ups plays UPS. Source: the OpenAPI files of UPS-API/api-documentation.
type ups struct {
	*Server
	tokenCalls window
	shipments  parcels
}

func (u *ups) routes(t *site) {
	t.refuse[UPS] = upsStatus
	t.handle(UPS, opToken, "POST /security/v1/oauth/token", u.token)
	t.handle(UPS, opRate, "POST /api/rating/{version}/{option}", u.authorized(opRate, u.rate))
	t.handle(UPS, opShip, "POST /api/shipments/{version}/ship", u.authorized(opShip, u.ship))
	t.handle(UPS, opVoid, "DELETE /api/shipments/{version}/void/cancel/{number}", u.authorized(opVoid, u.void))
	t.handle(UPS, opTrack, "GET /api/track/v1/details/{number}", u.authorized(opTrack, u.track))
}

func upsError(w http.ResponseWriter, status int, code, message string) {
	writeJSON(w, status, obj{"response": obj{"errors": []obj{{"code": code, "message": message}}}})
}

func upsStatus(w http.ResponseWriter, status int) {
	upsError(w, status, "10"+strconv.Itoa(status), http.StatusText(status))
}

// token takes client_secret_basic alone: credentials in the form are as good as none.
func (u *ups) token(w http.ResponseWriter, r *http.Request) {
	id, secret, ok := r.BasicAuth()
	if !ok {
		upsError(w, http.StatusBadRequest, "10400", "Invalid/Missing Authorization Header")
		return
	}
	settings, now := u.currentSettings(), u.opts.Clock.Now()
	if len(u.tokenCalls.add(id, now, time.Minute)) > settings.UPSTokenRequestsPerMinute {
		upsError(w, http.StatusTooManyRequests, "10429", "Too Many Requests")
		return
	}
	if r.ParseForm() != nil || r.PostForm.Get("grant_type") != "client_credentials" {
		upsError(w, http.StatusBadRequest, "10400", "Invalid/Missing grant_type")
		return
	}
	account, v := u.accounts.login(UPS, id, secret)
	merchant := r.Header.Get("x-merchant-id")
	switch {
	case v == unknownClient:
		upsError(w, http.StatusUnauthorized, "10401", "ClientId is Invalid")
	case v == wrongSecret:
		upsError(w, http.StatusUnauthorized, "10401", "Invalid Client Credentials")
	case v == disabled || merchant != "" && account.MerchantID != "" && merchant != account.MerchantID:
		upsError(w, http.StatusForbidden, "10403", "Blocked Merchant")
	default:
		life := settings.UPSTokenLifetimeSeconds
		u.log.tokenIssued(UPS)
		writeJSON(w, http.StatusOK, obj{
			"token_type": "Bearer", "issued_at": strconv.FormatInt(now.UnixMilli(), 10), "client_id": id,
			"access_token": u.accounts.issue(account, seconds(life)), "scope": "", "expires_in": strconv.Itoa(life),
			"refresh_count": "0", "status": "approved",
		})
	}
}

// authorized checks the bearer token. UPS gives one code for a missing, an unknown and an expired one, and for a product that the
// app does not have.
func (u *ups) authorized(operation string, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if _, v := u.accounts.bearer(UPS, bearerOf(r), operation); v != accepted {
			upsError(w, http.StatusUnauthorized, "250002", "Invalid Authentication Information.")
			return
		}
		next(w, r)
	}
}

type upsAddress struct {
	AddressLine                                      many[string]
	City, StateProvinceCode, PostalCode, CountryCode string
}

type upsParty struct {
	Name, AttentionName, ShipperNumber string
	Phone                              struct{ Number string }
	Address                            upsAddress
}

func (p upsParty) party() party {
	return party{Name: p.Name, Attention: p.AttentionName, Phone: p.Phone.Number, Lines: p.Address.AddressLine, City: p.Address.City,
		State: p.Address.StateProvinceCode, Postal: p.Address.PostalCode, Country: p.Address.CountryCode}
}

type upsShipment struct {
	Shipper, ShipTo upsParty
	ShipFrom        *upsParty
	Service         struct{ Code string }
	Package         many[struct {
		PackageWeight struct {
			UnitOfMeasurement struct{ Code string }
			Weight            number
		}
	}]
}

func (s upsShipment) quote(service string) Quote {
	from := s.Shipper.Address
	if s.ShipFrom != nil {
		from = s.ShipFrom.Address
	}
	q := Quote{FromCountry: from.CountryCode, FromPostalCode: from.PostalCode,
		ToCountry: s.ShipTo.Address.CountryCode, ToPostalCode: s.ShipTo.Address.PostalCode, Service: service}
	for _, p := range s.Package {
		q.Grams += grams(float64(p.PackageWeight.Weight), p.PackageWeight.UnitOfMeasurement.Code)
	}
	return q
}

// check answers a shipment that cannot be priced. UPS marks more as required in its specification than it demands.
func (s upsShipment) check(w http.ResponseWriter) bool {
	field := missing("Shipper/Address/CountryCode", s.Shipper.Address.CountryCode, "Shipper/Address/PostalCode", s.Shipper.Address.PostalCode,
		"ShipTo/Address/CountryCode", s.ShipTo.Address.CountryCode, "ShipTo/Address/PostalCode", s.ShipTo.Address.PostalCode)
	if field == "" && len(s.Package) == 0 {
		field = "Package"
	}
	for _, p := range s.Package {
		if field == "" && p.PackageWeight.Weight <= 0 {
			field = "Package/PackageWeight/Weight"
		}
	}
	return upsMissing(w, field)
}

func upsMissing(w http.ResponseWriter, field string) bool {
	if field == "" {
		return true
	}
	upsError(w, http.StatusBadRequest, "110208", "Missing/Illegal "+field)
	return false
}

func upsRead(w http.ResponseWriter, r *http.Request, into any) bool {
	if err := readJSON(r, into); err != nil {
		upsError(w, http.StatusBadRequest, "10001", "The request is not well formed or not valid")
		return false
	}
	return true
}

type upsRequest struct {
	TransactionReference struct{ CustomerContext string }
}

func (q upsRequest) response() obj {
	return obj{
		"ResponseStatus":       obj{"Code": "1", "Description": "Success"},
		"TransactionReference": obj{"CustomerContext": q.TransactionReference.CustomerContext},
	}
}

func usd(cents int) obj { return obj{"CurrencyCode": "USD", "MonetaryValue": amount(cents)} }

func pounds(grams int) obj {
	return obj{"UnitOfMeasurement": obj{"Code": "LBS", "Description": "Pounds"}, "Weight": fmt.Sprintf("%.1f", float64(grams)/453.59237)}
}

func (u *ups) rate(w http.ResponseWriter, r *http.Request) {
	var in struct {
		RateRequest struct {
			Request  upsRequest
			Shipment upsShipment
		}
	}
	if !upsRead(w, r, &in) || !in.RateRequest.Shipment.check(w) {
		return
	}
	s := in.RateRequest.Shipment
	codes := []string{s.Service.Code}
	switch option := strings.ToLower(r.PathValue("option")); option {
	case "shop", "shoptimeintransit":
		codes = []string{"01", "02", "12", "03"}
	case "rate", "ratetimeintransit":
		if _, known := services[s.Service.Code]; !known {
			upsError(w, http.StatusBadRequest, "111100", "The requested service is invalid from the selected origin.")
			return
		}
	default:
		upsError(w, http.StatusBadRequest, "10002", "Invalid request option "+option)
		return
	}
	rated := []obj{}
	for _, code := range codes {
		q := s.quote(code)
		rated = append(rated, obj{
			"Service":               obj{"Code": code, "Description": ""},
			"RatedShipmentAlert":    []obj{{"Code": "110971", "Description": "Your invoice may vary from the displayed reference rates"}},
			"BillingWeight":         pounds(q.Grams),
			"TransportationCharges": usd(q.Cents()),
			"ServiceOptionsCharges": usd(0),
			"TotalCharges":          usd(q.Cents()),
			"GuaranteedDelivery":    obj{"BusinessDaysInTransit": strconv.Itoa(services[code].days)},
		})
	}
	writeJSON(w, http.StatusOK, obj{"RateResponse": obj{"Response": in.RateRequest.Request.response(), "RatedShipment": rated}})
}

package carriersim

import (
	"encoding/base64"
	"net/http"
	"regexp"
)

func (u *ups) ship(w http.ResponseWriter, r *http.Request) {
	var in struct {
		ShipmentRequest struct {
			Request            upsRequest
			Shipment           upsShipment
			LabelSpecification struct {
				LabelImageFormat struct{ Code string }
			}
		}
	}
	if !upsRead(w, r, &in) || !in.ShipmentRequest.Shipment.check(w) {
		return
	}
	s := in.ShipmentRequest.Shipment
	from, to := s.Shipper.party(), s.ShipTo.party()
	if !upsMissing(w, missing("Shipper/Name", from.Name, "Shipper/ShipperNumber", s.Shipper.ShipperNumber, "ShipTo/Name", to.Name,
		"ShipTo/Address/City", to.City, "Service/Code", s.Service.Code)) {
		return
	}
	if len(to.Lines) == 0 {
		upsMissing(w, "ShipTo/Address/AddressLine")
		return
	}
	format := or(in.ShipmentRequest.LabelSpecification.LabelImageFormat.Code, "GIF")
	if format != "GIF" && format != "PNG" && format != "ZPL" {
		upsMissing(w, "LabelSpecification/LabelImageFormat/Code")
		return
	}
	p := u.shipments.add(parcel{From: from, To: to, Service: s.Service.Code, Quote: s.quote(s.Service.Code), Created: u.opts.Clock.Now()},
		func(seq int) string { return upsNumber(s.Shipper.ShipperNumber, s.Service.Code, seq) })
	image, err := label(format, p)
	if err != nil {
		upsError(w, http.StatusInternalServerError, "10500", "The label could not be made")
		return
	}
	writeJSON(w, http.StatusOK, obj{"ShipmentResponse": obj{
		"Response": in.ShipmentRequest.Request.response(),
		"ShipmentResults": obj{
			"ShipmentCharges": obj{
				"TransportationCharges": usd(p.Quote.Cents()), "ServiceOptionsCharges": usd(0), "TotalCharges": usd(p.Quote.Cents()),
			},
			"BillingWeight":                pounds(p.Quote.Grams),
			"ShipmentIdentificationNumber": p.Number,
			"PackageResults": []obj{{
				"TrackingNumber":        p.Number,
				"ServiceOptionsCharges": usd(0),
				"ShippingLabel":         obj{"ImageFormat": obj{"Code": format, "Description": format}, "GraphicImage": image},
			}},
		},
	}})
}

func (u *ups) void(w http.ResponseWriter, r *http.Request) {
	before, found := u.shipments.void(r.PathValue("number"))
	switch {
	case !found:
		upsError(w, http.StatusBadRequest, "190102", "No shipment found within the allowed void period")
	case before.Voided:
		upsError(w, http.StatusBadRequest, "190117", "The shipment has already been voided.")
	default:
		writeJSON(w, http.StatusOK, obj{"VoidShipmentResponse": obj{
			"Response":      upsRequest{}.response(),
			"SummaryResult": obj{"Status": obj{"Code": "1", "Description": "Voided"}},
		}})
	}
}

var upsTrackable = regexp.MustCompile(`^1Z[0-9A-Z]{16}$`)

// track always tells who received the parcel, and by default more than UPS does: the signature comes unless returnSignature=false
// forbids it, so that a test sees whether the flag was forced. The proof of delivery comes only for returnPOD=true.
func (u *ups) track(w http.ResponseWriter, r *http.Request) {
	if field := missing("transId", r.Header.Get("transId"), "transactionSrc", r.Header.Get("transactionSrc")); field != "" {
		upsError(w, http.StatusBadRequest, "VR0001", "Missing "+field)
		return
	}
	id := r.PathValue("number")
	if len(id) < 7 || len(id) > 34 {
		upsError(w, http.StatusBadRequest, "TV1002", "Invalid inquiry number")
		return
	}
	p, found := u.shipments.get(id)
	if !found {
		if !upsTrackable.MatchString(id) {
			upsError(w, http.StatusNotFound, "TW0001", "Tracking Information Not Found")
			return
		}
		p = somebodysParcel(id, u.opts.Clock.Now())
	}
	writeJSON(w, http.StatusOK, obj{"trackResponse": obj{"shipment": []obj{{
		"inquiryNumber": id,
		"package":       []obj{upsTracked(p, r.URL.Query().Get("returnSignature") != "false", r.URL.Query().Get("returnPOD") == "true")},
	}}}})
}

func upsTracked(p parcel, signature, pod bool) obj {
	delivered := p.Created.UTC().AddDate(0, 0, 2)
	delivery := obj{
		"location": "Front Door", "receivedBy": or(p.To.Attention, p.To.Name),
		"deliveryPhoto": obj{"isNonPostalCodeCountry": false, "photo": picture(p.Number), "photoCaptureInd": "Y", "photoDispositionCode": "V"},
	}
	if signature {
		delivery["signature"] = obj{"image": picture(p.Number + p.To.Name)}
	}
	if pod {
		delivery["pod"] = obj{"content": base64.StdEncoding.EncodeToString([]byte("<html><body>Delivered to " + p.To.Name + "</body></html>"))}
	}
	place := upsTrackAddress(p.To)
	status := obj{"type": "D", "description": "DELIVERED", "code": "FS", "statusCode": "011"}
	return obj{
		"trackingNumber": p.Number, "packageCount": 1,
		"currentStatus":       obj{"code": "011", "description": "Delivered"},
		"deliveryDate":        []obj{{"type": "DEL", "date": delivered.Format("20060102")}},
		"deliveryTime":        obj{"type": "DEL", "endTime": "130200"},
		"deliveryInformation": delivery,
		"activity": []obj{{"date": delivered.Format("20060102"), "time": "130200", "gmtOffset": "-05:00", "status": status,
			"location": obj{"address": obj{"city": p.To.City, "stateProvince": p.To.State, "countryCode": p.To.Country}, "slic": "8566"}}},
		"packageAddress": []obj{
			{"type": "ORIGIN", "name": p.From.Name, "attentionName": p.From.Attention, "address": upsTrackAddress(p.From)},
			{"type": "DESTINATION", "name": p.To.Name, "attentionName": p.To.Attention, "address": place},
		},
		"service": obj{"code": p.Service, "description": services[p.Service].name},
		"weight":  obj{"unitOfMeasurement": "LBS", "weight": pounds(p.Quote.Grams)["Weight"]},
	}
}

func upsTrackAddress(p party) obj {
	lines := append(append([]string{}, p.Lines...), "", "", "")
	return obj{"addressLine1": lines[0], "addressLine2": lines[1], "addressLine3": lines[2], "city": p.City, "stateProvince": p.State,
		"postalCode": p.Postal, "country": p.Country, "countryCode": p.Country}
}

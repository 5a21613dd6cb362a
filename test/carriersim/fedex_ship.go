package carriersim

import (
	"net/http"
	"regexp"
	"time"
)

func (f *fedex) ship(w http.ResponseWriter, r *http.Request) {
	var in fedexRequest
	if !fedexRead(w, r, &in) {
		return
	}
	s := in.RequestedShipment
	if len(s.Recipients) == 0 {
		fedexMissing(w, "recipients")
		return
	}
	from, to := s.Shipper.party(), s.Recipients[0].party()
	if !in.check(w, s.Recipients[0]) || !fedexMissing(w, missing("shipper.contact.phoneNumber", from.Phone, "shipper.address.city", from.City,
		"recipients.contact.phoneNumber", to.Phone, "recipients.address.city", to.City, "serviceType", s.ServiceType)) {
		return
	}
	if len(to.Lines) == 0 {
		fedexMissing(w, "recipients.address.streetLines")
		return
	}
	format := or(s.LabelSpecification.ImageType, "PDF")
	if format != "PDF" && format != "PNG" && format != "ZPLII" {
		fedexError(w, http.StatusBadRequest, "IMAGETYPE.INVALID", "The imageType is not offered. Please modify your request and try again.")
		return
	}
	p := f.shipments.add(parcel{From: from, To: to, Service: s.ServiceType, Quote: s.quote(s.Recipients[0], s.ServiceType),
		Created: f.opts.Clock.Now()}, fedexNumber)
	encoded, err := label(format, p)
	if err != nil {
		f.status(w, http.StatusInternalServerError)
		return
	}
	f.reply(w, r, obj{"transactionShipments": []obj{{
		"masterTrackingNumber": p.Number, "serviceType": p.Service, "serviceName": services[p.Service].name,
		"shipDatestamp": p.Created.UTC().Format(time.DateOnly),
		"pieceResponses": []obj{{
			"masterTrackingNumber": p.Number, "trackingNumber": p.Number, "packageSequenceNumber": 1,
			"netChargeAmount":  float64(p.Quote.Cents()) / 100,
			"packageDocuments": []obj{{"contentType": "LABEL", "docType": format, "copiesToPrint": 1, "encodedLabel": encoded}},
		}},
	}}})
}

var fedexTrackable = regexp.MustCompile(`^[0-9]{12,22}$`)

// track answers up to 30 numbers, each with its result or its error.
func (f *fedex) track(w http.ResponseWriter, r *http.Request) {
	var in struct {
		TrackingInfo []struct {
			TrackingNumberInfo struct{ TrackingNumber string }
		}
	}
	if !fedexRead(w, r, &in) {
		return
	}
	if n := len(in.TrackingInfo); n == 0 || n > 30 {
		fedexError(w, http.StatusBadRequest, "TRACKING.TRACKINGNUMBER.EMPTY", "Please provide 1 to 30 tracking numbers.")
		return
	}
	results := []obj{}
	for _, info := range in.TrackingInfo {
		id := info.TrackingNumberInfo.TrackingNumber
		p, found := f.shipments.get(id)
		result := obj{"trackingNumberInfo": obj{"trackingNumber": id, "carrierCode": "FDXG"}}
		if !found && !fedexTrackable.MatchString(id) {
			result["error"] = obj{"code": "TRACKING.TRACKINGNUMBER.NOTFOUND",
				"message": "Tracking number cannot be found. Please correct the tracking number and try again."}
		} else {
			if !found {
				p = somebodysParcel(id, f.opts.Clock.Now())
			}
			fedexTracked(result, p)
		}
		results = append(results, obj{"trackingNumber": id, "trackResults": []obj{result}})
	}
	f.reply(w, r, obj{"completeTrackResults": results})
}

func fedexTracked(result obj, p parcel) {
	delivered := p.Created.UTC().AddDate(0, 0, 2).Format(time.RFC3339)
	address := obj{"streetLines": p.To.Lines, "city": p.To.City, "stateOrProvinceCode": p.To.State, "postalCode": p.To.Postal,
		"countryCode": p.To.Country, "residential": false}
	result["latestStatusDetail"] = obj{"code": "DL", "derivedCode": "DL", "statusByLocale": "Delivered", "description": "Delivered"}
	result["dateAndTimes"] = []obj{{"type": "ACTUAL_DELIVERY", "dateTime": delivered}}
	result["deliveryDetails"] = obj{"receivedByName": p.To.Name, "signedByName": p.To.Name, "deliveryAttempts": "0",
		"locationType": "RESIDENCE", "actualDeliveryAddress": address}
	result["recipientInformation"] = obj{"contact": obj{"personName": p.To.Name, "phoneNumber": p.To.Phone}, "address": address}
	result["shipperInformation"] = obj{"contact": obj{"companyName": p.From.Name}, "address": obj{"city": p.From.City, "countryCode": p.From.Country}}
	result["availableImages"] = []obj{{"type": "SIGNATURE_PROOF_OF_DELIVERY", "size": "LARGE"}}
	result["scanEvents"] = []obj{{"date": delivered, "eventType": "DL", "eventDescription": "Delivered", "derivedStatus": "Delivered",
		"scanLocation": obj{"city": p.To.City, "stateOrProvinceCode": p.To.State, "countryCode": p.To.Country}}}
}

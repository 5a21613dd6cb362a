package main

import (
	"bytes"
	"fmt"
	"strings"
)

const (
	smallAnswer = 1 << 10 // bytes of JSON that the origin answers
	largeAnswer = 1 << 20 // bytes of the label
	// personalName is planted in requests and answers: minimization has worked where it is gone.
	personalName = "Jane Roe"
)

// workload is one kind of request.
type workload struct {
	name   string // as in tables
	key    string // as in -only
	method string
	path   string // below the base path
	body   []byte
	answer []byte // what the origin answers
}

var (
	getSmall  = workload{name: "GET 1 KB", key: "get-1k", method: "GET", path: "/track/1Z999AA10123456784", answer: trackingAnswer()}
	postSmall = workload{name: "POST 1.7 KB", key: "post-1.7k", method: "POST", path: "/rate/v1", body: rateRequest(1), answer: trackingAnswer()}
	postLarge = workload{name: "POST 16 KB", key: "post-16k", method: "POST", path: "/rate/large", body: rateRequest(40), answer: trackingAnswer()}
	download  = workload{name: "GET 1 MB", key: "get-1m", method: "GET", path: "/label/1", answer: bytes.Repeat([]byte("%PDF-1.7"), largeAnswer/8)}
)

var allWorkloads = []workload{getSmall, postSmall, postLarge, download}

// rateRequest asks for the price of a shipment. It names persons, as applications do, though a price needs none of that. With one
// parcel it is 1.7 KB long; each further one adds about a third of a KB.
func rateRequest(parcels int) []byte {
	address := func(street, city, state, code string) string {
		return fmt.Sprintf(`{"AddressLine": [%q], "City": %q, "StateProvinceCode": %q, "PostalCode": %q, "CountryCode": "US"}`, street, city, state, code)
	}
	shop, home := address("100 Sample Street", "Springfield", "IL", "62701"), address("1 Placeholder Avenue", "Metropolis", "NY", "10001")
	parcel := `{
        "PackagingType": {"Code": "02", "Description": "Package"},
        "Dimensions": {"UnitOfMeasurement": {"Code": "IN"}, "Length": "10", "Width": "8", "Height": "4.50"},
        "PackageWeight": {"UnitOfMeasurement": {"Code": "LBS"}, "Weight": "2.0"},
        "PackageServiceOptions": {"DeclaredValue": {"CurrencyCode": "USD", "MonetaryValue": "120.00"}}
      }`
	return fmt.Appendf(nil, `{
  "RateRequest": {
    "Request": {"RequestOption": "Rate", "TransactionReference": {"CustomerContext": "cart 4711"}},
    "PickupType": {"Code": "03"},
    "Shipment": {
      "Shipper": {
        "Name": "Example Outfitters", "AttentionName": "Shipping Desk", "ShipperNumber": "X9X9X9",
        "Phone": {"Number": "5550100"}, "EMailAddress": "desk@example.com",
        "Address": %s
      },
      "ShipTo": {
        "Name": %q, "AttentionName": %q, "TaxIdentificationNumber": "000-00-0000",
        "Phone": {"Number": "5550123", "Extension": "7"}, "EMailAddress": "jane.roe@example.net",
        "Address": %s
      },
      "ShipFrom": {
        "Name": "Example Outfitters",
        "Address": %s
      },
      "PaymentDetails": {"ShipmentCharge": [{"Type": "01", "BillShipper": {"AccountNumber": "X9X9X9"}}]},
      "Service": {"Code": "03", "Description": "Ground"},
      "NumOfPieces": "%d",
      "Package": [%s]
    }
  }
}
`, shop, personalName, personalName, home, shop, parcels, strings.TrimSuffix(strings.Repeat(parcel+", ", parcels), ", "))
}

// rateAllow are the fields that a price needs: places, parcels and service. What else a request holds is removed, and by the second
// rule fields inside of the list of parcels.
var (
	rateAllow = []string{
		"$.RateRequest.Request.RequestOption", "$.RateRequest.PickupType", "$.RateRequest.Shipment.Service",
		"$.RateRequest.Shipment.Shipper.ShipperNumber", "$.RateRequest.Shipment.PaymentDetails",
		"$.RateRequest.Shipment.Shipper.Address.PostalCode", "$.RateRequest.Shipment.Shipper.Address.CountryCode",
		"$.RateRequest.Shipment.ShipFrom.Address.PostalCode", "$.RateRequest.Shipment.ShipFrom.Address.CountryCode",
		"$.RateRequest.Shipment.ShipTo.Address.PostalCode", "$.RateRequest.Shipment.ShipTo.Address.StateProvinceCode",
		"$.RateRequest.Shipment.NumOfPieces", "$.RateRequest.Shipment.Package[*]",
	}
	rateRemove    = []string{"$..Description"}
	rateRequire   = []string{"$.RateRequest.Shipment.ShipTo.Address.CountryCode"}
	answerRemoved = []string{"$..receivedBy", "$..signature", "$..phone", "$.events[*].person"}
)

// trackingAnswer is exactly smallAnswer bytes of JSON.
func trackingAnswer() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"receivedBy":%q,"phone":"5550123","signature":"c2lnbmF0dXJl","events":[`, personalName)
	for i := range 8 {
		fmt.Fprintf(&b, `{"code":"E%d","at":"2026-11-0%dT10:00:00Z","city":"Springfield","person":%q},`, i, i+1, personalName)
	}
	b.Truncate(b.Len() - 1)
	b.WriteString(`],"note":"`)
	b.WriteString(strings.Repeat("x", smallAnswer-b.Len()-2))
	b.WriteString(`"}`)
	return b.Bytes()
}

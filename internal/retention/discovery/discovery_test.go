package discovery

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNamesSuggestCategoriesWhateverTheirSpelling(t *testing.T) {
	for name, want := range map[string]string{
		"email": "user.contact.email", "shipTo_EMail": "user.contact.email", "E-Mail": "user.contact.email", "contactEmail2": "user.contact.email",
		"recipient-phone": "user.contact.phone_number", "customerIPAddress": "user.device.ip_address", "client_ip": "user.device.ip_address",
		"zip": "user.contact.address.postal_code", "postalCode": "user.contact.address.postal_code", "street1": "user.contact.address.street", "ipv4": "user.device.ip_address",
		"consignee.first_name": "user.name.first", "dateOfBirth": "user.demographic.date_of_birth", "ship_to_address": "user.contact.address",
		"id": "", "status": "", "tip": "", "description": "", "hotel": "", "created_at": "", "capacity": "", "name": "", "": "", "___": "",
		"customer_id": "user.unique_id", "IBAN": "user.financial.bank_account", "GPSLatitude": "user.location",
	} {
		if got := Classify(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

func TestUndecided(t *testing.T) {
	fields := []Field{
		{Collection: "public.orders", Name: "id", Type: "bigint"},
		{Collection: "public.orders", Name: "note", Type: "text"},
		{Collection: "public.orders", Name: "email", Type: "text"},
		{Collection: "public.orders", Name: "phone", Type: "text"},
		{Collection: "public.rates", Name: "amount", Type: "numeric"},
		{Collection: "public.rates", Name: "street", Type: "text"},
	}
	got := Undecided(fields, map[string][]string{"public.orders": {"id", "email"}, "public.gone": {"x"}})
	want := []Finding{
		{Collection: "public.orders", Field: "phone", Type: "text", LooksLike: "user.contact.phone_number"},
		{Collection: "public.rates", Field: "street", Type: "text", LooksLike: "user.contact.address.street"},
		{Collection: "public.orders", Field: "note", Type: "text"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Package discovery finds fields of a store that nobody has decided about, and guesses what they hold by their names. It is never told values.
package discovery

import (
	"slices"
	"strings"
	"unicode"
)

// Field of a collection, as the store describes it.
type Field struct {
	Collection, Name, Type string
	// Nested says that dots in the name tell what contains what.
	Nested bool
}

// Finding is a field without a decision. LooksLike is the category that its name suggests; empty: none.
type Finding struct {
	Collection string `json:"collection"`
	Field      string `json:"field"`
	Type       string `json:"type,omitempty"`
	LooksLike  string `json:"looksLike,omitempty"`
}

// Undecided returns the fields that need a decision: of a collection that decided lists, every field that is not among its decided ones; of
// any other collection, fields whose names suggest personal data. Guesses come first, otherwise the order of the fields is kept.
func Undecided(fields []Field, decided map[string][]string) []Finding {
	var likely, others []Finding
	for _, f := range fields {
		known, listed := decided[f.Collection]
		finding := Finding{Collection: f.Collection, Field: f.Name, Type: f.Type, LooksLike: Classify(f.Name)}
		switch {
		case isDecided(f, known):
		case finding.LooksLike != "":
			likely = append(likely, finding)
		case listed:
			others = append(others, finding)
		}
	}
	return append(likely, others...)
}

// hint says what a name suggests that has all the words.
type hint struct {
	words    string
	category string
}

// hints are in the order in which they are tried: the more special ones first. Their categories are those of Fides' taxonomy
// (https://ethyca.github.io/fideslang/), as far as it has them.
var hints = []hint{
	{"email", "user.contact.email"}, {"mail", "user.contact.email"},
	{"phone", "user.contact.phone_number"}, {"mobile", "user.contact.phone_number"}, {"telephone", "user.contact.phone_number"},
	{"tel", "user.contact.phone_number"}, {"msisdn", "user.contact.phone_number"}, {"fax", "user.contact.fax_number"},
	{"ip address", "user.device.ip_address"}, {"ip", "user.device.ip_address"}, {"ipv", "user.device.ip_address"},
	{"user agent", "user.device"}, {"device id", "user.device"}, {"cookie", "user.device.cookie_id"},
	{"iban", "user.financial.bank_account"}, {"bic", "user.financial.bank_account"}, {"card number", "user.financial.credit_card"},
	{"tax id", "user.government_id"}, {"vat id", "user.government_id"}, {"passport", "user.government_id.passport_number"},
	{"ssn", "user.government_id"}, {"eori", "user.government_id"},
	{"birthday", "user.demographic.date_of_birth"}, {"birth", "user.demographic.date_of_birth"}, {"dob", "user.demographic.date_of_birth"},
	{"gender", "user.demographic.gender"},
	{"password", "user.authorizations"}, {"username", "user.account.username"}, {"login", "user.account.username"}, {"user name", "user.account.username"},
	{"first name", "user.name.first"}, {"firstname", "user.name.first"}, {"given name", "user.name.first"}, {"forename", "user.name.first"},
	{"last name", "user.name.last"}, {"lastname", "user.name.last"}, {"surname", "user.name.last"}, {"family name", "user.name.last"},
	{"full name", "user.name"}, {"fullname", "user.name"}, {"customer name", "user.name"}, {"contact name", "user.name"},
	{"recipient", "user.name"}, {"consignee", "user.name"}, {"addressee", "user.name"}, {"signature", "user.biometric"}, {"signed by", "user.name"},
	{"street", "user.contact.address.street"}, {"house number", "user.contact.address.street"}, {"address", "user.contact.address"},
	{"postcode", "user.contact.address.postal_code"}, {"postal code", "user.contact.address.postal_code"}, {"zip", "user.contact.address.postal_code"},
	{"zipcode", "user.contact.address.postal_code"}, {"city", "user.contact.address.city"}, {"town", "user.contact.address.city"},
	{"latitude", "user.location"}, {"longitude", "user.location"}, {"lat", "user.location"}, {"lng", "user.location"}, {"geo", "user.location"},
	{"customer id", "user.unique_id"}, {"user id", "user.unique_id"}, {"person id", "user.unique_id"},
}

// Classify guesses a field's category by its name, whatever its spelling: shipTo_EMail, recipient-phone, adresse.zip. Empty: it suggests none.
func Classify(name string) string {
	has := words(name)
	for _, h := range hints {
		if containsRun(has, strings.Fields(h.words)) {
			return h.category
		}
	}
	return ""
}

// containsRun says whether the words stand in a row somewhere.
func containsRun(all, run []string) bool {
	for i := 0; i+len(run) <= len(all); i++ {
		if slices.Equal(all[i:i+len(run)], run) {
			return true
		}
	}
	return false
}

// words splits a name at everything but letters and digits, and where lower case turns to upper, in lower case. "E-Mail" and "EMail" are mail. Numbers at
// the end, as in street2, are left out.
func words(name string) []string {
	var all []string
	var word []rune
	flush := func() {
		if text := strings.TrimRight(strings.ToLower(string(word)), "0123456789"); text != "" {
			all = append(all, text)
		}
		word = nil
	}
	runes := []rune(name)
	for i, r := range runes {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			flush()
			continue
		case unicode.IsUpper(r) && i > 0 && unicode.IsLower(runes[i-1]),
			unicode.IsUpper(r) && len(word) > 0 && i+1 < len(runes) && unicode.IsLower(runes[i+1]):
			flush()
		}
		word = append(word, r)
	}
	flush()
	return all
}

package profilelint

import (
	"strings"
	"testing"
	"time"
)

// sound is a profile without findings; the cases change one thing of it.
const sound = `
apiVersion: carrier-operator.io/v1alpha1
kind: CarrierProfile
metadata:
  name: parcels
spec:
  title: Parcels
  sources:
  - url: https://developer.example.com/api
    reviewedOn: "2026-11-01"
    covers: [Endpoints, Authentication, Operations, Fields, Limits]
  environments:
  - name: Production
    endpoints:
    - {role: API, url: "https://api.example.com/v1"}
    - {role: Document, url: "https://documents.example.com"}
  authentication:
    type: Basic
    basic: {usernameKey: username, passwordKey: password}
  operations:
  - name: rate
    requests:
    - {method: POST, path: /rates}
    request:
      format: JSON
      allow: [$.to.postalCode, "$.parcels[*].weight"]
      require: [$.to.postalCode]
    consents:
    - purpose: delivery-notice
      allow: [$.to.email]
  - name: track
    requests:
    - {method: GET, path: "/parcels/{number}"}
    response:
      format: JSON
      remove: [$..signedBy]
  limits:
  - {name: all, appliesTo: Requests, requests: 10, windowSeconds: 1}
`

var today = time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)

func TestASoundProfileHasNoFindings(t *testing.T) {
	found, err := Check([]byte(sound), today)
	if err != nil {
		t.Fatal(err)
	}
	for _, finding := range found {
		t.Errorf("%s: %s: %s", finding.Path, finding.Severity, finding.Message)
	}
}

func TestFindings(t *testing.T) {
	for name, tc := range map[string]struct {
		old, replacement string
		severity         Severity
		path, message    string
	}{
		"a misspelled field": {"title: Parcels", "titel: Parcels", Error, "", "titel"},
		"another kind":       {"kind: CarrierProfile", "kind: ConfigMap", Error, "kind", "reads CarrierProfile"},
		"what the schema refuses": {"windowSeconds: 1}", "windowSeconds: 0}",
			Error, "spec.limits[0].windowSeconds", "greater than or equal to 1"},
		"two entries of one name": {"  limits:\n", "  limits:\n  - {name: all, appliesTo: Requests, requests: 9, windowSeconds: 9}\n",
			Error, "spec.limits[1]", "Duplicate value"},
		"what a CEL rule refuses": {"{role: API,", "{role: Label,", Error, "spec.environments[0].endpoints", "an environment needs an endpoint of role API"},
		"plain HTTP": {"https://documents.example.com", "http://documents.example.com",
			Error, "spec.environments[0].endpoints[1].url", "is not encrypted"},
		"a key that no Secret can have": {"usernameKey: username", `usernameKey: "user name"`, Error, "spec.authentication", `the key "user name"`},
		"one request of two operations": {"/parcels/{number}\"}\n", "/parcels/{number}\"}\n    - {method: POST, path: /rates}\n",
			Error, "spec.operations[1].requests[1]", "also a request of operation rate"},
		"parameters do not tell requests apart": {"{method: POST, path: /rates}", "{method: GET, path: \"/parcels/{id}\"}",
			Error, "spec.operations[1].requests[0]", "also a request of operation rate"},
		"a path that does not compile": {"$.to.postalCode, ", "\"$.to[0]\", ", Error, "spec.operations[0].request", "do not compile"},
		"a consent that does not compile": {"allow: [$.to.email]", "allow: [to.email]",
			Error, "spec.operations[0].consents[0].allow", "do not compile"},
		"a floor above the allow-list": {"require: [$.to.postalCode]", "require: [$.to.postalCode, $.to.city]",
			Error, "spec.operations[0].request.require[1]", "$.to.city is required and not allowed"},
		"a removal without effect": {"      require: [$.to.postalCode]", "      require: [$.to.postalCode]\n      remove: [$.from.name]",
			Warning, "spec.operations[0].request.remove[0]", "removed anyway"},
		"rating with a phone number": {"$.to.postalCode, ", "$.to.postalCode, $.to.phoneNumber, ",
			Warning, "spec.operations[0].request.allow[1]", "$.to.phoneNumber lets a person's data through"},
		"rating with a name": {"$.to.postalCode, ", "$.to.postalCode, \"$.to['Name']\", ",
			Warning, "spec.operations[0].request.allow[1]", "lets a person's data through"},
		"a consent for what passes anyway": {"allow: [$.to.email]", "allow: [\"$.parcels[*].weight.unit\"]",
			Warning, "spec.operations[0].consents[0].allow[0]", "passes without a purpose already"},
		"tracking that returns everything": {"    response:\n      format: JSON\n      remove: [$..signedBy]\n", "",
			Warning, "spec.operations[1].response", "reach the client whole"},
		"numbers without a source": {", Fields, Limits]", ", Fields]", Warning, "spec.limits", "no source covers Limits"},
		"an old review":            {"2026-11-01", "2025-11-23", Warning, "spec.sources[0].reviewedOn", "more than 365 days ago"},
		"a review to come":         {"2026-11-01", "2026-12-01", Error, "spec.sources[0].reviewedOn", "has not come yet"},
		"a throttled operation that is not there": {"  limits:\n", "  throttling:\n  - {name: busy, status: 503, operations: [label]}\n  limits:\n",
			Error, "spec.throttling[0].operations[0]", `no operation "label"`},
	} {
		t.Run(name, func(t *testing.T) {
			source := strings.Replace(sound, tc.old, tc.replacement, 1)
			if source == sound {
				t.Fatalf("%q does not occur in the profile", tc.old)
			}
			found, err := Check([]byte(source), today)
			if err != nil {
				t.Fatal(err)
			}
			for _, finding := range found {
				if finding.Severity == tc.severity && finding.Path == tc.path && strings.Contains(finding.Message, tc.message) {
					return
				}
			}
			t.Errorf("want %s: %s: ...%s..., got %+v", tc.path, tc.severity, tc.message, found)
		})
	}
}

func TestStreams(t *testing.T) {
	for name, tc := range map[string]struct {
		source string
		want   int
	}{
		"two documents, both judged":        {strings.ReplaceAll(sound, "2026-11-01", "2025-01-01") + "---\n" + strings.ReplaceAll(sound, "2026-11-01", "2025-01-01"), 2},
		"comments are no document":          {"# nothing\n---\n" + sound, 0},
		"an empty file says that it is one": {"# nothing\n", 1},
		"what is not YAML":                  {"a: [", 1},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := Check([]byte(tc.source), today)
			if err != nil {
				t.Fatal(err)
			}
			if len(found) != tc.want {
				t.Errorf("%d findings, want %d: %+v", len(found), tc.want, found)
			}
		})
	}
}

func TestCoverage(t *testing.T) {
	for name, tc := range map[string]struct {
		allowed, path string
		want          bool
	}{
		"the same":                       {"$.a.b", "$.a.b", true},
		"below":                          {"$.a", "$.a.b", true},
		"above":                          {"$.a.b", "$.a", false},
		"a longer name":                  {"$.a", "$.ab", false},
		"an element is the list":         {"$.a[*].b", "$.a.b", true},
		"quoted":                         {"$['a-b'].c", `$["a-b"].c`, true},
		"an attribute":                   {"$.a['@b']", "$.a['@b']", true},
		"anywhere":                       {"$..b", "$.a.c.b.d", true},
		"anywhere, but not there":        {"$..b", "$.a.c", false},
		"everything":                     {"$", "$.a", true},
		"a name with a dot in quotation": {"$['a.b']", "$.a.b", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := anyCovers([]string{tc.allowed}, tc.path); got != tc.want {
				t.Errorf("%s covers %s: %t, want %t", tc.allowed, tc.path, got, tc.want)
			}
		})
	}
}

func TestFieldsOfAPerson(t *testing.T) {
	for name, want := range map[string]bool{
		"name": true, "Name1": true, "firstName": true, "CompanyName": false, "personName": true, "contactName": true, "attention_name": true,
		"phone": true, "phoneNumber": true, "MobilePhoneNumber": true, "EMailAddress": true, "email": true, "mail": true, "mailClass": false,
		"Birthdate": true, "dateOfBirth": true, "stateTaxId": true, "TaxIdentificationNumber": true, "serviceName": false, "productName": false,
		"postalCode": false, "cityName": false, "countryCode": false, "signature": true, "signatureOptionType": false, "faxNumber": true,
	} {
		if got := personal.MatchString(name); got != want {
			t.Errorf("%s: %t, want %t", name, got, want)
		}
	}
}

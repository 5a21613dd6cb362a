package minimize

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
)

// checkAgainstOracle judges one call of AppendJSON in every mode by the oracle.
func checkAgainstOracle(t *testing.T, program *Program, rules Rules, src []byte) {
	t.Helper()
	var report Removed
	if out, err := program.AppendJSON([]byte("prefix"), src, Report, &report); err != nil || string(out) != "prefix"+string(src) {
		t.Fatalf("Report changed the body or failed: %v\nin  %q\nout %q", err, src, out)
	}
	doc, decodeErr := decodeStrict(src)
	var removed Removed
	out, err := program.AppendJSON([]byte("prefix"), src, Redact, &removed)
	if decodeErr != nil || doc.depth() > 64 {
		if err == nil || report.Undecodable == "" || string(out) != "prefix" {
			t.Fatalf("accepted what jsontext refuses (%v)\nin  %q\nout %q", decodeErr, src, out)
		}
		return
	}
	o := newOracle(rules)
	want := o.reduce(doc, nil)
	if want == nil {
		if e, ok := errors.AsType[*Error](err); !ok || e.Rule != RuleRootNotAllowed {
			t.Fatalf("in %q: error %v, want %s", src, err, RuleRootNotAllowed)
		}
		return
	}
	if err != nil {
		t.Fatalf("refused what jsontext accepts: %v\nin %q", err, src)
	}
	got, err := decodeStrict(out[len("prefix"):])
	if err != nil {
		t.Fatalf("output is not JSON: %v\nin  %q\nout %q", err, src, out)
	}
	if got.String() != want.String() {
		t.Fatalf("rules %+v\nin   %s\ngot  %s\nwant %s", rules, src, got, want)
	}
	if (removed.Total > 0) != (o.removed > 0) || removed.Total == 0 && string(out) != "prefix"+string(src) {
		t.Fatalf("rules %+v\nin  %q\nout %q\nremoved %d, oracle %d", rules, src, out, removed.Total, o.removed)
	}
	if removed.Total != report.Total || len(removed.Missing) != len(rules.Require)-len(o.present) {
		t.Fatalf("rules %+v\nin %q\nreport %+v\nremoved %+v\npresent %v", rules, src, report, removed, o.present)
	}
	again, err := program.AppendJSON(nil, out[len("prefix"):], Redact, nil)
	if err != nil || string(again) != string(out[len("prefix"):]) {
		t.Fatalf("rules %+v: a second pass changes the result again: %v\nfirst  %s\nsecond %s", rules, err, out, again)
	}
	var strict Removed
	out2, err := program.AppendJSON([]byte("prefix"), src, Enforce, &strict)
	refuse := report.Variants > 0 || len(removed.Missing) > 0
	if (err != nil) != refuse || err == nil && string(out2) != string(out) {
		t.Fatalf("rules %+v\nin %q\nEnforce: %q, %v; want refusal %v, else %q", rules, src, out2, err, refuse, out)
	}
}

var alphabet = []string{"a", "b", "c", "A", "phone", "PHONE", "x y", "", "a.b", "рhone"}

func randomDocument(r *rand.Rand, depth int) string {
	if depth == 0 || r.IntN(3) == 0 {
		return []string{`1.0`, `-0`, `1e400`, `"x"`, `"\u00e9\ud83d\ude00"`, `null`, `true`, `{}`, `[]`}[r.IntN(9)]
	}
	var parts []string
	if r.IntN(3) == 0 {
		for range r.IntN(4) {
			parts = append(parts, randomDocument(r, depth-1))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	for _, i := range r.Perm(len(alphabet))[:r.IntN(5)] {
		parts = append(parts, fmt.Sprintf("%q: %s", alphabet[i], randomDocument(r, depth-1)))
	}
	return "{" + strings.Join(parts, " ,") + "}"
}

func randomPaths(r *rand.Rand, most int) (paths []string) {
	for range r.IntN(most + 1) {
		path := "$"
		for range 1 + r.IntN(3) {
			name := alphabet[r.IntN(len(alphabet))]
			path += []string{fmt.Sprintf("['%s']", name), fmt.Sprintf("['%s']", name), "[*]", fmt.Sprintf("..['%s']", name)}[r.IntN(4)]
		}
		paths = append(paths, path)
	}
	return paths
}

func TestRandomDocumentsAgainstOracle(t *testing.T) {
	for seed := range 5000 {
		r := rand.New(rand.NewPCG(uint64(seed), 1))
		rules := Rules{Allow: randomPaths(r, 3), Remove: randomPaths(r, 2), Require: randomPaths(r, 1), Exceptions: randomPaths(r, 1)}
		checkAgainstOracle(t, mustCompile(t, rules), rules, []byte(randomDocument(r, 5)))
	}
}

// upsRate is the allow-list of a rating request: places, parcels and service, no persons.
var upsRate = Rules{
	Allow: []string{
		"$.RateRequest.Request.RequestOption", "$.RateRequest.PickupType", "$.RateRequest.Shipment.Service",
		"$.RateRequest.Shipment.Shipper.ShipperNumber", "$.RateRequest.Shipment.PaymentDetails",
		"$.RateRequest.Shipment.Shipper.Address.PostalCode", "$.RateRequest.Shipment.Shipper.Address.CountryCode",
		"$.RateRequest.Shipment.ShipFrom.Address.PostalCode", "$.RateRequest.Shipment.ShipFrom.Address.CountryCode",
		"$.RateRequest.Shipment.ShipTo.Address.PostalCode", "$.RateRequest.Shipment.ShipTo.Address.StateProvinceCode",
		"$.RateRequest.Shipment.ShipTo.Address.ResidentialAddressIndicator",
		"$.RateRequest.Shipment.NumOfPieces", "$.RateRequest.Shipment.Package[*]",
	},
	Remove:  []string{"$..Description"},
	Require: []string{"$.RateRequest.Shipment.ShipTo.Address.CountryCode"},
}

// fuzzRules are sets of rules of different kinds over names that the seeds use.
var fuzzRules = []Rules{
	upsRate,
	{Remove: []string{"$..phone", "$..signature", "$.a[*].b"}},
	{Allow: []string{"$.a.b", "$.list[*].x", "$['a.b']", "$..keep"}, Require: []string{"$.a.c"}},
	{Allow: []string{"$.a"}, Remove: []string{"$.a..phone", "$.a.b[*]"}, Exceptions: []string{"$.a.b.phone"}},
	{Allow: []string{"$[*].x", "$[*][*].y"}, Remove: []string{"$[*].x.z"}},
	{},
}

func FuzzJSON(f *testing.F) {
	ups, err := os.ReadFile("testdata/ups-rate-request.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(ups, uint8(0))
	for _, row := range badInputs {
		if len(row.body) < 1<<12 {
			f.Add([]byte(row.body), uint8(1))
		}
	}
	for i := range uint8(6) {
		f.Add([]byte(`{"a":{"b":[{"phone":1},{"x":[]}],"c":1.0,"PHONE":"x"},"list":[{"x":1,"y":2},[{"x":{"z":1}}]],"keep":{}}`), i)
	}
	var programs []*Program
	for _, rules := range fuzzRules {
		programs = append(programs, mustCompile(f, rules))
	}
	f.Fuzz(func(t *testing.T, src []byte, set uint8) {
		i := int(set) % len(fuzzRules)
		checkAgainstOracle(t, programs[i], fuzzRules[i], src)
	})
}

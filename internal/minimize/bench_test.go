package minimize

import (
	"bytes"
	"fmt"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
)

// CPU per message on a 2-core virtual machine (least of eight runs, Go 1.27.3): JSON1700B 6.1 µs, JSON1700BDeny 5.0, XML1700B 5.9,
// XML1700BDeny 5.2, Form1700B 9, XMLInForm 18 (2.4 KB with its escapes, undone and done again), Multipart 19 (64 KiB copied).

func benchmarkJSON(b *testing.B, src []byte, rules Rules) {
	benchmark(b, Message{Format: FormatJSON, Body: src}, rules)
}

func benchmark(b *testing.B, m Message, rules Rules) {
	p := mustCompile(b, rules)
	var r Removed
	dst := make([]byte, 0, 2*len(m.Body))
	b.SetBytes(int64(len(m.Body)))
	b.ReportAllocs()
	before := cpuTime()
	for b.Loop() {
		r.Reset()
		if _, err := p.Append(dst, m, Enforce, &r); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cpuTime()-before)/float64(b.N), "cpu-ns/op") // steadier than wall time on a busy machine
	if r.Total == 0 {
		b.Fatal("nothing was removed")
	}
}

// cpuTime is what this process has used, in nanoseconds.
func cpuTime() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return usage.Utime.Nano() + usage.Stime.Nano()
}

func upsRequest(b *testing.B) []byte { return testdata(b, "ups-rate-request.json") }

func testdata(b *testing.B, name string) []byte {
	src, err := os.ReadFile("testdata/" + name)
	if err != nil {
		b.Fatal(err)
	}
	return src
}

func BenchmarkJSON1700B(b *testing.B) { benchmarkJSON(b, upsRequest(b), upsRate) }

// BenchmarkJSON1700BDeny removes four kinds of field at any depth, as responses need it.
func BenchmarkJSON1700BDeny(b *testing.B) {
	benchmarkJSON(b, upsRequest(b), Rules{Remove: []string{"$..AttentionName", "$..Phone", "$..EMailAddress", "$.RateRequest.Shipment.Package[*].Name"}})
}

// BenchmarkJSON80KB is a list of 46 such requests.
func BenchmarkJSON80KB(b *testing.B) {
	src := append([]byte("["), bytes.Join(slicesOf(upsRequest(b), 46), []byte(","))...)
	rules := Rules{Remove: []string{"$..Description"}}
	for _, path := range upsRate.Allow {
		rules.Allow = append(rules.Allow, "$[*]"+path[1:])
	}
	benchmarkJSON(b, append(src, ']'), rules)
}

func soapRequest(b *testing.B) Message {
	return Message{Format: FormatXML, Body: testdata(b, "soap-rate-request.xml")}
}

func BenchmarkXML1700B(b *testing.B) { benchmark(b, soapRequest(b), soapRate) }

// BenchmarkXML1700BDeny removes four kinds of element at any depth.
func BenchmarkXML1700BDeny(b *testing.B) {
	benchmark(b, soapRequest(b), Rules{Remove: []string{"$..AttentionName", "$..Phone", "$..EMail", "$..Package.Description"}})
}

// BenchmarkForm1700B has 62 fields, half of which pass.
func BenchmarkForm1700B(b *testing.B) {
	var form []byte
	rules := Rules{}
	for i := range 62 {
		name := fmt.Sprintf("shipment_field_%d", i)
		form = fmt.Appendf(form, "&%s=%s", name, "Jane+Roe%2C+1")
		if i%2 == 0 {
			rules.Allow = append(rules.Allow, "$."+name)
		}
	}
	benchmark(b, Message{Format: FormatForm, Body: form[1:]}, rules)
}

// BenchmarkXMLInForm is the same SOAP request escaped in a field.
func BenchmarkXMLInForm(b *testing.B) {
	rules := Rules{Embedded: []Embedded{{"$.xml_in", FormatXML}}}
	for _, path := range soapRate.Allow {
		rules.Allow = append(rules.Allow, "$.xml_in"+path[1:])
	}
	benchmark(b, Message{Format: FormatForm, Body: []byte("xml_in=" + url.QueryEscape(string(soapRequest(b).Body)))}, rules)
}

// BenchmarkMultipart has the JSON rating request in one part and 64 KiB of a picture in another.
func BenchmarkMultipart(b *testing.B) {
	rules := Rules{Allow: []string{"$.photo"}, Embedded: []Embedded{{"$.rate", FormatJSON}}}
	for _, path := range upsRate.Allow {
		rules.Allow = append(rules.Allow, "$.rate"+path[1:])
	}
	body := formPart("name=rate", "Content-Type: application/json\n", string(upsRequest(b))) +
		formPart(`name=photo; filename="Jane.png"`, "Content-Type: image/png\n", strings.Repeat("\x89PNG", 16<<10)) + formEnd
	benchmark(b, Message{Format: FormatMultipart, ContentType: formType, Body: []byte(body)}, rules)
}

func slicesOf(s []byte, n int) [][]byte {
	all := make([][]byte, n)
	for i := range all {
		all[i] = s
	}
	return all
}

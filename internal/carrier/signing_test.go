package carrier

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
	"github.com/carrier-operator/carrier-operator/internal/minimize"
)

// signedAt is 1545880607433 milliseconds after the epoch.
var signedAt = time.UnixMilli(1545880607433)

func signer(t *testing.T, s config.RequestSigning) part {
	t.Helper()
	credential := NewCredential("main", map[string][]byte{
		"apiKey": []byte("pk_test\n"), "apiSecret": []byte("sk_test"), "id": []byte("shop"), "checkWord": []byte("ch*ck~w rd"),
	})
	p, err := newSigning(&s, credential, clocktesting.NewFakePassiveClock(signedAt))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func lalamove() config.RequestSigning {
	return config.RequestSigning{Algorithm: "HMACSHA256", SecretKey: "apiSecret", Encoding: "Hex", TimestampFormat: "UnixMilliseconds",
		StringToSign: "{timestamp}\r\n{method}\r\n{path}\r\n\r\n{body}",
		Headers:      []config.SignedTemplate{{Name: "Authorization", Value: "hmac {credential:apiKey}:{timestamp}:{signature}"}}}
}

func sfExpress() config.RequestSigning {
	return config.RequestSigning{Algorithm: "MD5", URLEncode: true, Encoding: "Base64", TimestampFormat: "UnixSeconds",
		StringToSign: "{form:msgData}{timestamp}{credential:checkWord}",
		FormFields:   []config.SignedTemplate{{Name: "timestamp", Value: "{timestamp}"}, {Name: "msgDigest", Value: "{signature}"}}}
}

// Lalamove: HMAC-SHA-256 over timestamp, method, path and body, hexadecimal, in the header Authorization.
func TestSignatureOfLalamove(t *testing.T) {
	for name, body := range map[string]string{"with a body": `{"data":{"serviceType":"MOTORCYCLE"}}`, "without one": ""} {
		t.Run(name, func(t *testing.T) {
			out := &Outgoing{Method: http.MethodPost, Path: "/v3/quotations", Body: []byte(body), ContentType: "application/json",
				Header: http.Header{"Authorization": {"hmac of:the:client", "twice"}}}
			if err := signer(t, lalamove()).apply(out); err != nil {
				t.Fatal(err)
			}
			mac := hmac.New(sha256.New, []byte("sk_test"))
			fmt.Fprintf(mac, "1545880607433\r\nPOST\r\n/v3/quotations\r\n\r\n%s", body)
			want := fmt.Sprintf("hmac pk_test:1545880607433:%x", mac.Sum(nil))
			if got := out.Header.Values("Authorization"); len(got) != 1 || got[0] != want {
				t.Errorf("sent %q, want %q", got, want)
			}
			if string(out.Body) != body {
				t.Error("the body changed")
			}
		})
	}
}

// A vector that was computed elsewhere: printf '1545880607433\r\nGET\r\n/v3/cities\r\n\r\n' | openssl dgst -sha256 -hmac sk_test
func TestSignatureIsTheOneOfOpenSSL(t *testing.T) {
	out := &Outgoing{Method: http.MethodGet, Path: "/v3/cities", Header: http.Header{}}
	if err := signer(t, lalamove()).apply(out); err != nil {
		t.Fatal(err)
	}
	if got := out.Header.Get("Authorization"); got != "hmac pk_test:1545880607433:"+opensslVector {
		t.Errorf("sent %s", got)
	}
}

// Geodis: a header with ID, timestamp, language and the SHA-256 over key, these, service and body.
func TestSignatureOfGeodis(t *testing.T) {
	const body = `{"listEnvois":[{"poids":1.50}]}`
	p := signer(t, config.RequestSigning{Algorithm: "SHA256", Encoding: "Hex", TimestampFormat: "UnixMilliseconds",
		StringToSign: "{credential:apiSecret};{credential:id};{timestamp};fr;{operation};{body}",
		Headers:      []config.SignedTemplate{{Name: "X-GEODIS-Service", Value: "{credential:id};{timestamp};fr;{signature}"}}})
	out := &Outgoing{Method: http.MethodPost, Path: "/services/x", Operation: "shipment", Body: []byte(body), Header: http.Header{}}
	out.Header.Set("X-Geodis-Service", "eve;1;fr;00")
	if err := p.apply(out); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("sk_test;shop;1545880607433;fr;shipment;" + body))
	if got, want := out.Header.Get("X-GEODIS-Service"), fmt.Sprintf("shop;1545880607433;fr;%x", sum); got != want {
		t.Errorf("sent %s, want %s", got, want)
	}
}

// SF Express: base64 of the MD5 over the URL-encoded message, timestamp and check word, in a form field.
func TestSignatureOfSFExpress(t *testing.T) {
	tests := map[string]string{
		"as sent":                     "partnerID=P&msgData=%7B%22a%22%3A%22x%20y*~%22%7D&serviceCode=S",
		"the client's own fields go":  "msgDigest=mine&partnerID=P&msgData=%7B%22a%22%3A%22x%20y*~%22%7D&serviceCode=S&timestamp=1&timestamp=2&MsgDigest=x",
		"another spelling, same text": "partnerID=P&msgData=%7b%22a%22:%22x+y%2A%7E%22%7D&serviceCode=S",
	}
	for name, body := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := applied(t, signer(t, sfExpress()), "application/x-www-form-urlencoded", body)
			if err != nil {
				t.Fatal(err)
			}
			const encoded = "%7B%22a%22%3A%22x+y*%7E%22%7D" + "1545880607" + "ch*ck%7Ew+rd"
			sum := md5.Sum([]byte(encoded))
			digest := strings.NewReplacer("+", "%2B", "/", "%2F", "=", "%3D").Replace(base64.StdEncoding.EncodeToString(sum[:]))
			kept := strings.NewReplacer("msgDigest=mine&", "", "&timestamp=1&timestamp=2&MsgDigest=x", "").Replace(body)
			if want := kept + "&timestamp=1545880607&msgDigest=" + digest; got != want {
				t.Errorf("sent %s, want %s", got, want)
			}
		})
	}
}

func TestEveryAlgorithmAndEncoding(t *testing.T) {
	// The digests of the text abc, of FIPS 180-4 and RFC 1321; the HMACs of OpenSSL, keyed with sk_test.
	for algorithm, want := range map[string]string{
		"MD5":        "900150983cd24fb0d6963f7d28e17f72",
		"SHA256":     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		"SHA512":     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
		"HMACSHA1":   opensslSHA1,
		"HMACSHA256": opensslSHA256,
		"HMACSHA512": opensslSHA512,
	} {
		t.Run(algorithm, func(t *testing.T) {
			s := config.RequestSigning{Algorithm: algorithm, Encoding: "Hex", TimestampFormat: "RFC3339", StringToSign: "{body}",
				Headers: []config.SignedTemplate{{Name: "X-Signature", Value: "{signature}"}, {Name: "X-Date", Value: "{timestamp} {query} {method}"}}}
			if strings.HasPrefix(algorithm, "HMAC") {
				s.SecretKey = "apiSecret"
			}
			out := &Outgoing{Method: "PUT", RawQuery: "a=%20b", Header: http.Header{}, Body: []byte("abc")}
			if err := signer(t, s).apply(out); err != nil {
				t.Fatal(err)
			}
			if got := out.Header.Get("X-Signature"); got != want {
				t.Errorf("signature %s, want %s", got, want)
			}
			if got := out.Header.Get("X-Date"); got != "2018-12-27T03:16:47Z a=%20b PUT" {
				t.Errorf("header %s", got)
			}
			s.Encoding = "HexUpper"
			if err := signer(t, s).apply(out); err != nil || out.Header.Get("X-Signature") != strings.ToUpper(want) {
				t.Errorf("in upper case %s, %v", out.Header.Get("X-Signature"), err)
			}
		})
	}
}

// What the credential adds to the body is signed too: the signature comes last.
func TestSignatureCoversTheBodyThatIsSent(t *testing.T) {
	s := lalamove()
	credential := NewCredential("main", map[string][]byte{"apiKey": []byte("pk_test"), "apiSecret": []byte("sk_test")})
	parts, err := newParts(config.Authentication{Signing: &s,
		Body:  &config.BodySecrets{Format: "JSON", Fields: []config.BodySecret{{Path: "$.key", Key: "apiKey"}}},
		Query: []config.QuerySecret{{Name: "key", Key: "apiKey"}}}, credential, clocktesting.NewFakePassiveClock(signedAt))
	if err != nil {
		t.Fatal(err)
	}
	out := &Outgoing{Method: http.MethodPost, Path: "/p", Body: []byte(`{"a":1}`), Header: http.Header{"Content-Type": {"application/json"}}}
	for _, p := range parts {
		if err := p.apply(out); err != nil {
			t.Fatal(err)
		}
	}
	mac := hmac.New(sha256.New, []byte("sk_test"))
	mac.Write([]byte("1545880607433\r\nPOST\r\n/p\r\n\r\n" + `{"a":1,"key":"pk_test"}`))
	if got, want := out.Header.Get("Authorization"), fmt.Sprintf("hmac pk_test:1545880607433:%x", mac.Sum(nil)); got != want || out.RawQuery != "key=pk_test" {
		t.Errorf("sent %s with query %s, want %s", got, out.RawQuery, want)
	}
}

func TestSchemesThatCannotSignAreRefusedAtOnce(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*config.RequestSigning)
		want   string
	}{
		"an unknown algorithm":       {func(s *config.RequestSigning) { s.Algorithm = "HMACMD5" }, `"HMACMD5" is unknown`},
		"an unknown encoding":        {func(s *config.RequestSigning) { s.Encoding = "" }, "is unknown"},
		"an unknown timestamp":       {func(s *config.RequestSigning) { s.TimestampFormat = "RFC822" }, "is unknown"},
		"an unknown place":           {func(s *config.RequestSigning) { s.StringToSign = "{nonce}" }, "{nonce} is unknown"},
		"an unknown place in header": {func(s *config.RequestSigning) { s.Headers[0].Value = "{Signature}" }, "Authorization: the place {Signature}"},
		"a missing secret":           {func(s *config.RequestSigning) { s.SecretKey = "gone" }, "no value under the key gone"},
		"a missing key":              {func(s *config.RequestSigning) { s.StringToSign = "{credential:gone}" }, "no value under the key gone"},
		"a signature of itself":      {func(s *config.RequestSigning) { s.StringToSign = "{signature}" }, "cannot hold the {signature}"},
		"a signature to nowhere":     {func(s *config.RequestSigning) { s.Headers = nil }, "goes nowhere"},
		"a field in its own body": {func(s *config.RequestSigning) {
			s.FormFields = []config.SignedTemplate{{Name: "sig", Value: "{signature}"}}
		}, "a part of {body}"},
		"a field that is set": {func(s *config.RequestSigning) {
			s.StringToSign, s.FormFields = "{form:ts}", []config.SignedTemplate{{Name: "ts", Value: "{timestamp}"}}
		}, "repeat its template"},
	} {
		t.Run(name, func(t *testing.T) {
			s := lalamove()
			tc.change(&s)
			credential := NewCredential("main", map[string][]byte{"apiKey": []byte("pk_test"), "apiSecret": []byte("sk_test")})
			_, err := newSigning(&s, credential, clocktesting.NewFakePassiveClock(signedAt))
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "k_test") {
				t.Errorf("got %v, want an error with %q and no value", err, tc.want)
			}
		})
	}
}

func TestRequestsThatCannotBeSignedAreRefused(t *testing.T) {
	const form = "application/x-www-form-urlencoded"
	inHeader := sfExpress()
	inHeader.FormFields, inHeader.Headers = nil, []config.SignedTemplate{{Name: "X-Message", Value: "{form:msgData}"}}
	for name, tc := range map[string]struct {
		scheme            config.RequestSigning
		contentType, body string
		rule              string
	}{
		"no form":           {sfExpress(), "application/json", "{}", minimize.RuleContentType},
		"no body":           {sfExpress(), "", "", minimize.RuleRequiredMissing},
		"a missing field":   {sfExpress(), form, "a=1", minimize.RuleRequiredMissing},
		"a field twice":     {sfExpress(), form, "msgData=1&msgData=2", minimize.RuleRequiredMissing},
		"a broken form":     {sfExpress(), form, "msgData=%", minimize.RuleInvalidForm},
		"a semicolon":       {sfExpress(), form, "msgData=1;a=2", minimize.RuleInvalidForm},
		"a line break sent": {inHeader, form, "msgData=a%0d%0aX-Other:1", minimize.RuleRequiredMissing},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := applied(t, signer(t, tc.scheme), tc.contentType, tc.body)
			cause, _ := errors.AsType[*minimize.Error](err)
			if cause == nil || cause.Rule != tc.rule || got != tc.body || strings.Contains(err.Error()+cause.Error(), "ch*ck") {
				t.Errorf("got %v and %q, want rule %s", err, got, tc.rule)
			}
		})
	}
}

// Computed with OpenSSL.
const (
	opensslVector = "33a713ec4601bc754def3e5b560d124bd49479915123e3bdbc2a4d3580efdeca"
	opensslSHA1   = "18b86899ed56041406f7f01d768b92049e3d6675"
	opensslSHA256 = "f18a04dd165c38e3f91194fd8fe37b7544db91351bed972c26e251badd5f7664"
	opensslSHA512 = "16da4ba91b418aa3f547ae6172447d17583d4e3d877dd27154fa04e9729b91a48027ea5263db56ca5de035e3871fa24580b24d673c8280607e851aa1291e0793"
)

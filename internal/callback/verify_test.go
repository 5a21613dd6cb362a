package callback

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

var now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

const body = `{"event":"delivered", "number": "1Z"}` + "\n"

func sign(secret, content string) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(content))
	return mac.Sum(nil)
}

func headers(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

func TestVerify(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	rsaSignature := func(k *rsa.PrivateKey, content string) string {
		sum := sha256.Sum256([]byte(content))
		signature, err := rsa.SignPKCS1v15(rand.Reader, k, crypto.SHA256, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		return base64.StdEncoding.EncodeToString(signature)
	}
	public := append(publicPEM(t, other), publicPEM(t, key)...)
	hexed := hex.EncodeToString(sign("first-secret", body))
	stamp := fmt.Sprint(now.Add(-time.Minute).Unix())
	stamped := config.Callback{Verification: "HMAC", Algorithm: "HMACSHA256", SignatureHeader: "X-Signature", TimestampHeader: "X-Time",
		SignedContent: "{timestamp}.{body}", ReplayWindowSeconds: 300}
	hmacHex := config.Callback{Verification: "HMAC", Algorithm: "HMACSHA256", SignatureHeader: "X-Signature"}
	hmacSecret := map[string][]byte{"secret": []byte("first-secret"), "secretNext": []byte("second-secret")}
	at := func(d time.Duration) http.Header {
		text := fmt.Sprint(now.Add(d).UnixMilli())
		return headers("X-Time", text, "X-Signature", hex.EncodeToString(sign("first-secret", text+"."+body)))
	}

	tests := map[string]struct {
		config config.Callback
		secret map[string][]byte
		header http.Header
		body   string
		from   string
		want   error
	}{
		"HMAC in hex":                          {hmacHex, hmacSecret, headers("X-Signature", hexed), body, "", nil},
		"HMAC in upper-case hex":               {hmacHex, hmacSecret, headers("X-Signature", strings.ToUpper(hexed)), body, "", nil},
		"HMAC with the secret that comes next": {hmacHex, hmacSecret, headers("X-Signature", hex.EncodeToString(sign("second-secret", body))), body, "", nil},
		"HMAC in base64": {config.Callback{Verification: "HMAC", Algorithm: "HMACSHA256", Encoding: "Base64", SignatureHeader: "X-Signature"}, hmacSecret,
			headers("X-Signature", base64.StdEncoding.EncodeToString(sign("first-secret", body))), body, "", nil},
		"HMAC with a prefix": {config.Callback{Verification: "HMAC", Algorithm: "HMACSHA1", SignatureHeader: "X-Hub-Signature", SignaturePrefix: "sha1="},
			hmacSecret, headers("X-Hub-Signature", "sha1="+sha1Hex("first-secret", body)), body, "", nil},
		"a prefix that is missing": {config.Callback{Verification: "HMAC", Algorithm: "HMACSHA256", SignatureHeader: "X-Signature", SignaturePrefix: "sha256="},
			hmacSecret, headers("X-Signature", hexed), body, "", errSignature},
		"one byte of the body changed":      {hmacHex, hmacSecret, headers("X-Signature", hexed), strings.Replace(body, "1Z", "1Y", 1), "", errSignature},
		"white space of the body added":     {hmacHex, hmacSecret, headers("X-Signature", hexed), body + " ", "", errSignature},
		"another secret":                    {hmacHex, hmacSecret, headers("X-Signature", hex.EncodeToString(sign("third-secret", body))), body, "", errSignature},
		"no signature":                      {hmacHex, hmacSecret, headers(), body, "", errHeader},
		"an empty signature":                {hmacHex, hmacSecret, headers("X-Signature", ""), body, "", errHeader},
		"two signatures, one of them right": {hmacHex, hmacSecret, headers("X-Signature", hexed, "X-Signature", "00"), body, "", errHeader},
		"a signature that is not hex":       {hmacHex, hmacSecret, headers("X-Signature", "zz"), body, "", errSignature},
		"a shortened signature":             {hmacHex, hmacSecret, headers("X-Signature", hexed[:32]), body, "", errSignature},

		"a signed instant":                     {stamped, hmacSecret, at(-time.Minute), body, "", nil},
		"a signed instant in seconds":          {stamped, hmacSecret, headers("X-Time", stamp, "X-Signature", hex.EncodeToString(sign("first-secret", stamp+"."+body))), body, "", nil},
		"a signed instant of a clock ahead":    {stamped, hmacSecret, at(30 * time.Second), body, "", nil},
		"a signed instant that is too old":     {stamped, hmacSecret, at(-301 * time.Second), body, "", errTimestamp},
		"a signed instant in the future":       {stamped, hmacSecret, at(2 * time.Minute), body, "", errTimestamp},
		"an instant that was not signed":       {stamped, hmacSecret, headers("X-Time", stamp, "X-Signature", hexed), body, "", errSignature},
		"a signed instant that makes no sense": {stamped, hmacSecret, headers("X-Time", "soon", "X-Signature", hex.EncodeToString(sign("first-secret", "soon."+body))), body, "", errTimestamp},
		"no instant":                           {stamped, hmacSecret, headers("X-Signature", hexed), body, "", errHeader},

		"RSA, with the second of two keys": {config.Callback{Verification: "RSASHA256", SignatureHeader: "X-Sig"}, map[string][]byte{"publicKey": public},
			headers("X-Sig", rsaSignature(key, body)), body, "", nil},
		"RSA over another body": {config.Callback{Verification: "RSASHA256", SignatureHeader: "X-Sig"}, map[string][]byte{"publicKey": public},
			headers("X-Sig", rsaSignature(key, "other")), body, "", errSignature},

		"Basic":                                 {config.Callback{Verification: "Basic"}, map[string][]byte{"username": []byte("u"), "password": []byte("p:x")}, headers("Authorization", "Basic dTpwOng="), body, "", nil},
		"Basic, another one":                    {config.Callback{Verification: "Basic"}, map[string][]byte{"username": []byte("u"), "password": []byte("p:x")}, headers("Authorization", "Basic dTpwOnk="), body, "", errSignature},
		"Bearer":                                {config.Callback{Verification: "Bearer", SignatureHeader: "Authorization", SignaturePrefix: "Bearer "}, hmacSecret, headers("Authorization", "Bearer second-secret"), body, "", nil},
		"Bearer, another one":                   {config.Callback{Verification: "Bearer", SignatureHeader: "Authorization", SignaturePrefix: "Bearer "}, hmacSecret, headers("Authorization", "Bearer third"), body, "", errSignature},
		"a source in range":                     {config.Callback{Verification: "SourceRanges", SourceRanges: []string{"20.65.16.22/31"}}, nil, headers(), body, "20.65.16.23", nil},
		"a source out of range":                 {config.Callback{Verification: "SourceRanges", SourceRanges: []string{"20.65.16.22/31"}}, nil, headers(), body, "20.65.16.24", errSource},
		"an unknown source":                     {config.Callback{Verification: "SourceRanges", SourceRanges: []string{"0.0.0.0/0"}}, nil, headers(), body, "", errSource},
		"a source out of range, rightly signed": {with(hmacHex, "198.51.100.0/24"), hmacSecret, headers("X-Signature", hexed), body, "203.0.113.1", errSource},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			c := tc.config
			if c.SignedContent == "" {
				c.SignedContent = "{body}"
			}
			v, err := NewVerifier(c, tc.secret)
			if err != nil {
				t.Fatal(err)
			}
			from, _ := netip.ParseAddr(tc.from)
			if err := v.Verify(tc.header, []byte(tc.body), from, now); !errors.Is(err, tc.want) {
				t.Errorf("error %v, want %v", err, tc.want)
			}
		})
	}
}

func with(c config.Callback, ranges ...string) config.Callback {
	c.SourceRanges = ranges
	return c
}

func sha1Hex(secret, content string) string {
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write([]byte(content))
	return hex.EncodeToString(mac.Sum(nil))
}

func publicPEM(t *testing.T, k *rsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(&k.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func TestSettingsThatVerifyNothingAreRefused(t *testing.T) {
	good := config.Callback{Verification: "HMAC", Algorithm: "HMACSHA256", SignatureHeader: "X-Signature", SignedContent: "{body}"}
	secret := map[string][]byte{"secret": []byte("long-enough")}
	tests := map[string]struct {
		change func(*config.Callback, map[string][]byte)
		want   string
	}{
		"nothing to verify with":        {func(_ *config.Callback, s map[string][]byte) { delete(s, "secret") }, "no key whose name starts with secret"},
		"a secret that can be guessed":  {func(_ *config.Callback, s map[string][]byte) { s["secretOld"] = []byte("short") }, "secretOld"},
		"a signature without the body":  {func(c *config.Callback, _ map[string][]byte) { c.SignedContent = "{timestamp}" }, "{body}"},
		"a place that does not exist":   {func(c *config.Callback, _ map[string][]byte) { c.SignedContent = "{body}{url}" }, "{url} is unknown"},
		"an open brace":                 {func(c *config.Callback, _ map[string][]byte) { c.SignedContent = "{body" }, "closing brace"},
		"no header for the signature":   {func(c *config.Callback, _ map[string][]byte) { c.SignatureHeader = "" }, "carries the signature"},
		"an unknown algorithm":          {func(c *config.Callback, _ map[string][]byte) { c.Algorithm = "MD5" }, "MD5"},
		"an unknown verification":       {func(c *config.Callback, _ map[string][]byte) { c.Verification = "None" }, "None"},
		"source ranges without a range": {func(c *config.Callback, _ map[string][]byte) { c.Verification = "SourceRanges" }, "ranges"},
		"a range that does not parse":   {func(c *config.Callback, _ map[string][]byte) { c.SourceRanges = []string{"1.2.3.4"} }, "1.2.3.4"},
		"RSA without a key":             {func(c *config.Callback, _ map[string][]byte) { c.Verification = "RSASHA256" }, "publicKey"},
		"RSA with a private key": {func(c *config.Callback, s map[string][]byte) {
			c.Verification, s["publicKey"] = "RSASHA256", []byte("-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n")
		}, "PRIVATE KEY"},
		"Basic without a password": {func(c *config.Callback, s map[string][]byte) {
			c.Verification, s["username"] = "Basic", []byte("a-user")
		}, "password"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			c, s := good, maps.Clone(secret)
			tc.change(&c, s)
			_, err := NewVerifier(c, s)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("error %v, want one that says %q", err, tc.want)
			}
			for key, value := range s {
				if strings.Contains(err.Error(), string(value)) {
					t.Errorf("the error shows the value of key %s", key)
				}
			}
		})
	}
}

func TestRepeatedCallsAreKnown(t *testing.T) {
	const keep = 5 * time.Minute
	id := []Digest{sha256.Sum256([]byte("a"))}
	m := NewMemory()
	expect := func(at time.Duration, want Seen) {
		t.Helper()
		if got := m.Begin(id, now.Add(at), keep); got != want {
			t.Errorf("after %v: %v, want %v", at, got, want)
		}
	}
	expect(0, Never)
	expect(0, UnderWay)
	m.End(id, false)
	expect(time.Second, Never) // its delivery failed, so it comes again
	m.End(id, true)
	expect(2*time.Second, Delivered)
	expect(keep, Delivered)
	expect(keep+time.Second, Never)
	m.End(id, true)
	for n := range maxRemembered + 10 {
		other := []Digest{sha256.Sum256(fmt.Append(nil, n))}
		if m.Begin(other, now, keep) != Never {
			t.Fatal("calls were confused")
		}
		m.End(other, true)
	}
	if len(m.calls) > maxRemembered {
		t.Errorf("%d calls are remembered, want at most %d", len(m.calls), maxRemembered)
	}
}

func TestIdentities(t *testing.T) {
	signed := config.Callback{Verification: "HMAC", Algorithm: "HMACSHA256", SignatureHeader: "X-Signature", SignedContent: "{body}", IDHeader: "X-Event-Id"}
	secret := signed
	secret.Verification = "Bearer"
	tests := map[string]struct {
		config          config.Callback
		first, second   http.Header
		other           string
		wantsRepetition bool
	}{
		"the same number, signed anew":               {signed, headers("X-Event-Id", "1"), headers("X-Event-Id", "1"), "b", true},
		"what was signed, under another number":      {signed, headers("X-Event-Id", "1"), headers("X-Event-Id", "2"), "a", true},
		"what was signed, without a number":          {signed, headers("X-Event-Id", "1"), headers(), "a", true},
		"another number and content":                 {signed, headers("X-Event-Id", "1"), headers("X-Event-Id", "2"), "b", false},
		"unsigned: the same number":                  {secret, headers("X-Event-Id", "1"), headers("X-Event-Id", "1"), "b", true},
		"unsigned: an equal event of another number": {secret, headers("X-Event-Id", "1"), headers("X-Event-Id", "2"), "a", false},
		"unsigned: an equal event without numbers":   {secret, headers(), headers(), "a", true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			v, err := NewVerifier(tc.config, map[string][]byte{"secret": []byte("first-secret")})
			if err != nil {
				t.Fatal(err)
			}
			m := NewMemory()
			first := v.Identities(tc.first, []byte("a"))
			if m.Begin(first, now, v.Keep()) != Never {
				t.Fatal("the first call was seen before")
			}
			m.End(first, true)
			want := Never
			if tc.wantsRepetition {
				want = Delivered
			}
			if got := m.Begin(v.Identities(tc.second, []byte(tc.other)), now, v.Keep()); got != want {
				t.Errorf("%v, want %v", got, want)
			}
		})
	}
}

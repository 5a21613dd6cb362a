package carrier

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

func TestClientCertificateAddsNothingAndIsNeverMissing(t *testing.T) {
	b, err := NewBroker(clocktesting.NewFakePassiveClock(signedAt), t.TempDir(), func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	spec := Spec{Authentication: config.Authentication{Type: config.AuthenticationClientCertificate}, Credential: testCredential()}
	if _, err := b.New(spec); err == nil {
		t.Error("a gateway without client certificate was built")
	}
	byToken := spec
	byToken.Authentication = config.Authentication{Type: config.AuthenticationOAuth2ClientCredentials, OAuth2: &config.OAuth2{ClientAuthentication: "ClientCertificate"}}
	if _, err := b.New(byToken); err == nil {
		t.Error("a gateway whose token requests need a client certificate was built without")
	}
	spec.ClientCertificate = []byte("DER")
	a, err := b.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	out := &Outgoing{Method: http.MethodPost, Path: "/p", RawQuery: "a=1", Body: []byte("b"), Header: http.Header{"Accept": {"*/*"}}}
	before := *out
	if _, err := a.Apply(t.Context(), out); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, *out); diff != "" {
		t.Errorf("the request changed (-before +after):\n%s", diff)
	}
}

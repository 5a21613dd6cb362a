package refreshtoken

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

func token(value, origin string, sequence int64) config.RefreshToken {
	return config.RefreshToken{Value: value, Origin: origin, Sequence: sequence}
}

func TestMerge(t *testing.T) {
	credentials := []v1alpha1.IntegrationCredential{{Name: "main"}, {Name: "track"}}
	tests := map[string]struct{ kept, reported, want tokens }{
		"nothing":                {tokens{}, nil, tokens{}},
		"the first one":          {tokens{}, tokens{"main": token("a", "o", 1)}, tokens{"main": token("a", "o", 1)}},
		"a newer one":            {tokens{"main": token("a", "o", 1)}, tokens{"main": token("b", "o", 2)}, tokens{"main": token("b", "o", 2)}},
		"the same one":           {tokens{"main": token("a", "o", 1)}, tokens{"main": token("a", "o", 1)}, tokens{"main": token("a", "o", 1)}},
		"an older one":           {tokens{"main": token("b", "o", 2)}, tokens{"main": token("a", "o", 1)}, tokens{"main": token("b", "o", 2)}},
		"one of a new chain":     {tokens{"main": token("b", "o", 9)}, tokens{"main": token("c", "p", 1)}, tokens{"main": token("c", "p", 1)}},
		"nothing is reported":    {tokens{"main": token("b", "o", 2)}, tokens{}, tokens{"main": token("b", "o", 2)}},
		"an empty one":           {tokens{"main": token("b", "o", 2)}, tokens{"main": token("", "p", 3)}, tokens{"main": token("b", "o", 2)}},
		"each credential alone":  {tokens{"main": token("a", "o", 1)}, tokens{"track": token("x", "q", 4)}, tokens{"main": token("a", "o", 1), "track": token("x", "q", 4)}},
		"a credential that left": {tokens{"gone": token("a", "o", 1)}, tokens{"main": token("b", "p", 1)}, tokens{"main": token("b", "p", 1)}},
		"one that nobody knows":  {tokens{}, tokens{"../../etc": token("a", "o", 1)}, tokens{}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, merge(tc.kept, tc.reported, credentials)); diff != "" {
				t.Errorf("kept (-want +got):\n%s", diff)
			}
		})
	}
}

// What the gateway will read is what was kept, and what is kept is read again.
func TestSecretHoldsWhatTheGatewayReads(t *testing.T) {
	want := tokens{"main": token("r-2", "o", 2)}
	ci := &v1alpha1.CarrierIntegration{Name: "acme", Namespace: "shop", UID: "u"}
	applied := render(ci, want)
	if *applied.Name != "acme-refresh-tokens" || len(applied.OwnerReferences) != 1 || *applied.OwnerReferences[0].UID != "u" {
		t.Errorf("the Secret is %s with owners %v", *applied.Name, applied.OwnerReferences)
	}
	var read config.RefreshToken
	if err := json.Unmarshal(applied.Data["main"], &read); err != nil || read != want["main"] {
		t.Errorf("the gateway reads %+v, %v", read, err)
	}
	data := map[string][]byte{"main": applied.Data["main"], "broken": []byte("{"), "empty": []byte("{}")}
	if diff := cmp.Diff(want, decode(&corev1.Secret{Data: data})); diff != "" {
		t.Errorf("read again (-want +got):\n%s", diff)
	}
	if len(decode(nil)) != 0 {
		t.Error("a Secret that does not exist holds something")
	}
}

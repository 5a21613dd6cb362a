package runs

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// RulesDigest returns the SHA-256, in hexadecimal, of everything that decides which records go and what becomes of them: the rules, the
// zone of their calendar periods, and the store. When it changes, the next run is a preview again. What only explains (basis) is left
// out; so are minimum, caps and throttle, which can stop or slow down a run but widen nothing.
//
// The digest is taken of JSON with fields in the order of the types and no maps, so equal rules have equal digests. A DataStore that was
// made anew counts as another store.
func RulesDigest(policy *v1alpha1.RetentionPolicy, store *v1alpha1.DataStore) string {
	rules := make([]v1alpha1.RetentionRule, len(policy.Spec.Rules))
	for i := range policy.Spec.Rules {
		rules[i] = policy.Spec.Rules[i]
		rules[i].Basis, rules[i].Minimum = v1alpha1.LegalBasis{}, v1alpha1.MinimumPeriod{}
	}
	zone := policy.Spec.TimeZone
	if zone == "" {
		zone = "UTC"
	}
	canonical, err := json.Marshal(struct {
		Rules    []v1alpha1.RetentionRule `json:"rules"`
		TimeZone string                   `json:"timeZone"`
		Store    string                   `json:"store"`
		StoreUID string                   `json:"storeUID"`
		Type     v1alpha1.DataStoreType   `json:"type"`
		Secret   string                   `json:"secret"`
	}{rules, zone, store.Name, string(store.UID), store.Spec.Type, store.Spec.Connection.SecretRef.Name})
	if err != nil {
		panic(err) // strings and numbers only: cannot fail
	}
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:])
}

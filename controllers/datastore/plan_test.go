package datastore

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/storemap"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores"
)

func TestIdentity(t *testing.T) {
	made := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	runOf := func(store string, days int, complete metav1.ConditionStatus, found string) v1alpha1.PurgeRun {
		return v1alpha1.PurgeRun{
			CreationTimestamp: metav1.NewTime(made.AddDate(0, 0, days)),
			Spec:              v1alpha1.PurgeRunSpec{StoreRef: v1alpha1.LocalReference{Name: store}},
			Status: v1alpha1.PurgeRunStatus{StopReason: "any", Evidence: v1alpha1.RunEvidence{StoreIdentity: found},
				Conditions: []metav1.Condition{{Type: v1alpha1.ConditionComplete, Status: complete}}},
		}
	}
	good, bad := metav1.ConditionTrue, metav1.ConditionFalse
	tests := map[string]struct {
		accepted, known string
		runs            []v1alpha1.PurgeRun
		want            string
	}{
		"no run yet":                      {},
		"the newest good run":             {runs: []v1alpha1.PurgeRun{runOf("orders", 3, good, "c"), runOf("orders", 2, good, "b")}, known: "b", want: "c"},
		"a run that met another store":    {runs: []v1alpha1.PurgeRun{runOf("orders", 3, bad, "other"), runOf("orders", 2, good, "b")}, want: "b"},
		"a run of another DataStore":      {runs: []v1alpha1.PurgeRun{runOf("returns", 3, good, "c")}, known: "b", want: "b"},
		"a run before the DataStore":      {runs: []v1alpha1.PurgeRun{runOf("orders", -1, good, "old")}},
		"runs are gone, status remembers": {known: "b", want: "b"},
		"a person accepted another store": {accepted: "other", known: "b", runs: []v1alpha1.PurgeRun{runOf("orders", 2, good, "b")}, want: "other"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			store := &v1alpha1.DataStore{
				Name: "orders", CreationTimestamp: metav1.NewTime(made), Annotations: map[string]string{},
				Status: v1alpha1.DataStoreStatus{Identity: tc.known},
			}
			if tc.accepted != "" {
				store.Annotations[v1alpha1.AnnotationStoreIdentity] = tc.accepted
			}
			if got := look(store, tc.runs).identity; got != tc.want {
				t.Errorf("identity %q, want %q", got, tc.want)
			}
		})
	}
}

func TestFieldsWithoutADecisionAreNamed(t *testing.T) {
	fields := []v1alpha1.UndecidedField{
		{Collection: "public.orders", Field: "phone", LooksLike: "user.contact.phone_number"}, {Collection: "public.orders", Field: "note"},
		{Collection: "public.orders", Field: "a"}, {Collection: "public.orders", Field: "b"}, {Collection: "public.orders", Field: "c"}, {Collection: "public.orders", Field: "d"},
	}
	for name, tc := range map[string]struct {
		found        v1alpha1.RunDiscovery
		status       metav1.ConditionStatus
		reason, says string
	}{
		"no run has looked": {v1alpha1.RunDiscovery{}, metav1.ConditionUnknown, v1alpha1.ReasonNotLooked, "no run has looked"},
		"all decided":       {v1alpha1.RunDiscovery{Looked: true}, metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "every field"},
		"a new column": {v1alpha1.RunDiscovery{Looked: true, Undecided: 1, Fields: fields[:1]}, metav1.ConditionFalse, v1alpha1.ReasonSchemaDrift,
			`public.orders "phone" (looks like user.contact.phone_number): give`},
		"more than are named": {v1alpha1.RunDiscovery{Looked: true, Undecided: 100, Fields: fields}, metav1.ConditionFalse, v1alpha1.ReasonSchemaDrift,
			`public.orders "c", 95 more:`},
	} {
		t.Run(name, func(t *testing.T) {
			c := fieldsDecided(tc.found)
			if c.Status != tc.status || c.Reason != tc.reason || !strings.Contains(c.Message, tc.says) {
				t.Errorf("%s %s %q", c.Status, c.Reason, c.Message)
			}
		})
	}
}

func TestDiscoveryIsThatOfTheNewestRunThatLooked(t *testing.T) {
	store := &v1alpha1.DataStore{Name: "orders"}
	of := func(name string, minute int, d v1alpha1.RunDiscovery) v1alpha1.PurgeRun {
		at := metav1.NewTime(time.Date(2026, 11, 24, 3, minute, 0, 0, time.UTC))
		return v1alpha1.PurgeRun{Name: name, CreationTimestamp: at, Spec: v1alpha1.PurgeRunSpec{StoreRef: v1alpha1.LocalReference{Name: "orders"}, Slot: at},
			Status: v1alpha1.PurgeRunStatus{Discovery: d}}
	}
	got := look(store, []v1alpha1.PurgeRun{
		of("c", 3, v1alpha1.RunDiscovery{}), of("a", 1, v1alpha1.RunDiscovery{Looked: true, Undecided: 1}), of("b", 2, v1alpha1.RunDiscovery{Looked: true, Undecided: 2}),
	}).discovery
	if got.Undecided != 2 {
		t.Errorf("discovery %+v", got)
	}
}

func TestReplicasAreHeldToWhatIsAskedOfTheStore(t *testing.T) {
	kind, _ := stores.Of(v1alpha1.StoreMySQL)
	for name, tc := range map[string]struct{ replicas, reason string }{
		"none":                     {"", ""},
		"allowed":                  {"replica.example, replica.example:3307,", ""},
		"not allowed":              {"replica.example,other.example", v1alpha1.ReasonHostNotAllowed},
		"another port":             {"replica.example:3306", v1alpha1.ReasonKeyInvalid},
		"an address with a folder": {"replica.example/db", v1alpha1.ReasonKeyInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			secret := &corev1.Secret{Type: corev1.SecretTypeOpaque, Data: map[string][]byte{
				"host": []byte("db.example"), "port": []byte("3307"), "database": []byte("shop"), "username": []byte("purger"), "password": []byte("p"),
				"replicas": []byte(tc.replicas),
			}}
			secret.Annotations = map[string]string{v1alpha1.AnnotationAllowedHosts: "db.example,replica.example"}
			port, p := checkSecret(kind, "shop-purger", secret)
			if got := reasonOf(p); got != tc.reason || (p == nil && port != 3307) {
				t.Errorf("port %d, problem %+v, want %q", port, p, tc.reason)
			}
		})
	}
}

func TestALoginThatShowsACertificateMayDoWithoutAPassword(t *testing.T) {
	for name, tc := range map[string]struct {
		kind        v1alpha1.DataStoreType
		certificate bool
		reason      string
	}{
		"PostgreSQL":                       {v1alpha1.StorePostgreSQL, true, ""},
		"MySQL":                            {v1alpha1.StoreMySQL, true, ""},
		"PostgreSQL without a certificate": {v1alpha1.StorePostgreSQL, false, v1alpha1.ReasonKeyMissing},
		"MongoDB":                          {v1alpha1.StoreMongoDB, true, v1alpha1.ReasonKeyMissing},
	} {
		t.Run(name, func(t *testing.T) {
			kind, _ := stores.Of(tc.kind)
			secret := &corev1.Secret{Type: corev1.SecretTypeOpaque, Data: map[string][]byte{
				"host": []byte("db.example"), "database": []byte("shop"), "username": []byte("purger"),
			}}
			secret.Annotations = map[string]string{v1alpha1.AnnotationAllowedHosts: "db.example"}
			if _, p := checkSecret(kind.For(tc.certificate), "shop-purger", secret); reasonOf(p) != tc.reason {
				t.Errorf("problem %+v, want %q", p, tc.reason)
			}
		})
	}
}

func reasonOf(p *storemap.Problem) string {
	if p == nil {
		return ""
	}
	return p.Reason
}

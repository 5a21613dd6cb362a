//go:build envtest

package purgerun_test

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// Each mistake gives its reason, makes no run, and is over once it is mended.
func TestMistakesOfThePolicyAreExplainedAndRecover(t *testing.T) {
	anonymize := func(field string) v1alpha1.PurgeAction {
		return v1alpha1.PurgeAction{Type: v1alpha1.ActionAnonymize, Fields: []v1alpha1.AnonymizeField{
			{Name: field, Strategy: v1alpha1.AnonymizeNull}}}
	}
	tests := map[string]struct {
		mistake func(*v1alpha1.RetentionPolicy)
		reason  string
	}{
		"schedule that does not parse": {func(p *v1alpha1.RetentionPolicy) { p.Spec.Schedule = "0 25 * * *" }, v1alpha1.ReasonScheduleInvalid},
		"schedule that never comes":    {func(p *v1alpha1.RetentionPolicy) { p.Spec.Schedule = "0 3 30 2 *" }, v1alpha1.ReasonScheduleInvalid},
		"unknown time zone":            {func(p *v1alpha1.RetentionPolicy) { p.Spec.TimeZone = "Europe/Atlantis" }, v1alpha1.ReasonTimeZoneInvalid},
		"time zone of the machine":     {func(p *v1alpha1.RetentionPolicy) { p.Spec.TimeZone = "Local" }, v1alpha1.ReasonTimeZoneInvalid},
		"unknown store":                {func(p *v1alpha1.RetentionPolicy) { p.Spec.StoreRef.Name = "nowhere" }, v1alpha1.ReasonStoreNotFound},
		"unknown collection":           {func(p *v1alpha1.RetentionPolicy) { p.Spec.Rules[0].Collection = "public.nothing" }, v1alpha1.ReasonCollectionNotFound},
		"clock without a decision":     {func(p *v1alpha1.RetentionPolicy) { p.Spec.Rules[0].Clock.Field = "created_at" }, v1alpha1.ReasonFieldNotDecided},
		"filter without a decision": {func(p *v1alpha1.RetentionPolicy) {
			p.Spec.Rules[0].Where = []v1alpha1.RecordFilter{{Field: "paid", Operator: v1alpha1.FilterExists}}
		}, v1alpha1.ReasonFieldNotDecided},
		"anonymized field without a decision": {func(p *v1alpha1.RetentionPolicy) { p.Spec.Rules[0].Action = anonymize("street") }, v1alpha1.ReasonFieldNotDecided},
		"anonymized key":                      {func(p *v1alpha1.RetentionPolicy) { p.Spec.Rules[0].Action = anonymize("id") }, v1alpha1.ReasonRuleInvalid},
		"no hash key":                         {func(p *v1alpha1.RetentionPolicy) { p.Spec.HashKeyRef.Name = "nothing" }, v1alpha1.ReasonSecretNotFound},
		"hash key without a key":              {func(p *v1alpha1.RetentionPolicy) { p.Spec.HashKeyRef.Name = "orders-purger" }, v1alpha1.ReasonKeyMissing},
	}
	w := shop(t)
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			inner := *w
			inner.t = t
			good := inner.policy().Spec
			edit(&inner, "shipments", &v1alpha1.RetentionPolicy{}, tc.mistake)
			inner.settle()
			p := &v1alpha1.RetentionPolicy{}
			inner.expect(p, "shipments", v1alpha1.ConditionStalled, metav1.ConditionTrue, tc.reason)
			inner.expect(p, "shipments", v1alpha1.ConditionSchedulesRuns, metav1.ConditionFalse, tc.reason)
			if len(inner.runs()) != 0 {
				t.Error("a run was made")
			}
			inner.brief = true
			edit(&inner, "shipments", p, func(p *v1alpha1.RetentionPolicy) { p.Spec = good })
			inner.settle()
			inner.expect(p, "shipments", v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonScheduled)
		})
	}
}

func TestReferencesInACircleAreRefused(t *testing.T) {
	w := shop(t)
	edit(w, "orders", &v1alpha1.DataStore{}, func(s *v1alpha1.DataStore) {
		s.Spec.Collections[0].References = []v1alpha1.CollectionReference{{Collection: tracking, Fields: []string{"last_event_id"}}}
	})
	w.settle()
	w.expect(&v1alpha1.RetentionPolicy{}, "shipments", v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonReferenceCycle)
}

// Each mistake around a store's connection stalls the store, holds back its policy's runs, shows no value of the Secret, and is over
// once it is mended.
func TestMistakesOfTheConnectionAreExplainedAndRecover(t *testing.T) {
	secret := func(change func(*corev1.Secret)) func(*world) {
		return func(w *world) {
			w.remove(connectionSecret())
			s := connectionSecret()
			change(s)
			w.create(s)
		}
	}
	tests := map[string]struct {
		mistake func(*world)
		reason  string
	}{
		"no Secret":            {func(w *world) { w.remove(connectionSecret()) }, v1alpha1.ReasonSecretNotFound},
		"empty Secret":         {secret(func(s *corev1.Secret) { s.StringData = nil }), v1alpha1.ReasonSecretEmpty},
		"wrong type":           {secret(func(s *corev1.Secret) { s.Type = "example.com/other" }), v1alpha1.ReasonSecretTypeUnsupported},
		"no password":          {secret(func(s *corev1.Secret) { delete(s.StringData, "password") }), v1alpha1.ReasonKeyMissing},
		"empty user":           {secret(func(s *corev1.Secret) { s.StringData["username"] = " " }), v1alpha1.ReasonSecretEmpty},
		"port out of range":    {secret(func(s *corev1.Secret) { s.StringData["port"] = "65536" }), v1alpha1.ReasonKeyInvalid},
		"port zero":            {secret(func(s *corev1.Secret) { s.StringData["port"] = "0" }), v1alpha1.ReasonKeyInvalid},
		"several hosts in one": {secret(func(s *corev1.Secret) { s.StringData["host"] = "db.example,db2.example" }), v1alpha1.ReasonKeyInvalid},
		"socket for a host":    {secret(func(s *corev1.Secret) { s.StringData["host"] = "/var/run/postgresql" }), v1alpha1.ReasonKeyInvalid},
		"not bound to a host":  {secret(func(s *corev1.Secret) { s.Annotations = nil }), v1alpha1.ReasonHostNotAllowed},
		"bound to another host": {secret(func(s *corev1.Secret) { s.Annotations[v1alpha1.AnnotationAllowedHosts] = "example, other.db.example" }),
			v1alpha1.ReasonHostNotAllowed},
		"no CA bundle":                 {func(w *world) { w.remove(&corev1.ConfigMap{Name: "orders-ca"}) }, v1alpha1.ReasonCABundleInvalid},
		"CA bundle that is no PEM":     {bundleOf("not a certificate"), v1alpha1.ReasonCABundleInvalid},
		"CA bundle with broken bytes":  {bundleOf("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), v1alpha1.ReasonCABundleInvalid},
		"CA bundle with a private key": {bundleOf("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), v1alpha1.ReasonCABundleInvalid},
	}
	w := shop(t)
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			inner := *w
			inner.t = t
			tc.mistake(&inner)
			inner.settle()
			s := &v1alpha1.DataStore{}
			inner.expect(s, "orders", v1alpha1.ConditionStalled, metav1.ConditionTrue, tc.reason)
			for _, c := range s.Status.Conditions {
				if strings.Contains(c.Message, "s3cret-pw") || strings.Contains(c.Message, "db.example") {
					t.Errorf("message shows what is in the Secret: %s", c.Message)
				}
			}
			inner.expect(&v1alpha1.RetentionPolicy{}, "shipments", v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonStoreNotReady)

			inner.brief = true
			for _, object := range []client.Object{connectionSecret(), bundle(t)} {
				if inner.get(object.GetName(), object.DeepCopyObject().(client.Object)) {
					inner.remove(object)
				}
			}
			inner.create(connectionSecret(), bundle(t))
			inner.settle()
			inner.expect(s, "orders", v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
			inner.expect(&v1alpha1.RetentionPolicy{}, "shipments", v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonScheduled)
		})
	}
}

func bundleOf(content string) func(*world) {
	return func(w *world) {
		edit(w, "orders-ca", &corev1.ConfigMap{}, func(c *corev1.ConfigMap) { c.Data["ca.crt"] = content })
	}
}

func TestMistakesOfAHoldAreExplained(t *testing.T) {
	tests := map[string]struct {
		mistake func(*v1alpha1.LegalHold)
		reason  string
	}{
		"unknown store":            {func(h *v1alpha1.LegalHold) { h.Spec.StoreRef.Name = "nowhere" }, v1alpha1.ReasonStoreNotFound},
		"unknown collection":       {func(h *v1alpha1.LegalHold) { h.Spec.Collection = "public.nothing" }, v1alpha1.ReasonCollectionNotFound},
		"field without a decision": {func(h *v1alpha1.LegalHold) { h.Spec.Where[0].Field = "nothing" }, v1alpha1.ReasonFieldNotDecided},
	}
	w := shop(t)
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			inner := *w
			inner.t = t
			h := hold("mistaken")
			tc.mistake(h)
			inner.create(h)
			inner.settle()
			inner.expect(h, "mistaken", v1alpha1.ConditionStalled, metav1.ConditionTrue, tc.reason)
			inner.remove(h)
		})
	}
}

func TestNameThatIsTakenIsNeverAdopted(t *testing.T) {
	t.Run("a run of the slot's name that is not the policy's", func(t *testing.T) {
		w := shop(t)
		slot := w.policy().Status.NextSlot
		foreign := &v1alpha1.PurgeRun{
			Name: "shipments-" + slot.UTC().Format("200601021504"),
			Spec: v1alpha1.PurgeRunSpec{
				PolicyRef: v1alpha1.LocalReference{Name: "shipments"}, PolicyUID: "of an earlier policy", PolicyGeneration: 1,
				RulesDigest: strings.Repeat("0", 64), StoreRef: v1alpha1.LocalReference{Name: "orders"}, Mode: v1alpha1.RunPurge,
				Trigger: v1alpha1.TriggerSchedule, Slot: slot, Cutoffs: []v1alpha1.RuleCutoff{{Rule: "events", Before: slot}},
			},
		}
		w.create(foreign)
		w.clock.SetTime(slot.Time)
		w.settle()
		w.expect(&v1alpha1.RetentionPolicy{}, "shipments", v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonNameConflict)
		w.remove(foreign)
		w.settle()
		w.expect(&v1alpha1.RetentionPolicy{}, "shipments", v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonScheduled)
		if got := len(w.runs()); got != 1 {
			t.Errorf("%d runs after the name became free within the deadline", got)
		}
	})
	t.Run("children of the run's name that are not the run's", func(t *testing.T) {
		for _, foreign := range childrenOf("")[:4] {
			w := shop(t)
			w.brief = true
			slot := w.policy().Status.NextSlot
			name := "shipments-" + slot.UTC().Format("200601021504")
			foreign.SetName(name)
			prepare(foreign)
			w.create(foreign)
			run := w.nextSlot()
			w.expect(run, name, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonNameConflict)
			for _, child := range childrenOf(name) {
				if w.get(name, child) && len(child.GetOwnerReferences()) > 0 {
					t.Errorf("%T was made or adopted beside a foreign %T", child, foreign)
				}
			}
			w.remove(foreign)
			w.settle()
			w.expect(run, name, v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonRunning)
		}
	})
}

func TestRequestThatIsNoInstantIsAnsweredOnce(t *testing.T) {
	w := shop(t)
	edit(w, "shipments", &v1alpha1.RetentionPolicy{}, func(p *v1alpha1.RetentionPolicy) {
		p.Annotations = map[string]string{v1alpha1.AnnotationRunRequestedAt: "now, please, " + strings.Repeat("x", 100)}
	})
	w.settle()
	if len(w.runs()) != 0 {
		t.Error("a run was made")
	}
	invalid := 0
	for len(w.events.Events) > 0 {
		if strings.Contains(<-w.events.Events, "RunRequestInvalid") {
			invalid++
		}
	}
	if invalid != 1 {
		t.Errorf("%d events about the request, want 1", invalid)
	}
	w.expect(&v1alpha1.RetentionPolicy{}, "shipments", v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonScheduled)
}

//go:build integration

package redis_test

import (
	"maps"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/retentiontest"
)

type records = map[string]map[string]string

// orders are hashes of skewed age, from a fixed seed, with clocks that are missing, say nothing or lie in the future, and keys of other
// patterns among them.
func orders(n int) records {
	random := rand.New(rand.NewPCG(4, 2))
	found := records{}
	for i := range n {
		age := random.Float64()
		at := strconv.FormatInt(slot.Unix()-int64(age*age*400*86400), 10)
		fields := map[string]string{"at": at, "email": "person" + strconv.Itoa(i%500) + "@example.com", "city": "city " + strconv.Itoa(i%50), "note": "ä'\"\x00\xff"}
		if i%7 != 0 {
			fields["shop"] = "shop-" + strconv.Itoa(i%5)
		}
		switch i % 100 {
		case 1:
			delete(fields, "at")
		case 2:
			fields["at"] = "0"
		case 3:
			fields["at"] = "soon"
		case 4:
			fields["at"] = strconv.FormatInt(slot.Unix()+86400, 10)
		}
		found["order:"+strconv.Itoa(i)] = fields
		if i%10 == 0 {
			found["orderly:"+strconv.Itoa(i)] = fields
		}
	}
	return found
}

// due90 is the test's own idea of what is due.
func due90(key string, fields map[string]string) bool {
	at, err := strconv.ParseInt(fields["at"], 10, 64)
	return strings.HasPrefix(key, "order:") && err == nil && at > 0 && at < slot.Unix()-90*86400
}

// kept are the records for which gone is false.
func kept(all records, gone func(key string, fields map[string]string) bool) records {
	left := maps.Clone(all)
	maps.DeleteFunc(left, gone)
	return left
}

func count(all records, is func(key string, fields map[string]string) bool) int64 {
	return int64(len(all) - len(kept(all, is)))
}

func TestPreviewCountsAndChangesNothing(t *testing.T) {
	s := newServer(t)
	all := orders(10000)
	s.fill(all)
	s.do("SET", "order:text", "a text")
	r := newRunner(t, s, deleteRule("order:*", "at", v1alpha1.ClockEpochSeconds, 90))
	r.Plan.Mode = string(v1alpha1.RunPreview)
	r.Hold(retention.Hold{Name: "case-1", Collection: "order:*", Where: []retention.Filter{retentiontest.In("city", "city 7", "city 8")}})
	got := r.Run(v1alpha1.ReasonCompleted)
	all["order:text"] = nil
	if diff := cmp.Diff(all, s.hashes()); diff != "" {
		t.Error("the preview changed records", diff)
	}
	want := []v1alpha1.RuleResult{{
		Rule: "orders", Collection: "order:*", Total: 10001, Verification: v1alpha1.VerificationNotApplicable, NullClock: 301, FutureClock: 100,
		Due: count(all, due90), Held: count(all, func(key string, fields map[string]string) bool {
			return due90(key, fields) && (fields["city"] == "city 7" || fields["city"] == "city 8")
		}),
	}}
	if diff := cmp.Diff(want, got.Results); diff != "" {
		t.Error("results", diff)
	}
	t.Log(got.Outcome.Message)
}

func TestDeleteRemovesExactlyWhatIsDueAndNotHeld(t *testing.T) {
	s := newServer(t)
	all := orders(10000)
	s.fill(all)
	r := newRunner(t, s, deleteRule("order:*", "at", v1alpha1.ClockEpochSeconds, 90))
	r.Hold(
		retention.Hold{Name: "case-1", Collection: "order:*", Where: []retention.Filter{retentiontest.In("shop", "shop-1", "shop-2"), retentiontest.In("city", "city 3")}},
		retention.Hold{Name: "case-2", Collection: "order:*", Where: []retention.Filter{
			{Field: "shop", Operator: "DoesNotExist"}, {Field: "email", Operator: "NotIn", Values: []string{"person7@example.com"}}}},
		retention.Hold{Name: "narrow", Collection: "order:99[0-4]?"},
		retention.Hold{Name: "by key", Collection: "*", Where: []retention.Filter{retentiontest.In("key", "order:5", "order:6", "order:7")}},
		retention.Hold{Name: "elsewhere", Collection: "orderly:*"},
	)
	held := func(key string, fields map[string]string) bool {
		shop, hasShop := fields["shop"]
		return ((shop == "shop-1" || shop == "shop-2") && fields["city"] == "city 3") || (!hasShop && fields["email"] != "person7@example.com") ||
			(len(key) == len("order:9900") && key >= "order:9900" && key <= "order:9949") || key == "order:5" || key == "order:6" || key == "order:7"
	}
	want := kept(all, func(key string, fields map[string]string) bool { return due90(key, fields) && !held(key, fields) })

	got := r.Run(v1alpha1.ReasonCompleted)

	if diff := cmp.Diff(want, s.hashes()); diff != "" {
		t.Error("records", diff)
	}
	result := got.Results[0]
	if due := count(all, due90); result.Due != due || result.Done != int64(len(all)-len(want)) || result.Done+result.Held != due || result.Inferred != 0 ||
		result.Verification != v1alpha1.VerificationAgreed {
		t.Errorf("result %+v, due %d, want %d to go", result, due, len(all)-len(want))
	}
	if got.Evidence.Digest == "" || got.Evidence.RecordsDigest == "" || got.Evidence.SchemaDigest == "" || got.Evidence.StoreIdentity != s.address+"/0" {
		t.Errorf("evidence %+v", got.Evidence)
	}
	t.Log(got.Outcome.Message)
}

func TestAnonymizeReplacesOnceAndKeepsEqualValuesEqual(t *testing.T) {
	s := newServer(t)
	all := orders(4000)
	s.fill(all)
	r := newRunner(t, s, anonymizeRule(retention.Anonymize{Name: "shop", Strategy: "Null"}, retention.Anonymize{Name: "note", Strategy: "Constant", Value: "removed"},
		retention.Anonymize{Name: "email", Strategy: "KeyedHash"}))
	for key := range all {
		s.do("EXPIRE", key, 86400)
	}
	hold := retention.Hold{Name: "case-1", Collection: "order:*", Where: []retention.Filter{retentiontest.In("email", "person7@example.com", "person8@example.com")}}
	r.Hold(hold)
	changes := func(held bool) records {
		want := records{}
		for key, fields := range all {
			want[key] = maps.Clone(fields)
			isHeld := held && (fields["email"] == "person7@example.com" || fields["email"] == "person8@example.com")
			if due90(key, fields) && !isHeld {
				delete(want[key], "shop")
				want[key]["note"], want[key]["email"] = "removed", hashOf(fields["email"])
			}
		}
		return want
	}

	first := r.Run(v1alpha1.ReasonCompleted).DeepCopy()

	if diff := cmp.Diff(changes(true), s.hashes()); diff != "" {
		t.Error("records", diff)
	}
	if result := first.Results[0]; result.Due != count(all, due90) || result.Held == 0 || result.Done+result.Held != result.Due || result.Verification != v1alpha1.VerificationAgreed {
		t.Errorf("result %+v", result)
	}
	for key := range all {
		if s.TTL(t.Context(), key).Val() <= 0 {
			t.Fatalf("%s no longer expires", key)
		}
	}
	again := newRunner(t, s, r.Plan.Rules...)
	again.Hold(hold)
	if result := again.Run(v1alpha1.ReasonCompleted).Results[0]; result.Done != 0 || result.Due != first.Results[0].Held {
		t.Errorf("a second run: %+v", result)
	}
	released := newRunner(t, s, r.Plan.Rules...)
	if result := released.Run(v1alpha1.ReasonCompleted).Results[0]; result.Done != first.Results[0].Held || result.Held != 0 {
		t.Errorf("after the release: %+v", result)
	}
	if diff := cmp.Diff(changes(false), s.hashes()); diff != "" {
		t.Error("records after the release", diff)
	}
	newRunner(t, s, r.Plan.Rules...).Run(v1alpha1.ReasonNothingDue)
}

// Two rules of one policy on the same records, narrowed by filters: the first anonymizes, the second deletes what is older.
func TestRulesOfOneCollectionRunInOrder(t *testing.T) {
	s := newServer(t)
	all := orders(2000)
	s.fill(all)
	anonymize := anonymizeRule(retention.Anonymize{Name: "email", Strategy: "KeyedHash"})
	remove := deleteRule("order:*", "at", v1alpha1.ClockEpochSeconds, 300)
	anonymize.Name, remove.Where = "anonymize", []retention.Filter{{Field: "shop", Operator: "NotIn", Values: []string{"shop-1"}}, {Field: "city", Operator: "Exists"}}
	want := records{}
	for key, fields := range all {
		at, _ := strconv.ParseInt(fields["at"], 10, 64)
		if shop, ok := fields["shop"]; due90(key, fields) && at < slot.Unix()-300*86400 && ok && shop != "shop-1" {
			continue
		}
		want[key] = maps.Clone(fields)
		if due90(key, fields) {
			want[key]["email"] = hashOf(fields["email"])
		}
	}
	got := newRunner(t, s, anonymize, remove).Run(v1alpha1.ReasonCompleted)
	if diff := cmp.Diff(want, s.hashes()); diff != "" {
		t.Error("records", diff)
	}
	if first, second := got.Results[0], got.Results[1]; first.Done != count(all, due90) || second.Done != int64(len(all)-len(want)) || second.Due != second.Done {
		t.Errorf("%+v", got.Results)
	}
}

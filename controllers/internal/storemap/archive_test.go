package storemap

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

func archivesTo(store, collection string) *v1alpha1.RetentionPolicy {
	rule := func(action v1alpha1.PurgeAction) v1alpha1.RetentionRule {
		return v1alpha1.RetentionRule{Action: action}
	}
	return &v1alpha1.RetentionPolicy{Spec: v1alpha1.RetentionPolicySpec{Rules: []v1alpha1.RetentionRule{
		rule(v1alpha1.PurgeAction{Type: v1alpha1.ActionDelete}),
		rule(v1alpha1.PurgeAction{Type: v1alpha1.ActionArchive, Archive: v1alpha1.ArchiveTarget{StoreRef: v1alpha1.LocalReference{Name: store}, Collection: collection}}),
	}}}
}

func TestCheckArchive(t *testing.T) {
	cold := &v1alpha1.DataStore{Name: "cold", Spec: v1alpha1.DataStoreSpec{Type: v1alpha1.StoreS3, Collections: []v1alpha1.Collection{{Name: "archive/events/"}}}}
	sql := &v1alpha1.DataStore{Name: "cold", Spec: v1alpha1.DataStoreSpec{Type: v1alpha1.StorePostgreSQL}}
	for name, tc := range map[string]struct {
		policy  *v1alpha1.RetentionPolicy
		archive *v1alpha1.DataStore
		want    string // the reason and, behind a space, words of the message; empty: sound
	}{
		"nothing is archived":           {&v1alpha1.RetentionPolicy{}, nil, ""},
		"a collection of an S3 store":   {archivesTo("cold", "archive/events/"), cold, ""},
		"a store that does not exist":   {archivesTo("cold", "archive/events/"), nil, "StoreNotFound correct action.archive.storeRef"},
		"a database is no archive":      {archivesTo("cold", "archive/events/"), sql, "RuleInvalid has type PostgreSQL"},
		"a collection that is not told": {archivesTo("cold", "archive/other/"), cold, "CollectionNotFound has no collection \"archive/other/\""},
	} {
		t.Run(name, func(t *testing.T) {
			p := CheckArchive(tc.policy, tc.archive)
			reason, words, _ := strings.Cut(tc.want, " ")
			if (p == nil) != (tc.want == "") || (p != nil && (p.Reason != reason || !strings.Contains(p.Message, words))) {
				t.Errorf("%v, want %q", p, tc.want)
			}
		})
	}
}

// A collection has an owner if some rule takes all of it, sooner or later.
func TestOwnerless(t *testing.T) {
	for name, tc := range map[string]struct {
		collection string
		filtered   bool
		want       []string
	}{
		"the collection itself":   {"archive/events/", false, nil},
		"a prefix of it":          {"archive/", false, nil},
		"its bucket":              {"archive", false, nil},
		"another prefix":          {"archive/event/", false, []string{`"archive/events/"`}},
		"a part of it":            {"archive/events/2026/", false, []string{`"archive/events/"`}},
		"another bucket":          {"archive-2", false, []string{`"archive/events/"`}},
		"some objects of it only": {"archive/events/", true, []string{`"archive/events/"`}},
	} {
		t.Run(name, func(t *testing.T) {
			owner := v1alpha1.RetentionPolicy{Spec: v1alpha1.RetentionPolicySpec{Rules: []v1alpha1.RetentionRule{{Collection: tc.collection}}}}
			if tc.filtered {
				owner.Spec.Rules[0].Where = []v1alpha1.RecordFilter{{Field: "key"}}
			}
			if diff := cmp.Diff(tc.want, Ownerless(archivesTo("cold", "archive/events/"), []v1alpha1.RetentionPolicy{owner})); diff != "" {
				t.Error(diff)
			}
		})
	}
	if got := Ownerless(archivesTo("cold", "archive/events/"), nil); len(got) != 1 {
		t.Errorf("without a policy: %v", got)
	}
}

package profilelint

import (
	"io/fs"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	profiles "github.com/carrier-operator/carrier-operator/config/profiles"
)

// reviewDay of the shipped profiles at the latest: a source that is older than a year on it is due.
var reviewDay = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// accepted are warnings that stay, each for the reason beside it.
var accepted = map[string][]string{
	// None of their answers names a person, so there is nothing to remove.
	"gls.yaml":        {"answers of track reach the client whole"},
	"parcel-one.yaml": {"answers of track reach the client whole"},
	// The fields of the answer are in no source at hand.
	"dhl-ecommerce-americas.yaml": {"answers of track reach the client whole"},
}

func TestShippedProfilesHaveNoFindings(t *testing.T) {
	files, err := fs.Glob(profiles.FS, "*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d profiles: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			source, err := fs.ReadFile(profiles.FS, file)
			if err != nil {
				t.Fatal(err)
			}
			found, err := Check(source, reviewDay)
			if err != nil {
				t.Fatal(err)
			}
			for _, finding := range found {
				expected := slices.ContainsFunc(accepted[file], func(start string) bool {
					return len(finding.Message) >= len(start) && finding.Message[:len(start)] == start
				})
				if finding.Severity == Error || !expected {
					t.Errorf("%s: %s: %s", finding.Path, finding.Severity, finding.Message)
				}
			}
			if got, want := len(found), len(accepted[file]); got != want {
				t.Errorf("%d findings, %d are accepted", got, want)
			}
		})
	}
}

// A preset says where each of its parts comes from.
func TestShippedProfilesAreSourcedInEveryPart(t *testing.T) {
	files, err := fs.Glob(profiles.FS, "*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		source, err := fs.ReadFile(profiles.FS, file)
		if err != nil {
			t.Fatal(err)
		}
		profile := &v1alpha1.CarrierProfile{}
		if err := yaml.UnmarshalStrict(source, profile); err != nil {
			t.Fatal(err)
		}
		want := []v1alpha1.SourceTopic{"Authentication", "Endpoints", "Fields", "Operations"}
		if len(profile.Spec.Limits)+len(profile.Spec.Throttling) > 0 {
			want = append(want, topicLimits)
		}
		var got []v1alpha1.SourceTopic
		for _, s := range profile.Spec.Sources {
			got = append(got, s.Covers...)
		}
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(want, slices.Compact(got)); diff != "" {
			t.Errorf("%s: topics that its sources cover (-want +got):\n%s", file, diff)
		}
	}
}

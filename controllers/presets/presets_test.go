package presets

import (
	"flag"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	profiles "github.com/carrier-operator/carrier-operator/config/profiles"
)

func TestShippedProfilesLoad(t *testing.T) {
	shipped, err := Load(profiles.FS)
	if err != nil {
		t.Fatal(err)
	}
	files, err := fs.Glob(profiles.FS, "*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if len(shipped) < 2 || len(shipped) != len(files) {
		t.Fatalf("%d profiles in %d files", len(shipped), len(files))
	}
	for i, profile := range shipped {
		if want := strings.TrimSuffix(files[i], ".yaml"); *profile.GetName() != want {
			t.Errorf("%s holds the profile %q, not %q", files[i], *profile.GetName(), want)
		}
		if got := profile.Labels[labelManagedBy]; got != managedBy {
			t.Errorf("%s is not labeled as a preset: %q", *profile.GetName(), got)
		}
		if len(profile.Spec.Sources) == 0 {
			t.Errorf("%s has no sources: a preset holds sourced facts only", *profile.GetName())
		}
	}
}

// Kustomize cannot read a folder, so its list is checked here.
func TestKustomizationListsEveryProfile(t *testing.T) {
	source, err := os.ReadFile(filepath.Join("..", "..", "config", "profiles", "kustomization.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var kustomization struct{ Resources []string }
	if err := yaml.Unmarshal(source, &kustomization); err != nil {
		t.Fatal(err)
	}
	files, err := fs.Glob(profiles.FS, "*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(files, kustomization.Resources); diff != "" {
		t.Errorf("config/profiles/kustomization.yaml (-files +listed):\n%s", diff)
	}
}

func TestBrokenPresetsAreRefused(t *testing.T) {
	for name, tc := range map[string]struct{ source, want string }{
		"misspelled field": {"apiVersion: carrier-operator.io/v1alpha1\nkind: CarrierProfile\nmetadata: {name: a}\nspec: {titel: A}", "titel"},
		"another kind":     {"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}", "not a CarrierProfile"},
		"no name":          {"apiVersion: carrier-operator.io/v1alpha1\nkind: CarrierProfile\nspec: {title: A}", "not a CarrierProfile with a name"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load(fstest.MapFS{"a.yaml": {Data: []byte(tc.source)}})
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "a.yaml") {
				t.Errorf("got %v, want an error with %q and the file's name", err, tc.want)
			}
		})
	}
}

func TestModeIsAFlag(t *testing.T) {
	parse := func(args ...string) (Mode, error) {
		var mode Mode
		flags := flag.NewFlagSet("manager", flag.ContinueOnError)
		flags.SetOutput(io.Discard)
		flags.TextVar(&mode, "presets", Apply, "")
		return mode, flags.Parse(args)
	}
	if mode, err := parse(); mode != Apply || err != nil {
		t.Errorf("default: %s, %v", mode, err)
	}
	if _, err := parse("--presets=Ignore"); err != nil {
		t.Error(err)
	}
	if _, err := parse("--presets=ignore"); err == nil || !strings.Contains(err.Error(), "neither Apply nor Ignore") {
		t.Errorf("an unknown mode: %v", err)
	}
}

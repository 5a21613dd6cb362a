package profilelint

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	profiles "github.com/carrier-operator/carrier-operator/config/profiles"
	"github.com/carrier-operator/carrier-operator/internal/minimize"
)

// intruder is a field that no carrier knows.
const intruder = "intruder"

// place is a part of a made-up body: the fields in it, or the elements of a list. (As a map of itself it would keep a linter busy for ever.)
type place struct{ inside map[string]*place }

func newPlace() *place { return &place{inside: map[string]*place{}} }

const element = "[*]"

func (p *place) add(path string) {
	for _, match := range stepPattern.FindAllStringSubmatch(path, -1) {
		name := match[2] + match[3] + match[4]
		if name == "" {
			name = element
		}
		if p.inside[name] == nil {
			p.inside[name] = newPlace()
		}
		p = p.inside[name]
	}
}

func (p *place) value() any {
	if len(p.inside) == 0 {
		return "x"
	}
	if elements, ok := p.inside[element]; ok {
		return []any{elements.value()}
	}
	object := map[string]any{}
	for name, inner := range p.inside {
		object[name] = inner.value()
	}
	return object
}

func (p *place) xml() string {
	if len(p.inside) == 0 {
		return "x"
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(p.inside)) {
		fmt.Fprintf(&b, "<%s>%s</%s>", name, p.inside[name].xml(), name)
	}
	return b.String()
}

// bodyOf makes a body with every field that a profile lets through, and one more.
func bodyOf(t *testing.T, rules v1alpha1.BodyRules) []byte {
	t.Helper()
	all := newPlace()
	for _, path := range slices.Concat(rules.Allow, rules.Require) {
		all.add(path)
	}
	root := all
	if elements, ok := all.inside[element]; ok {
		root = elements
	}
	if rules.Format == v1alpha1.BodyXML {
		for _, document := range all.inside {
			document.add("$." + intruder)
		}
		return []byte(all.xml())
	}
	root.add("$." + intruder)
	encoded, err := json.Marshal(all.value())
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

// What a profile allows and requires passes in the strictest mode, and nothing else does.
func TestShippedProfilesLetThroughWhatTheyList(t *testing.T) {
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
		for i := range profile.Spec.Operations {
			o := &profile.Spec.Operations[i]
			if o.Request.Format != v1alpha1.BodyJSON && o.Request.Format != v1alpha1.BodyXML {
				continue
			}
			t.Run(profile.Name+" "+o.Name, func(t *testing.T) {
				program, err := minimize.Compile(minimize.Rules{Allow: o.Request.Allow, Remove: o.Request.Remove, Require: o.Request.Require})
				if err != nil {
					t.Fatal(err)
				}
				pass := program.AppendJSON
				if o.Request.Format == v1alpha1.BodyXML {
					pass = program.AppendXML
				}
				sent := bodyOf(t, o.Request)
				removed := &minimize.Removed{}
				got, err := pass(nil, sent, minimize.Enforce, removed)
				if err != nil {
					t.Fatalf("%v\n%s", err, sent)
				}
				if removed.Total != 1 || strings.Contains(string(got), intruder) {
					t.Errorf("%d fields were removed, want the intruder only:\nsent %s\ngot  %s", removed.Total, sent, got)
				}
			})
		}
	}
}

package profilelint

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

const kind = "CarrierProfile"

// Check judges every document of a YAML or JSON stream. An error says that the linter itself failed, not the profile.
func Check(source []byte, now time.Time) ([]Finding, error) {
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(source)))
	var all findings
	for documents := 0; ; {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			if documents == 0 {
				all.error("", "there is no document: write a %s", kind)
			}
			return all.sorted(), nil
		}
		if err != nil {
			return nil, err
		}
		if len(bytes.TrimSpace(withoutComments(document))) == 0 {
			continue
		}
		documents++
		found, err := checkDocument(document, now)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
}

// withoutComments keeps a document of comments alone from counting as one.
func withoutComments(document []byte) []byte {
	var kept []byte
	for line := range bytes.Lines(document) {
		if trimmed := bytes.TrimSpace(line); !bytes.HasPrefix(trimmed, []byte("#")) && !bytes.Equal(trimmed, []byte("---")) {
			kept = append(kept, line...)
		}
	}
	return kept
}

func checkDocument(document []byte, now time.Time) ([]Finding, error) {
	var f findings
	profile := &v1alpha1.CarrierProfile{}
	if err := yaml.UnmarshalStrict(document, profile); err != nil {
		f.error("", "%v: correct the field's name or type; `kubectl explain carrierprofile.spec --recursive` lists them", err)
		return f, nil
	}
	if want := v1alpha1.GroupVersion.String(); profile.Kind != kind || profile.APIVersion != want {
		f.error("kind", "this is %s %q: the linter reads %s of %s only", profile.APIVersion, profile.Kind, kind, want)
		return f, nil
	}
	schema, err := loadSchema()
	if err != nil {
		return nil, fmt.Errorf("the definition that is built in: %w", err)
	}
	object := map[string]any{}
	if err := yaml.Unmarshal(document, &object); err != nil {
		return nil, err
	}
	for _, broken := range schema.check(object) {
		f.error(broken.Field, "%s", broken.ErrorBody())
	}
	return append(f, Lint(profile, now)...), nil
}

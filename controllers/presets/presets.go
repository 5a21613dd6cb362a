// Package presets gives the cluster the CarrierProfiles that are shipped with the operator (config/profiles).
package presets

import (
	"fmt"
	"io/fs"

	"sigs.k8s.io/yaml"

	apiac "github.com/carrier-operator/carrier-operator/api/applyconfiguration/api/v1alpha1"
)

// A profile is a preset, and may be changed, only with this label: one that a person made under the same name is never adopted.
const (
	labelManagedBy = "app.kubernetes.io/managed-by"
	managedBy      = "carrier-operator"
)

// Mode says what happens to the shipped profiles. It is a flag's value (flag.TextVar).
type Mode string

// What happens to the shipped profiles.
const (
	// Apply creates and updates them when the manager starts.
	Apply Mode = "Apply"
	// Ignore leaves them to people.
	Ignore Mode = "Ignore"
)

// MarshalText implements encoding.TextMarshaler.
func (m Mode) MarshalText() ([]byte, error) { return []byte(m), nil }

// UnmarshalText implements encoding.TextUnmarshaler and refuses an unknown mode.
func (m *Mode) UnmarshalText(text []byte) error {
	switch mode := Mode(text); mode {
	case Apply, Ignore:
		*m = mode
		return nil
	default:
		return fmt.Errorf("%q is neither %s nor %s", text, Apply, Ignore)
	}
}

// Load reads the profiles of a folder, one a file, in the order of their names.
func Load(folder fs.FS) ([]*apiac.CarrierProfileApplyConfiguration, error) {
	names, err := fs.Glob(folder, "*.yaml")
	if err != nil {
		return nil, err
	}
	var profiles []*apiac.CarrierProfileApplyConfiguration
	for _, name := range names {
		source, err := fs.ReadFile(folder, name)
		if err != nil {
			return nil, err
		}
		profile := &apiac.CarrierProfileApplyConfiguration{}
		if err := yaml.UnmarshalStrict(source, profile); err != nil {
			return nil, fmt.Errorf("preset %s: %w", name, err)
		}
		if profile.GetName() == nil || profile.GetKind() == nil || *profile.GetKind() != "CarrierProfile" {
			return nil, fmt.Errorf("preset %s: not a CarrierProfile with a name", name)
		}
		profiles = append(profiles, profile.WithLabels(map[string]string{labelManagedBy: managedBy}))
	}
	return profiles, nil
}

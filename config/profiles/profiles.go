// Package profiles holds the shipped CarrierProfile presets. Only facts from a carrier's own specification or documentation are in
// them, each profile with its sources and the day of the last review.
package profiles

import (
	"embed"
	"io/fs"
	"strings"
)

// files holds kustomization.yaml too, which is no profile.
//
//go:embed *.yaml
var files embed.FS

// FS holds one YAML file a profile.
var FS fs.FS = presets{files}

type presets struct{ embed.FS }

// ReadDir implements fs.ReadDirFS without the file that is for kustomize.
func (p presets) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := p.FS.ReadDir(name)
	var kept []fs.DirEntry
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), "kustomization.") {
			kept = append(kept, entry)
		}
	}
	return kept, err
}

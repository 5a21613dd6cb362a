// Package profilelint judges CarrierProfiles as an experienced colleague would: what the API server refuses, what the gateway cannot
// compile, and what is allowed but probably not meant. It needs no cluster.
package profilelint

import (
	"fmt"
	"slices"
	"strings"
)

// Severity says how bad a finding is.
type Severity string

// How bad a finding is.
const (
	// Error is what a cluster refuses or what a gateway cannot work with.
	Error Severity = "error"
	// Warning is what works and probably should not stay.
	Warning Severity = "warning"
)

// Finding is one thing to look at.
type Finding struct {
	Severity Severity `json:"severity"`
	// Path of the field in the profile, for example spec.operations[2].request.allow[3].
	Path string `json:"path"`
	// Message says what is wrong and what to do.
	Message string `json:"message"`
}

// findings collects them.
type findings []Finding

func (f *findings) add(severity Severity, path, format string, args ...any) {
	*f = append(*f, Finding{Severity: severity, Path: path, Message: fmt.Sprintf(format, args...)})
}

func (f *findings) error(path, format string, args ...any) { f.add(Error, path, format, args...) }
func (f *findings) warn(path, format string, args ...any)  { f.add(Warning, path, format, args...) }

// sorted puts errors first, each kind by path.
func (f findings) sorted() []Finding {
	slices.SortStableFunc(f, func(a, b Finding) int {
		if a.Severity != b.Severity {
			return strings.Compare(string(a.Severity), string(b.Severity))
		}
		return strings.Compare(a.Path, b.Path)
	})
	return f
}

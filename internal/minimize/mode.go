package minimize

import "fmt"

// Mode says what happens to fields that the rules do not let pass. The package documentation defines the three modes.
type Mode int

const (
	// Report counts and changes nothing. It is the zero value: a new integration first shows what it over-shares.
	Report Mode = iota
	// Redact removes, and refuses what can't be decoded.
	Redact
	// Enforce removes, and refuses also variants of known names and messages that lack a required field.
	Enforce
)

var modeNames = [...]string{"Report", "Redact", "Enforce"}

// String returns the name used in the API.
func (m Mode) String() string {
	if m < 0 || int(m) >= len(modeNames) {
		return fmt.Sprintf("Mode(%d)", int(m))
	}
	return modeNames[m]
}

// ParseMode is the inverse of String; names are case-sensitive.
func ParseMode(s string) (Mode, error) {
	for i, name := range modeNames {
		if s == name {
			return Mode(i), nil
		}
	}
	return Report, fmt.Errorf("minimization mode %q is unknown: use Report, Redact or Enforce", s)
}

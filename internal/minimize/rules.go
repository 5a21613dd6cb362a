package minimize

import (
	"errors"
	"fmt"
	"strings"
)

// Rules say which values of a message pass. The package documentation gives their meaning; the zero value keeps everything.
type Rules struct {
	Allow      []string // paths of what is kept; none: everything that Remove does not name
	Remove     []string // paths of what is cut out
	Require    []string // the floor: paths that are never removed and that a request must hold; at most 64
	Exceptions []string // paths that are kept although Allow lacks them or Remove names them
	Embedded   []Embedded
	Limits     Limits
}

// Embedded says that the text at Path (a JSON string, XML text, form field or part) is itself a document. Paths go on into
// it: with $.xml_in in XML, $.xml_in.Shipment.Name is an element of that document. An empty text is no document and stands
// for itself. Of two entries for one value the later counts.
type Embedded struct {
	Path   string
	Format Format // FormatJSON or FormatXML
}

// Limits bound the work one message can cause. A zero field means its default.
type Limits struct {
	MaxBytes   int // of the whole body; default 16 MiB. The gateway's own limit is usually lower
	MaxDepth   int // of nested objects, lists and elements; default 64, at most 1000
	MaxMembers int // of one object, attributes of one element, fields of a form or parts; default 4096
}

const (
	defaultMaxBytes   = 16 << 20
	defaultMaxDepth   = 64
	highestMaxDepth   = 1000 // the walk is recursive
	defaultMaxMembers = 4096
	maxRequired       = 64 // bits of state.requires
)

func (l Limits) withDefaults() (Limits, error) {
	if l.MaxBytes < 0 || l.MaxMembers < 0 || l.MaxDepth < 0 || l.MaxDepth > highestMaxDepth {
		return l, fmt.Errorf("limits: want no negative limit and a depth of at most %d", highestMaxDepth)
	}
	if l.MaxBytes == 0 {
		l.MaxBytes = defaultMaxBytes
	}
	if l.MaxDepth == 0 {
		l.MaxDepth = defaultMaxDepth
	}
	if l.MaxMembers == 0 {
		l.MaxMembers = defaultMaxMembers
	}
	return l, nil
}

type listKind uint8

const (
	kindAllow listKind = iota
	kindRemove
	kindKeep // Require and Exceptions
	kindEmbed
)

// lenient: a variant of a name is taken for it, lest a receiver finds there what the rules would have removed.
func (k listKind) lenient() bool { return k == kindRemove || k == kindEmbed }

// pattern is one parsed path and what it is for.
type pattern struct {
	kind     listKind
	segments []segment
	required uint64 // its bit in state.requires; 0 when the path need not be present
	marked   bool   // ends in @name, which in multipart passes only by a path of its own
	format   Format // of kindEmbed
}

// Compile checks the rules and turns them into a Program. The error lists every bad path with its list, index and fault.
func Compile(r Rules) (*Program, error) {
	limits, err := r.Limits.withDefaults()
	errs := []error{err}
	if len(r.Require) > maxRequired {
		errs = append(errs, fmt.Errorf("require: %d paths, at most %d are supported", len(r.Require), maxRequired))
	}
	var patterns []pattern
	parse := func(list string, kind listKind, i int, path string) *pattern {
		segments, err := parsePath(path)
		if err == nil && len(segments) == 0 && kind != kindAllow {
			err = errors.New("$ alone is possible in allow only: it stands for the whole document")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s[%d] %q: %w", list, i, path, err))
			return &pattern{}
		}
		marked := len(segments) > 0 && strings.HasPrefix(segments[len(segments)-1].name, "@")
		patterns = append(patterns, pattern{kind: kind, segments: segments, marked: marked})
		return &patterns[len(patterns)-1]
	}
	add := func(list string, kind listKind, paths []string) {
		for i, path := range paths {
			p := parse(list, kind, i, path)
			if list == "require" && i < maxRequired {
				p.required = 1 << i
			}
		}
	}
	add("allow", kindAllow, r.Allow)
	add("remove", kindRemove, r.Remove)
	add("require", kindKeep, r.Require)
	add("exceptions", kindKeep, r.Exceptions)
	for i, e := range r.Embedded {
		if e.Format != FormatJSON && e.Format != FormatXML {
			errs = append(errs, fmt.Errorf("embedded[%d] %q: a document inside another is JSON or XML, not %q", i, e.Path, e.Format))
		}
		parse("embedded", kindEmbed, i, e.Path).format = e.Format
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("minimization rules: %w", err)
	}
	p := &Program{limits: limits, required: r.Require, known: map[string]bool{}}
	p.root, err = buildStates(patterns, len(r.Allow) > 0, p.known)
	if err != nil {
		return nil, fmt.Errorf("minimization rules: %w", err)
	}
	return p, nil
}

// Program is a set of rules, compiled. It is immutable and safe for concurrent use.
type Program struct {
	root     *state
	limits   Limits
	required []string        // Rules.Require, by bit
	known    map[string]bool // names that rules mention: these are always shown in reports
}

// missing lists the required paths that seen lacks.
func (p *Program) missing(seen uint64) []string {
	var paths []string
	for i, path := range p.required {
		if seen&(1<<i) == 0 {
			paths = append(paths, path)
		}
	}
	return paths
}

func joinPaths(paths []string) string { return strings.Join(paths, ", ") }

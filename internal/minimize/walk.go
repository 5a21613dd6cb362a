package minimize

import "fmt"

// maxPooledNames and maxPooledBytes bound the buffers that an unusual message leaves behind in a pool.
const (
	maxPooledNames = 1 << 10
	maxPooledBytes = 64 << 10
)

// walk is what the walkers of all formats have in common: the rules, the way through the document, what is left of it.
type walk struct {
	program *Program
	mode    Mode
	removed *Removed
	level   int    // 0 for the body, 1 for a document inside it, and so on
	prefix  string // path of the value that holds this document; empty for the body

	src     []byte
	pos     int
	dst     []byte
	changed bool
	seen    uint64 // required paths met
}

func (p *Program) newWalk(dst, src []byte, mode Mode, r *Removed) walk {
	return walk{program: p, mode: mode, removed: r, src: src, dst: dst}
}

// finish judges the whole body after its walk, which started with dst.
func (w *walk) finish(dst []byte, err *Error) ([]byte, error) {
	if err == nil {
		err = w.floor()
	}
	switch {
	case w.mode == Report:
		if err != nil && w.removed != nil {
			w.removed.Undecodable = err.Rule
		}
	case err != nil:
		return dst, err
	case w.changed:
		return w.dst, nil
	}
	return append(w.dst[:len(dst)], w.src...), nil
}

// floor judges the required paths that were not met.
func (w *walk) floor() *Error {
	missing := w.program.missing(w.seen)
	if len(missing) == 0 {
		return nil
	}
	if w.removed != nil {
		w.removed.Missing = missing
	}
	if w.mode != Enforce {
		return nil
	}
	return &Error{Rule: RuleRequiredMissing, Path: missing[0], Offset: -1,
		Detail: "the receiver requires " + joinPaths(missing) + ", which the body lacks"}
}

func (w *walk) checkSize() *Error {
	if len(w.src) <= w.program.limits.MaxBytes {
		return nil
	}
	return &Error{Rule: RuleTooLarge, Offset: -1, Detail: fmt.Sprintf("the body has %d bytes, at most %d are accepted",
		len(w.src), w.program.limits.MaxBytes)}
}

// appendRoot begins a path in the document.
func (w *walk) appendRoot(path []byte) []byte {
	if w.prefix != "" {
		return append(path, w.prefix...)
	}
	return append(path, '$')
}

// drop counts the value at path as removed.
func (w *walk) drop(path []byte) {
	w.changed = true
	if w.removed != nil {
		w.removed.add(path)
	}
}

// variant counts a name that only resembles a known one, or comes again; it says whether that is to be refused.
func (w *walk) variant() (refused bool) {
	if w.removed != nil {
		w.removed.Variants++
	}
	return w.mode == Enforce
}

const detailVariant = "the name differs from a known one only in case, form or invisible characters: use the documented spelling"

// peek returns the byte at pos, or 0 at the end: 0 is valid nowhere, so callers need no second check.
func (w *walk) peek() byte {
	if w.pos < len(w.src) {
		return w.src[w.pos]
	}
	return 0
}

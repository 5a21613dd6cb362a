package minimize

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

var formWalkers = sync.Pool{New: func() any { return new(formWalker) }}

// AppendForm is AppendJSON for the form that HTML calls application/x-www-form-urlencoded. Fields are members of $ by their
// decoded names. A name that comes again is a list where a rule has [*] behind it; elsewhere Redact keeps what is allowed
// of each, and Enforce refuses.
func (p *Program) AppendForm(dst, src []byte, mode Mode, r *Removed) ([]byte, error) {
	w := formWalkers.Get().(*formWalker)
	defer w.release()
	w.walk = p.newWalk(dst, src, mode, r)
	return w.finish(dst, w.fields(p.root))
}

type formWalker struct {
	walk

	names   nameSet
	name    []byte // decoded, of the current field
	value   []byte
	scratch []byte
	path    []byte
	written bool // a field has been forwarded
}

// release keeps the buffers for the next form and lets go of everything that refers to this one.
func (w *formWalker) release() {
	if cap(w.value) > maxPooledBytes || !w.names.reset() {
		return
	}
	*w = formWalker{names: w.names, name: w.name[:0], value: w.value[:0], scratch: w.scratch[:0], path: w.path[:0]}
	formWalkers.Put(w)
}

func (w *formWalker) fields(s *state) *Error {
	if err := w.checkSize(); err != nil {
		return err
	}
	for n := 0; w.pos < len(w.src); n++ {
		if n == w.program.limits.MaxMembers {
			return w.fail(RuleTooManyMembers, fmt.Sprintf("more than %d fields", n))
		}
		start := w.pos
		end := bytes.IndexByte(w.src[start:], '&')
		if end < 0 {
			end = len(w.src)
		} else {
			end += start
		}
		if end > start { // else nothing stands between two &
			if err := w.field(s, w.src[start:end]); err != nil {
				return err
			}
		}
		w.pos = end + 1
	}
	return nil
}

// field forwards a field, or leaves it out.
func (w *formWalker) field(s *state, raw []byte) *Error {
	name, value, _ := bytes.Cut(raw, []byte{'='})
	var f *fault
	if w.name, f = appendField(w.name[:0], name, true); f != nil {
		return w.fail(f.rule, f.detail)
	}
	if w.value, f = appendField(w.value[:0], value, false); f != nil {
		return w.fail(f.rule, f.detail)
	}
	if string(w.name) == "_charset_" && !bytes.EqualFold(w.value, []byte("utf-8")) {
		return w.fail(RuleCharset, "_charset_ is not decoded here: send UTF-8")
	}
	to, variant, scratch := s.nextField(w.name, w.scratch)
	w.scratch = scratch
	if variant && w.variant() {
		return w.fail(RuleKeyVariant, detailVariant)
	}
	if w.names.add(w.name) && !to.list && w.variant() {
		return w.fail(RuleDuplicateKey, "the field is given twice, and no rule expects a list")
	}
	if to.list {
		w.seen |= to.requires
		to = to.elem
	}
	w.seen |= to.requires
	if isDocument(to, w.value) {
		return w.embeddedField(to, raw, name)
	}
	if !to.keep {
		w.drop(w.currentPath())
		return nil
	}
	w.forward(raw)
	return nil
}

// forward appends a field, or its beginning.
func (w *formWalker) forward(raw []byte) {
	if w.written {
		w.dst = append(w.dst, '&')
	}
	w.written = true
	w.dst = append(w.dst, raw...)
}

// embeddedField forwards what the rules leave of a field whose value is a document.
func (w *formWalker) embeddedField(s *state, raw, name []byte) *Error {
	rest, kept, changed, err := w.embedded(s, w.value, w.currentPath())
	switch {
	case err != nil:
		return err
	case kept && !changed:
		w.forward(raw)
	case kept || s.explicit:
		w.forward(name)
		w.dst = append(w.dst, '=')
		if kept {
			w.dst = appendFieldEscaped(w.dst, rest)
		}
	}
	return nil
}

// nextField is next for the names of form fields and parts, where name[] and name[0] are variants of name.
func (s *state) nextField(name, scratch []byte) (to *state, variant bool, _ []byte) {
	to, variant, scratch = s.next(name, scratch)
	if to != s.other || variant {
		return to, variant, scratch
	}
	if bracket := bytes.IndexByte(name, '['); bracket > 0 {
		scratch = appendFold(scratch[:0], name[:bracket])
		if to := s.folds.find(scratch); to != nil {
			return to, true, scratch
		}
	}
	return to, false, scratch
}

func (w *formWalker) fail(rule, detail string) *Error {
	return &Error{Rule: rule, Path: string(w.currentPath()), Offset: w.pos, Detail: detail}
}

func (w *formWalker) currentPath() []byte {
	w.path = w.appendRoot(w.path[:0])
	if len(w.name) > 0 {
		w.path = appendName(w.path, w.name, w.program.known)
	}
	return w.path
}

// nameSet finds names that come again.
type nameSet struct {
	all    []byte // the names
	ends   []int
	hashes map[uint64]struct{} // of the names, once there are many
}

// add enters a name, which it copies, and says whether it was there.
func (s *nameSet) add(name []byte) (again bool) {
	if len(s.ends) < smallObject {
		again = s.contains(name)
	} else {
		if s.hashes == nil {
			s.hashes = map[uint64]struct{}{}
		}
		if len(s.hashes) == 0 {
			start := 0
			for _, end := range s.ends {
				s.hashes[maphash.Bytes(hashSeed, s.all[start:end])] = struct{}{}
				start = end
			}
		}
		hash := maphash.Bytes(hashSeed, name)
		if _, hit := s.hashes[hash]; hit {
			again = s.contains(name)
		}
		s.hashes[hash] = struct{}{}
	}
	if !again {
		s.all = append(s.all, name...)
		s.ends = append(s.ends, len(s.all))
	}
	return again
}

func (s *nameSet) contains(name []byte) bool {
	start := 0
	for _, end := range s.ends {
		if bytes.Equal(s.all[start:end], name) {
			return true
		}
		start = end
	}
	return false
}

// reset empties the set and says whether its memory is worth keeping.
func (s *nameSet) reset() bool {
	if cap(s.all) > maxPooledBytes || len(s.hashes) > maxPooledNames {
		return false
	}
	clear(s.hashes)
	s.all, s.ends = s.all[:0], s.ends[:0]
	return true
}

var (
	formFaultRaw     = &fault{RuleInvalidForm, "a character that must be percent-encoded"}
	formFaultEscape  = &fault{RuleInvalidForm, "a broken percent escape"}
	formFaultControl = &fault{RuleInvalidForm, "control character"}
	formFaultUTF8    = &fault{RuleInvalidUTF8, "bytes that are not UTF-8"}
)

// formPlain marks the bytes that stand for themselves. ; is not among them: some servers take it for &.
var formPlain = func() (t [256]bool) {
	for c := '!'; c < 0x7f; c++ {
		t[c] = !strings.ContainsRune(`%+;#&`, c)
	}
	return t
}()

// appendField appends what a name or value of a form means. Control characters other than tab and line ends, which a name
// may not have either, are refused.
func appendField(dst, raw []byte, name bool) ([]byte, *fault) {
	start, ascii := len(dst), true
	for i := 0; i < len(raw); {
		plain := i
		for i < len(raw) && formPlain[raw[i]] {
			i++
		}
		dst = append(dst, raw[plain:i]...)
		switch {
		case i == len(raw):
		case raw[i] == '+':
			dst = append(dst, ' ')
			i++
		case raw[i] != '%':
			return dst, formFaultRaw
		case i+2 >= len(raw) || unhex[raw[i+1]]|unhex[raw[i+2]] > 15:
			return dst, formFaultEscape
		default:
			c := unhex[raw[i+1]]<<4 | unhex[raw[i+2]]
			if c == 0x7f || c < 0x20 && (name || c != '\t' && c != '\n' && c != '\r') {
				return dst, formFaultControl
			}
			ascii = ascii && c < utf8.RuneSelf
			dst = append(dst, c)
			i += 3
		}
	}
	if !ascii && !utf8.Valid(dst[start:]) {
		return dst, formFaultUTF8
	}
	return dst, nil
}

// appendFieldEscaped is its inverse.
func appendFieldEscaped(dst, text []byte) []byte {
	dst = slices.Grow(dst, len(text)+len(text)/2)
	for _, c := range text {
		switch {
		case formLetter[c]:
			dst = append(dst, c)
		case c == ' ':
			dst = append(dst, '+')
		default:
			dst = append(dst, '%', "0123456789ABCDEF"[c>>4], "0123456789ABCDEF"[c&15])
		}
	}
	return dst
}

// formLetter marks the bytes that are never escaped.
var formLetter = func() (t [256]bool) {
	for _, c := range "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.*" {
		t[c] = true
	}
	return t
}()

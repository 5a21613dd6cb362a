package minimize

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"slices"
)

// smallObject is the number of members up to which comparing each name with the others beats hashing.
const smallObject = 24

// hashSeed is unknown to clients, so that they cannot make names collide.
var hashSeed = maphash.MakeSeed()

// skip checks the value at pos without forwarding anything.
//
//nolint:gocognit // one switch over the kinds of values reads better in one piece
func (w *jsonWalker) skip() *Error {
	switch w.peek() {
	case '{':
		if err := w.open(false); err != nil {
			return err
		}
		for n := 0; ; n++ {
			if _, _, done, err := w.name(n); done || err != nil {
				return w.popUnless(err)
			}
			if err := w.skip(); err != nil {
				return err
			}
		}
	case '[':
		if err := w.open(true); err != nil {
			return err
		}
		for n := 0; ; n++ {
			if done, err := w.more(']', n); done || err != nil {
				return w.popUnless(err)
			}
			if err := w.skip(); err != nil {
				return err
			}
		}
	}
	return w.scalar()
}

func (w *jsonWalker) popUnless(err *Error) *Error {
	if err == nil {
		w.pop()
	}
	return err
}

func (w *jsonWalker) open(list bool) *Error {
	if len(w.frames) == w.program.limits.MaxDepth {
		return w.fail(RuleTooDeep, fmt.Sprintf("more than %d nested objects and lists", w.program.limits.MaxDepth))
	}
	w.frames = append(w.frames, frame{list: list, names: len(w.names)})
	w.pos++
	return nil
}

func (w *jsonWalker) pop() {
	last := len(w.frames) - 1
	f := w.frames[last]
	w.recycle(f)
	w.frames, w.names = w.frames[:last], w.names[:f.names]
}

// more moves to the next element or member, of which n came before, or behind the closing bracket.
func (w *jsonWalker) more(closing byte, n int) (done bool, _ *Error) {
	w.space()
	c := w.peek()
	if c == closing {
		w.pos++
		return true, nil
	}
	if n == 0 {
		return false, nil
	}
	if c != ',' {
		return false, w.fail(RuleInvalidJSON, "expected a comma or the closing bracket")
	}
	w.pos++
	w.space()
	return false, nil
}

// name reads the next name of an object and its colon. raw has the quotes and escapes, name is what it means.
func (w *jsonWalker) name(n int) (raw, name []byte, done bool, _ *Error) {
	if done, err := w.more('}', n); done || err != nil {
		return nil, nil, done, err
	}
	if n == w.program.limits.MaxMembers {
		return nil, nil, false, w.fail(RuleTooManyMembers, fmt.Sprintf("more than %d members in one object", n))
	}
	if w.peek() != '"' {
		return nil, nil, false, w.fail(RuleInvalidJSON, "expected a name in double quotes")
	}
	end, escaped, f := scanString(w.src, w.pos)
	if f != nil {
		w.pos = end
		return nil, nil, false, w.fail(f.rule, f.detail)
	}
	raw = w.src[w.pos:end]
	if name = raw[1 : len(raw)-1]; escaped {
		start := len(w.decoded)
		w.decoded = appendUnescaped(w.decoded, name)
		name = w.decoded[start:]
	}
	duplicate := w.addName(name)
	if duplicate {
		return nil, nil, false, w.fail(RuleDuplicateKey, "the object has this name twice")
	}
	w.pos = end
	if w.space(); w.peek() != ':' {
		return nil, nil, false, w.fail(RuleInvalidJSON, "expected a colon after the name")
	}
	w.pos++
	w.space()
	return raw, name, false, nil
}

// addName enters a name of the innermost object and says whether it was there before.
func (w *jsonWalker) addName(name []byte) (duplicate bool) {
	f := &w.frames[len(w.frames)-1]
	siblings := w.names[f.names:]
	same := func(sibling []byte) bool { return bytes.Equal(sibling, name) }
	if len(siblings) < smallObject {
		duplicate = slices.ContainsFunc(siblings, same)
	} else {
		if f.seen == nil {
			f.seen = w.set()
			for _, sibling := range siblings {
				f.seen[maphash.Bytes(hashSeed, sibling)] = struct{}{}
			}
		}
		hash := maphash.Bytes(hashSeed, name)
		if _, hit := f.seen[hash]; hit {
			duplicate = slices.ContainsFunc(siblings, same)
		}
		f.seen[hash] = struct{}{}
	}
	w.names = append(w.names, name)
	return duplicate
}

func (w *jsonWalker) set() map[uint64]struct{} {
	if last := len(w.sets) - 1; last >= 0 {
		set := w.sets[last]
		w.sets = w.sets[:last]
		return set
	}
	return map[uint64]struct{}{}
}

func (w *jsonWalker) recycle(f frame) {
	if f.seen != nil {
		clear(f.seen)
		w.sets = append(w.sets, f.seen)
	}
}

func (w *jsonWalker) scalar() *Error {
	end, f := scanScalar(w.src, w.pos)
	w.pos = end
	if f != nil {
		return w.fail(f.rule, f.detail)
	}
	return nil
}

func (w *jsonWalker) space() {
	for w.pos < len(w.src) {
		switch w.src[w.pos] {
		case ' ', '\t', '\n', '\r':
			w.pos++
		default:
			return
		}
	}
}

func (w *jsonWalker) fail(rule, detail string) *Error {
	if w.pos >= len(w.src) && rule == RuleInvalidJSON {
		detail = faultEnd.detail
	}
	return &Error{Rule: rule, Path: string(w.currentPath()), Offset: w.pos, Detail: detail}
}

// currentPath spells the way to the current value in a buffer that the next call reuses.
func (w *jsonWalker) currentPath() []byte {
	path := w.appendRoot(w.path[:0])
	for i, f := range w.frames {
		if f.list {
			path = append(path, "[*]"...)
			continue
		}
		end := len(w.names)
		if i+1 < len(w.frames) {
			end = w.frames[i+1].names
		}
		if end > f.names { // else no name has been read yet
			path = appendName(path, w.names[end-1], w.program.known)
		}
	}
	w.path = path
	return path
}

package minimize

import (
	"sync"
)

var jsonWalkers = sync.Pool{New: func() any { return new(jsonWalker) }}

// AppendJSON appends to dst what the rules leave of the JSON document src, and records in r, which may be nil, what they
// take away. src and the spare room of dst must not overlap. On an error dst is returned as it was and nothing may be sent;
// r then holds what was found up to the error. In mode Report there is no error, and src is appended as it is.
//
// Errors are of type *Error. Data in parts that are removed is checked like the rest.
func (p *Program) AppendJSON(dst, src []byte, mode Mode, r *Removed) ([]byte, error) {
	w := jsonWalkers.Get().(*jsonWalker)
	defer w.release()
	w.walk = p.newWalk(dst, src, mode, r)
	_, err := w.document(p.root)
	return w.finish(dst, err)
}

// frame is an open container.
type frame struct {
	list  bool
	names int                 // where its names begin in jsonWalker.names
	seen  map[uint64]struct{} // hashes of its names, for a large object
}

type jsonWalker struct {
	walk

	frames  []frame
	names   [][]byte // decoded names met so far in each open object: they find duplicates and spell the path
	decoded []byte   // backs those names that have escapes
	scratch []byte
	path    []byte
	sets    []map[uint64]struct{} // cleared, for reuse
}

// release keeps the buffers for the next message and lets go of everything that refers to this one.
func (w *jsonWalker) release() {
	for _, f := range w.frames { // open after an error
		w.recycle(f)
	}
	if cap(w.names) > maxPooledNames || cap(w.decoded) > maxPooledBytes || len(w.sets) > 2 {
		return
	}
	clear(w.names[:cap(w.names)])
	*w = jsonWalker{frames: w.frames[:0], names: w.names[:0], decoded: w.decoded[:0], scratch: w.scratch[:0],
		path: w.path[:0], sets: w.sets}
	jsonWalkers.Put(w)
}

// document forwards what the rules leave of the document, which is a value with state s.
func (w *jsonWalker) document(s *state) (kept bool, _ *Error) {
	if err := w.checkSize(); err != nil {
		return false, err
	}
	if byteOrderMark(w.src) {
		return false, w.fail(RuleByteOrderMark, "the body starts with a byte order mark: send UTF-8 without one")
	}
	w.space()
	kept, err := w.value(s)
	if err != nil {
		return false, err
	}
	if !kept && w.level == 0 {
		return false, &Error{Rule: RuleRootNotAllowed, Path: "$", Offset: 0,
			Detail: "the document is a single value, of which the rules leave nothing"}
	}
	if w.space(); w.pos < len(w.src) {
		return false, w.fail(RuleTrailingData, "data follows the end of the document: send one document in a body")
	}
	return kept, nil
}

// value forwards the value at pos, or what the rules leave of it. kept: something was appended to dst.
func (w *jsonWalker) value(s *state) (kept bool, err *Error) {
	w.seen |= s.requires
	start := w.pos
	switch c := w.peek(); {
	case s.uniform:
		err = w.skip()
	case c == '{':
		return w.object(s)
	case c == '[':
		return w.list(s)
	case c == '"' && s.document != nil:
		return w.embeddedString(s)
	default:
		err = w.scalar()
	}
	switch {
	case err != nil:
		return false, err
	case !s.keep:
		w.drop(w.currentPath())
		return false, nil
	}
	w.dst = append(w.dst, w.src[start:w.pos]...)
	return true, nil
}

func (w *jsonWalker) object(s *state) (bool, *Error) {
	if err := w.open(false); err != nil {
		return false, err
	}
	mark, members, left := len(w.dst), 0, 0
	w.dst = append(w.dst, '{')
	for {
		raw, name, done, err := w.name(members)
		if err != nil {
			return false, err
		}
		if done {
			return w.close(s, mark, members, left, '}'), nil
		}
		to, err := w.member(s, name)
		if err != nil {
			return false, err
		}
		members++
		before := len(w.dst)
		if left > 0 {
			w.dst = append(w.dst, ',')
		}
		w.dst = append(append(w.dst, raw...), ':')
		kept, err := w.value(to)
		if err != nil {
			return false, err
		}
		if kept {
			left++
		} else {
			w.dst = w.dst[:before]
		}
	}
}

func (w *jsonWalker) list(s *state) (bool, *Error) {
	if err := w.open(true); err != nil {
		return false, err
	}
	mark, elements, left := len(w.dst), 0, 0
	w.dst = append(w.dst, '[')
	for {
		if done, err := w.more(']', elements); err != nil {
			return false, err
		} else if done {
			return w.close(s, mark, elements, left, ']'), nil
		}
		elements++
		before := len(w.dst)
		if left > 0 {
			w.dst = append(w.dst, ',')
		}
		kept, err := w.value(s.elem)
		if err != nil {
			return false, err
		}
		if kept {
			left++
		} else {
			w.dst = w.dst[:before]
		}
	}
}

// close ends the container that was opened at mark in dst and decides whether it stays.
func (w *jsonWalker) close(s *state, mark, all, left int, bracket byte) (kept bool) {
	w.pop()
	if root := len(w.frames) == 0 && w.level == 0; root || left > 0 || s.explicit || all == 0 && s.keep {
		w.dst = append(w.dst, bracket)
		return true
	}
	w.dst = w.dst[:mark]
	if all == 0 { // otherwise what was inside has been counted
		w.drop(w.currentPath())
	}
	return false
}

// member finds the state of a member and judges a variant of a known name.
func (w *jsonWalker) member(s *state, name []byte) (to *state, _ *Error) {
	var variant bool
	to, variant, w.scratch = s.next(name, w.scratch)
	if !variant {
		return to, nil
	}
	if w.variant() {
		return nil, w.fail(RuleKeyVariant, detailVariant)
	}
	return to, nil
}

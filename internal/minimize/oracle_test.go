package minimize

import (
	"bytes"
	"encoding/json/jsontext"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// The oracle is a second reading of the package documentation that shares nothing with the code under test: a document is
// decoded to a tree by encoding/json/jsontext, every value is located by its full path, and each rule is asked by plain
// backtracking whether it selects that path. Only folding of names is shared.

type tree struct {
	kind    jsontext.Kind
	raw     string // of a scalar
	names   []string
	members []*tree // or elements
}

// decodeStrict accepts one document and nothing else.
func decodeStrict(src []byte) (*tree, error) {
	d := jsontext.NewDecoder(bytes.NewReader(src))
	t, err := decodeTree(d)
	if err != nil {
		return nil, err
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("trailing data: %w", err)
	}
	return t, nil
}

func decodeTree(d *jsontext.Decoder) (*tree, error) {
	switch kind := d.PeekKind(); kind {
	case '{', '[':
		t := &tree{kind: kind}
		if _, err := d.ReadToken(); err != nil {
			return nil, err
		}
		for d.PeekKind() != '}' && d.PeekKind() != ']' {
			if kind == '{' {
				name, err := d.ReadToken()
				if err != nil {
					return nil, err
				}
				t.names = append(t.names, name.String())
			}
			m, err := decodeTree(d)
			if err != nil {
				return nil, err
			}
			t.members = append(t.members, m)
		}
		_, err := d.ReadToken()
		return t, err
	default:
		v, err := d.ReadValue()
		return &tree{kind: kind, raw: string(v)}, err
	}
}

func (t *tree) String() string {
	var b strings.Builder
	t.write(&b)
	return b.String()
}

func (t *tree) write(b *strings.Builder) {
	if t.kind != '{' && t.kind != '[' {
		b.WriteString(t.raw)
		return
	}
	b.WriteByte(byte(t.kind))
	for i, m := range t.members {
		if i > 0 {
			b.WriteByte(',')
		}
		if t.kind == '{' {
			fmt.Fprintf(b, "%q:", t.names[i])
		}
		m.write(b)
	}
	b.WriteByte(byte(t.kind) + 2)
}

func (t *tree) depth() int {
	if t.kind != '{' && t.kind != '[' {
		return 0
	}
	deepest := 0
	for _, m := range t.members {
		deepest = max(deepest, m.depth())
	}
	return deepest + 1
}

type step struct {
	name    string
	element bool
}

type oracle struct {
	allow, remove, require, keep [][]segment
	present                      map[int]bool // required paths met
	removed                      int
}

func newOracle(r Rules) *oracle {
	parse := func(paths []string) (all [][]segment) {
		for _, path := range paths {
			segments, err := parsePath(path)
			if err != nil {
				panic(err)
			}
			all = append(all, segments)
		}
		return all
	}
	o := &oracle{allow: parse(r.Allow), remove: parse(r.Remove), require: parse(r.Require), present: map[int]bool{}}
	o.keep = append(parse(r.Exceptions), o.require...)
	return o
}

// selects says whether a path selects the value at this location.
func selects(path []segment, at []step, fold bool) bool {
	if len(path) == 0 {
		return len(at) == 0
	}
	head := path[0]
	if head.wildcard && len(path) > 1 && selects(path[1:], at, fold) {
		return true // one or many: no step at all
	}
	if len(at) == 0 {
		return false
	}
	first := at[0]
	hit := head.wildcard || !first.element && (first.name == head.name || fold && foldName(first.name) == foldName(head.name))
	if hit && selects(path[1:], at[1:], fold) {
		return true
	}
	// A list is looked through by a name, and anything by a descendant.
	return (head.descendant || first.element && !head.wildcard) && selects(path, at[1:], fold)
}

func anySelects(paths [][]segment, at []step, fold bool) bool {
	for _, path := range paths {
		if selects(path, at, fold) {
			return true
		}
	}
	return false
}

func anyAtOrAbove(paths [][]segment, at []step, fold bool) bool {
	for n := range len(at) + 1 {
		if anySelects(paths, at[:n], fold) {
			return true
		}
	}
	return false
}

// reduce returns what is left of t, or nil.
func (o *oracle) reduce(t *tree, at []step) *tree {
	for i, path := range o.require {
		if selects(path, at, false) {
			o.present[i] = true
		}
	}
	cut := anyAtOrAbove(o.remove, at, true)
	keep := anyAtOrAbove(o.keep, at, false) || !cut && (len(o.allow) == 0 || anyAtOrAbove(o.allow, at, false))
	if t.kind != '{' && t.kind != '[' {
		if keep {
			return t
		}
		o.removed++
		return nil
	}
	left := &tree{kind: t.kind}
	for i, m := range t.members {
		next := step{element: true}
		if t.kind == '{' {
			next = step{name: t.names[i]}
		}
		r := o.reduce(m, append(slices.Clip(at), next))
		if r == nil {
			continue
		}
		left.members = append(left.members, r)
		if t.kind == '{' {
			left.names = append(left.names, t.names[i])
		}
	}
	explicit := anySelects(o.keep, at, false) || !cut && anySelects(o.allow, at, false)
	if len(at) == 0 || len(left.members) > 0 || explicit || keep && len(t.members) == 0 {
		return left
	}
	if len(t.members) == 0 {
		o.removed++
	}
	return nil
}

package minimize

import (
	"fmt"
	"slices"
)

// maxStates bounds the compiled automaton; a profile needs tens. Only many ..name paths of several names come near.
const maxStates = 1 << 12

// state is what the rules say about one value, and how to get from it to the values inside.
//
// The automaton is the subset construction over all paths at once, done when the rules are compiled, so that walking a
// message costs one map look-up per name.
type state struct {
	keep     bool // the value passes
	explicit bool // a path selects this very value to be kept: it stays even when it ends empty
	uniform  bool // every value inside has the same fate, and no rule needs to see it
	leads    bool // a path of what is kept goes on into the value
	list     bool // a rule expects many values here: it has [*] next
	named    bool // it stays by a path that ends in its name, which is @ and something

	requires uint64 // required paths that select this value

	names table  // exact names that some path expects here
	folds table  // folded forms of these names, for variants of them
	other *state // any other name
	elem  *state // a list element
	text  *state // the text of an XML element: the member that is named nameText

	document *state // of the document that the value is if it is a text, else nil
	embedded Format // of that document
}

// table maps names to states. The usual handful of names is compared one by one, which is faster than hashing.
type table struct {
	few  []edge
	many map[string]*state
}

type edge struct {
	name string
	to   *state
}

const fewEdges = 12

func newTable(entries map[string]*state) table {
	if len(entries) > fewEdges {
		return table{many: entries}
	}
	var t table
	for name, to := range entries {
		t.few = append(t.few, edge{name, to})
	}
	return t
}

// find returns nil for a name that is not in the table.
func (t *table) find(name []byte) *state {
	for i := range t.few {
		if e := &t.few[i]; e.name == string(name) {
			return e.to
		}
	}
	return t.many[string(name)]
}

// next returns the state of a member. variant: the name is not one that the rules know here, but may be read as one.
// scratch is reused for folding and returned.
func (s *state) next(name, scratch []byte) (to *state, variant bool, _ []byte) {
	if to := s.names.find(name); to != nil {
		return to, false, scratch
	}
	scratch = appendFold(scratch[:0], name)
	if to := s.folds.find(scratch); to != nil {
		return to, true, scratch
	}
	return s.other, false, scratch
}

// item is a position in a pattern: the segments before pos have been matched by the way to the current value.
type item struct{ pattern, pos int }

// itemSet is a state while it is built. The first three flags hold for the value and all below it.
type itemSet struct {
	items              []item // what may still match below; sorted, no repetition
	allowed, cut, kept bool
	explicit, named    bool
	list               bool
	embedded           Format
	requires           uint64
}

func (s *itemSet) key() string { return fmt.Sprint(*s) }

type builder struct {
	patterns []pattern
	states   map[string]*state
	queue    []queued
}

type queued struct {
	set   itemSet
	state *state
}

// buildStates compiles the patterns and enters the names they mention into known.
func buildStates(patterns []pattern, allowList bool, known map[string]bool) (*state, error) {
	b := &builder{patterns: patterns, states: map[string]*state{}}
	start := itemSet{allowed: !allowList}
	var items []item
	for i, p := range patterns {
		items = append(items, item{pattern: i})
		for _, seg := range p.segments {
			if !seg.wildcard {
				known[seg.name] = true
			}
		}
	}
	root := b.state(b.enter(start, items))
	for len(b.queue) > 0 {
		if len(b.states) > maxStates {
			return nil, fmt.Errorf("too complex: more than %d combinations; use fewer ..name segments", maxStates)
		}
		next := b.queue[0]
		b.queue = b.queue[1:]
		b.link(next)
	}
	return root, nil
}

// state returns the state of a set, which is new and queued for linking if the set has not been met.
func (b *builder) state(set itemSet) *state {
	key := set.key()
	if s, ok := b.states[key]; ok {
		return s
	}
	s := &state{
		keep:     set.kept || set.allowed && !set.cut,
		explicit: set.explicit,
		named:    set.named,
		list:     set.list,
		embedded: set.embedded,
		requires: set.requires,
	}
	s.leads = slices.ContainsFunc(set.items, func(it item) bool {
		kind := b.patterns[it.pattern].kind
		return kind == kindAllow || kind == kindKeep
	})
	s.uniform = len(set.items) == 0 && (s.embedded == "" || !s.keep)
	b.states[key] = s
	b.queue = append(b.queue, queued{set, s})
	if set.embedded != "" {
		set.embedded = ""
		s.document = b.state(set)
	}
	return s
}

// enter returns the set of a value inside one with the set from, when the items have come along the step to it.
//
//nolint:gocognit // the cases of one step belong together
func (b *builder) enter(from itemSet, items []item) itemSet {
	set := itemSet{allowed: from.allowed, cut: from.cut, kept: from.kept}
	var explicitAllow, namedAllow bool
	embedding := -1
	for i := 0; i < len(items); i++ { // items grows in the loop
		it := items[i]
		p := &b.patterns[it.pattern]
		if it.pos < len(p.segments) {
			// One or many: a wildcard may stand for no step at all, unless it is what the path ends with.
			if p.segments[it.pos].wildcard {
				set.list = true
				if it.pos+1 < len(p.segments) || p.kind == kindEmbed {
					items = append(items, item{it.pattern, it.pos + 1})
				}
			}
			continue
		}
		switch p.kind {
		case kindAllow:
			set.allowed, explicitAllow, namedAllow = true, true, namedAllow || p.marked
		case kindRemove:
			set.cut = true
		case kindKeep:
			set.kept, set.explicit, set.named = true, true, set.named || p.marked
			set.requires |= p.required
		case kindEmbed:
			if embedding = max(embedding, it.pattern); embedding == it.pattern { // the last one wins
				set.embedded = p.format
			}
		}
	}
	set.explicit = set.explicit || explicitAllow && !set.cut
	set.named = set.named || namedAllow && !set.cut
	removable := !set.kept && (set.cut || !set.allowed || slices.ContainsFunc(items, b.removes))
	for _, it := range items {
		p := &b.patterns[it.pattern]
		if it.pos == len(p.segments) {
			continue
		}
		// Without anything left to remove, only the presence of required paths is of interest, and what has to be allowed by
		// a path of its own; in what is cut out, only what is kept nevertheless.
		if p.required != 0 || p.kind == kindEmbed || (removable || p.marked) && (!set.cut || p.kind == kindKeep) {
			set.items = append(set.items, it)
		}
	}
	slices.SortFunc(set.items, func(x, y item) int {
		return (x.pattern-y.pattern)*(maxPathSegments+1) + x.pos - y.pos
	})
	set.items = slices.Compact(set.items)
	return set
}

// removes says whether an item can still lead to a removal.
func (b *builder) removes(it item) bool {
	p := &b.patterns[it.pattern]
	return p.kind == kindRemove && it.pos < len(p.segments)
}

// link fills the transitions of a state.
func (b *builder) link(q queued) {
	s := q.state
	if s.uniform {
		below := b.state(itemSet{allowed: q.set.allowed, cut: q.set.cut, kept: q.set.kept})
		s.other, s.elem, s.text = below, below, below
		return
	}
	names, folds := map[string]*state{}, map[string]*state{}
	for _, it := range q.set.items {
		if seg := b.patterns[it.pattern].segments[it.pos]; !seg.wildcard {
			names[seg.name] = nil
			folds[seg.fold] = nil
		}
	}
	for name := range names {
		names[name] = b.member(q.set, func(seg segment, kind listKind) bool {
			return seg.name == name || kind.lenient() && seg.fold == foldName(name)
		})
	}
	for fold := range folds {
		folds[fold] = b.member(q.set, func(seg segment, kind listKind) bool {
			return kind.lenient() && seg.fold == fold
		})
	}
	s.names, s.folds = newTable(names), newTable(folds)
	s.other = b.member(q.set, func(segment, listKind) bool { return false })
	s.elem = b.element(q.set)
	s.text, _, _ = s.next([]byte(nameText), nil)
}

// member returns the state of a member whose name the given test decides.
func (b *builder) member(from itemSet, matches func(segment, listKind) bool) *state {
	var items []item
	for _, it := range from.items {
		p := &b.patterns[it.pattern]
		seg := p.segments[it.pos]
		if seg.descendant {
			items = append(items, it)
		}
		if seg.wildcard || matches(seg, p.kind) {
			items = append(items, item{it.pattern, it.pos + 1})
		}
	}
	return b.state(b.enter(from, items))
}

// element returns the state of a list element. One or many: a name that is expected in a value is expected in each
// element of a list in its place, and a list of documents is as good as one.
func (b *builder) element(from itemSet) *state {
	var items []item
	for _, it := range from.items {
		if b.patterns[it.pattern].segments[it.pos].wildcard {
			it.pos++
		}
		items = append(items, it)
	}
	set := b.enter(from, items)
	if set.embedded == "" {
		set.embedded = from.embedded
	}
	return b.state(set)
}

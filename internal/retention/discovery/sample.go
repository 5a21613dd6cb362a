package discovery

import (
	"slices"
	"strings"
	"unicode"
)

const (
	// anyName stands for names that are better not shown. Some programs use people's addresses as names of fields; such a name is one that hardly any
	// other record has, or one of very many, or holds what no name of a field does.
	anyName = "*"
	// commonFrom is how many records must have a name for it to be shown; maxChildren is how many names one object may have.
	commonFrom, maxChildren = 2, 64
	maxName                 = 64
)

// Leaf is a field of a record without a schema: the names that lead to it, and its type.
type Leaf struct {
	Path []string
	Type string
}

// Sample gathers the fields of records of one collection that has no schema. The zero value is empty.
type Sample struct {
	leaves  map[string]Leaf // by joined path
	types   map[string]map[string]bool
	records map[string]int // that have a path or one that begins so
	order   []string       // of leaves, as they came
}

// Add adds the fields of one record. A field may come more than once, as in the elements of a list.
func (s *Sample) Add(record []Leaf) {
	if s.leaves == nil {
		s.leaves, s.types, s.records = map[string]Leaf{}, map[string]map[string]bool{}, map[string]int{}
	}
	counted := map[string]bool{}
	for _, leaf := range record {
		whole := join(leaf.Path)
		if _, known := s.leaves[whole]; !known {
			s.leaves[whole], s.types[whole] = leaf, map[string]bool{}
			s.order = append(s.order, whole)
		}
		s.types[whole][leaf.Type] = true
		for i := range leaf.Path {
			if part := join(leaf.Path[:i+1]); !counted[part] {
				counted[part] = true
				s.records[part]++
			}
		}
	}
}

// join makes a key of a path; no name has a zero byte.
func join(path []string) string { return strings.Join(path, "\x00") }

// Fields returns what the records of the collection have, each field once, in the order in which they were first seen.
func (s *Sample) Fields(collection string) (fields []Field) {
	children := map[string]map[string]bool{}
	for _, leaf := range s.leaves {
		for i, name := range leaf.Path {
			parent := join(leaf.Path[:i])
			if children[parent] == nil {
				children[parent] = map[string]bool{}
			}
			children[parent][name] = true
		}
	}
	at := map[string]int{}
	for _, key := range s.order {
		leaf := s.leaves[key]
		shown := make([]string, len(leaf.Path))
		for i, name := range leaf.Path {
			shown[i] = name
			if s.records[join(leaf.Path[:i+1])] < commonFrom || len(children[join(leaf.Path[:i])]) > maxChildren || !isName(name) {
				shown[i] = anyName
			}
		}
		f := Field{Collection: collection, Name: strings.Join(shown, "."), Type: leaf.Type, Nested: true}
		if len(s.types[key]) > 1 {
			f.Type = "mixed"
		}
		switch i, known := at[f.Name]; {
		case !known:
			at[f.Name] = len(fields)
			fields = append(fields, f)
		case fields[i].Type != f.Type:
			fields[i].Type = "mixed"
		}
	}
	return fields
}

// isName says whether a program would name a field so.
func isName(name string) bool {
	return name != "" && len(name) <= maxName && !strings.ContainsFunc(name, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' && r != '-' && r != '$' && r != ':'
	})
}

// isDecided says whether a decision covers the field: one of its own or, where fields are nested, one of what contains it.
func isDecided(f Field, decided []string) bool {
	return slices.ContainsFunc(decided, func(name string) bool {
		return name == f.Name || (f.Nested && strings.HasPrefix(f.Name, name+"."))
	})
}

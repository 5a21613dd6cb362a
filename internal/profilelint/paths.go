package profilelint

import (
	"regexp"
	"slices"
	"strings"
)

// step is one name of a path; "" for any name.
type step struct {
	name string
	deep bool // ..name: any number of names may come first
}

var stepPattern = regexp.MustCompile(`(\.\.?)(\*|[^.\['"]+)|\[\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|\*)\s*\]`)

// steps reads a path that compiles. A list and its elements are the same place, so [*] is no step.
func steps(path string) []step {
	var all []step
	for _, match := range stepPattern.FindAllStringSubmatch(path, -1) {
		name := match[2] + match[3] + match[4]
		if name == "" {
			continue
		}
		all = append(all, step{name: strings.TrimPrefix(name, "*"), deep: match[1] == ".."})
	}
	return all
}

// covers reports whether everything at path passes when allowed does.
func covers(allowed, path []step) bool {
	if len(allowed) == 0 {
		return true
	}
	first, rest := allowed[0], allowed[1:]
	for i, s := range path {
		if (first.name == "" || first.name == s.name) && covers(rest, path[i+1:]) {
			return true
		}
		if !first.deep {
			return false
		}
	}
	return false
}

func anyCovers(allowed []string, path string) bool {
	wanted := steps(path)
	return slices.ContainsFunc(allowed, func(a string) bool { return covers(steps(a), wanted) })
}

package gateway

import "strings"

// vocabulary are the names that the rules of a configuration mention. Only they are shown in logs and metrics: a name that a client
// makes up may itself be personal data.
type vocabulary map[string]bool

func (v vocabulary) add(paths ...string) {
	for _, path := range paths {
		for name := range names(path) {
			v[name] = true
		}
	}
}

// mask writes [?] for every name of a reported path that the rules do not mention.
func (v vocabulary) mask(path string) string {
	if name, query := strings.CutPrefix(path, "?"); query {
		if v[strings.TrimSuffix(strings.TrimPrefix(name, "['"), "']")] {
			return path
		}
		return "?[?]"
	}
	if v.covers(path) {
		return path
	}
	var b strings.Builder
	b.WriteString("$")
	for name := range names(path) {
		switch {
		case name == "*":
			b.WriteString("[*]")
		case v[name], strings.HasPrefix(name, "#"): // #text and the like are no names of clients
			b.WriteString("." + name)
		case strings.HasPrefix(name, "part["): // a position
			b.WriteString("['" + name + "']")
		default:
			b.WriteString("[?]")
		}
	}
	return b.String()
}

// covers says whether a path consists of plain names that the rules mention, and list elements: then it may be shown as it is.
func (v vocabulary) covers(path string) bool {
	rest, ok := strings.CutPrefix(path, "$")
	for ok && rest != "" {
		if after, list := strings.CutPrefix(rest, "[*]"); list {
			rest = after
			continue
		}
		end := 1
		for end < len(rest) && rest[end] != '.' && rest[end] != '[' {
			end++
		}
		name := rest[1:end]
		ok = rest[0] == '.' && name != "*" && v[name]
		rest = rest[end:]
	}
	return ok
}

// names yields the names of a path, "*" for list elements. Quoted names are taken up to their closing quote, which is exact enough
// for comparing names with one another.
func names(path string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for rest := strings.TrimPrefix(path, "$"); rest != ""; {
			var name string
			if name, rest = nextName(rest); name != "" && !yield(name) {
				return
			}
		}
	}
}

// nextName takes the first step off a path; nothing is left of one that does not parse.
func nextName(path string) (name, rest string) {
	if strings.HasPrefix(path, ".") {
		path = strings.TrimLeft(path, ".")
		if end := strings.IndexAny(path, ".["); end >= 0 {
			return path[:end], path[end:]
		}
		return path, ""
	}
	end := strings.IndexByte(path, ']')
	if quoted := strings.Index(path, "']"); strings.HasPrefix(path, "['") && quoted > 0 {
		end = quoted + 1
	}
	if end < 0 {
		return "", ""
	}
	return strings.Trim(strings.TrimPrefix(path[:end], "["), `'"`), path[end+1:]
}

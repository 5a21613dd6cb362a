package minimize

import "iter"

const (
	maxReportedPaths = 64 // per message: names come from the client
	maxReportedName  = 64 // bytes of one name that the rules do not mention
	maxReportedPath  = 512
	maxInternedPaths = 1024 // of a reused Removed
)

// Removed collects what the rules took out of one message, or would have in mode Report. It holds paths and counts, never
// values. A nil *Removed collects nothing. Reused after Reset it costs no allocation for paths it has met before.
type Removed struct {
	Total       int      // removed fields; a removed container counts as one
	Unlisted    int      // those among Total whose path is not listed, because there are too many different ones
	Variants    int      // names that Enforce would refuse as variants of known names, or as repeated parameters, fields or parts
	Missing     []string // required paths that the message lacks, as the rules write them
	Undecodable string   // mode Report only: the rule by which the other modes would refuse the message

	known  map[string]*removedPath // also paths of earlier messages, whose count is 0
	listed []*removedPath          // of this message
}

type removedPath struct {
	path  string
	count int
}

// Reset empties r and keeps its memory.
func (r *Removed) Reset() {
	for _, p := range r.listed {
		p.count = 0
	}
	if len(r.known) > maxInternedPaths {
		clear(r.known)
	}
	*r = Removed{known: r.known, listed: r.listed[:0]}
}

// Paths yields each path of which values were removed and their number, in the order in which the paths were met. List elements are
// [*]; a name that neither the rules mention nor looks like a field name is [?]; a query parameter is ?name. At most 64 paths are
// listed.
func (r *Removed) Paths() iter.Seq2[string, int] {
	return func(yield func(string, int) bool) {
		if r == nil {
			return
		}
		for _, p := range r.listed {
			if !yield(p.path, p.count) {
				return
			}
		}
	}
}

func (r *Removed) add(path []byte) {
	r.Total++
	p := r.known[string(path)]
	if p == nil || p.count == 0 {
		if len(r.listed) == maxReportedPaths || len(path) > maxReportedPath {
			r.Unlisted++
			return
		}
		if p == nil {
			p = r.learn(string(path))
		}
		r.listed = append(r.listed, p)
	}
	p.count++
}

func (r *Removed) learn(path string) *removedPath {
	if r.known == nil {
		r.known = map[string]*removedPath{}
	}
	p := &removedPath{path: path}
	r.known[path] = p
	return p
}

// appendName appends a name as a path segment: .name, ['na me'], or [?] when it might be something else than a field name.
// The names that the rules mention are known not to be data.
func appendName(dst, name []byte, known map[string]bool) []byte {
	identifier := isIdentifier(name)
	if identifier && (len(name) <= maxReportedName || known[string(name)]) {
		return append(append(dst, '.'), name...)
	}
	if identifier || !known[string(name)] {
		return append(dst, "[?]"...)
	}
	dst = append(dst, "['"...)
	for _, c := range name {
		switch {
		case c == '\'' || c == '\\':
			dst = append(dst, '\\', c)
		case c < 0x20 || c == 0x7f:
			dst = append(dst, `\u00`...)
			dst = append(dst, "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, "']"...)
}

// appendMarked appends the name of an attribute, @ and the rest, or #text or #comment.
func appendMarked(dst, name []byte, known map[string]bool) []byte {
	identifier := name[0] == '#' || isIdentifier(name[1:]) && len(name) <= maxReportedName
	if !identifier {
		return appendName(dst, name, known)
	}
	return append(append(append(dst, "['"...), name...), "']"...)
}

// isIdentifier accepts what programmers call fields. Keys of data, such as a telephone number or a mail address, differ.
func isIdentifier(name []byte) bool {
	for i, c := range name {
		letter := c == '_' || 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (i == 0 || (c < '0' || '9' < c) && c != '-') {
			return false
		}
	}
	return len(name) > 0
}

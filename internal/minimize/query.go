package minimize

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// QueryRules say which parameters of a query string pass. Names are compared after percent-decoding, exactly.
type QueryRules struct {
	Allow  []string          // names that pass, besides those of Force; none: all that Remove does not name
	Remove []string          // names that are cut out
	Force  map[string]string // values set whatever the client sends
}

// parameter is one name=value of a query, as sent and with its name decoded.
type parameter struct{ raw, name string }

// MinimizeQuery returns the query string (without its question mark) that the rules leave of raw. Kept parameters keep
// their bytes and order; forced ones that the client does not send with that very value are put at the end, sorted.
// Records in r, which may be nil, what is removed or overridden. Errors are of type *Error. The modes mean what they mean
// for bodies: Report changes nothing, Enforce refuses variants of known names and repeated parameters.
func MinimizeQuery(raw string, rules *QueryRules, mode Mode, r *Removed) (string, error) {
	if raw == "" && len(rules.Force) == 0 {
		return "", nil
	}
	if r == nil {
		r = &Removed{}
	}
	params, err := splitQuery(raw)
	if err != nil {
		if mode == Report {
			r.Undecodable = err.Rule
			return raw, nil
		}
		return "", err
	}
	kept, err := rules.filter(params, mode, r)
	if err != nil {
		return "", err
	}
	if mode == Report {
		return raw, nil
	}
	return strings.Join(kept, "&"), nil
}

func (q *QueryRules) filter(params []parameter, mode Mode, r *Removed) (kept []string, _ *Error) {
	given := make(map[string]bool, len(params))
	folds := q.foldedNames()
	for _, p := range params {
		strange := given[p.name]
		rule, detail := RuleDuplicateKey, "the parameter is given twice"
		if !strange && !q.knows(p.name) {
			strange = folds[foldParameter(p.name)]
			rule, detail = RuleKeyVariant, "the parameter differs from a known one only in case, form or brackets"
		}
		if strange {
			r.Variants++
			if mode == Enforce {
				return nil, &Error{Rule: rule, Path: string(q.path(p.name)), Offset: -1, Detail: detail}
			}
		}
		given[p.name] = true
		if q.passes(p, folds) {
			kept = append(kept, p.raw)
		} else {
			r.add(q.path(p.name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(q.Force)) {
		forced := url.QueryEscape(name) + "=" + url.QueryEscape(q.Force[name])
		if at := slices.Index(kept, forced); at < 0 {
			kept = append(kept, forced)
		}
	}
	return kept, nil
}

// passes: a forced parameter passes as the client wrote it only when it is what would be put in its place.
func (q *QueryRules) passes(p parameter, folds map[string]bool) bool {
	if value, forced := q.Force[p.name]; forced {
		return p.raw == url.QueryEscape(p.name)+"="+url.QueryEscape(value)
	}
	if slices.Contains(q.Remove, p.name) {
		return false
	}
	if len(q.Allow) > 0 {
		return slices.Contains(q.Allow, p.name)
	}
	return !folds[foldParameter(p.name)]
}

func (q *QueryRules) knows(name string) bool {
	_, forced := q.Force[name]
	return forced || slices.Contains(q.Allow, name) || slices.Contains(q.Remove, name)
}

func (q *QueryRules) foldedNames() map[string]bool {
	folds := map[string]bool{}
	for name := range q.Force {
		folds[foldParameter(name)] = true
	}
	for _, name := range slices.Concat(q.Allow, q.Remove) {
		folds[foldParameter(name)] = true
	}
	return folds
}

// foldParameter also takes name[] and name[0] for name, as some servers do.
func foldParameter(name string) string {
	base, _, _ := strings.Cut(name, "[")
	return foldName(base)
}

// splitQuery reads the application/x-www-form-urlencoded form with one meaning only: a semicolon, which some servers take
// for a separator, and what no URI may hold are refused.
func splitQuery(raw string) ([]parameter, *Error) {
	for i := range len(raw) {
		if c := raw[i]; c <= ' ' || c >= 0x7f || c == ';' || c == '#' {
			return nil, &Error{Rule: RuleInvalidQuery, Offset: i,
				Detail: "the query holds a character that must be percent-encoded"}
		}
	}
	var params []parameter
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		escaped, value, _ := strings.Cut(part, "=")
		name, err := url.QueryUnescape(escaped)
		if err == nil {
			_, err = url.QueryUnescape(value)
		}
		if err != nil {
			return nil, &Error{Rule: RuleInvalidQuery, Offset: -1, Detail: "the query holds a broken percent escape"}
		}
		if !utf8.ValidString(name) {
			return nil, &Error{Rule: RuleInvalidUTF8, Offset: -1, Detail: "a parameter name is not UTF-8"}
		}
		params = append(params, parameter{raw: part, name: name})
	}
	return params, nil
}

// path names a parameter in reports: ?name, ?['na me'] or ?[?].
func (q *QueryRules) path(name string) []byte {
	path := appendName(nil, []byte(name), map[string]bool{name: q.knows(name)})
	if path[0] == '.' {
		path = path[1:]
	}
	return append([]byte("?"), path...)
}

package gateway

import (
	"errors"
	"net/http"
	"strings"

	"github.com/carrier-operator/carrier-operator/internal/minimize"
)

// minimizeRequest removes from the body what the carrier does not need, or refuses what cannot be judged.
func (x *exchange) minimizeRequest() *problem {
	rules := x.requestRules
	switch {
	case len(x.body) == 0:
		return x.withoutBody()
	case rules == nil && x.mode == minimize.Report:
		return x.passUnread(ruleBodyNotAllowed)
	case rules == nil:
		return newProblem(http.StatusBadRequest, ruleBodyNotAllowed, "the carrier's profile has no rules for a body of this operation")
	}
	if err := minimize.Decide(x.header.Get("Content-Type"), x.r.Header.Get("Content-Encoding"), rules.format); err != nil {
		if x.mode == minimize.Report {
			return x.passUnread(ruleOf(err))
		}
		return minimizeProblem(err)
	}
	message := minimize.Message{Format: rules.format, ContentType: x.header.Get("Content-Type"), Body: x.body}
	body, err := rules.program.Append(x.spare.request.minimized[:0], message, x.mode, &x.record.request)
	if err != nil {
		return minimizeProblem(err)
	}
	x.body, x.spare.request.minimized = body, body
	return nil
}

func (x *exchange) withoutBody() *problem {
	if rules := x.requestRules; rules != nil && rules.required && x.mode == minimize.Enforce {
		return newProblem(http.StatusUnprocessableEntity, minimize.RuleRequiredMissing, "the operation needs a body")
	}
	x.header.Del("Content-Type")
	return nil
}

// passUnread passes a body on as it is, encoded or not, and records why it was not read; only mode Report does.
func (x *exchange) passUnread(rule string) *problem {
	x.record.request.Undecodable = rule
	if encoding := x.r.Header.Get("Content-Encoding"); encoding != "" {
		x.header.Set("Content-Encoding", encoding)
	}
	return nil
}

// minimizeQuery leaves of the query what the operation's rules let pass.
func (x *exchange) minimizeQuery() *problem {
	query, err := minimize.MinimizeQuery(x.rawQuery, x.operation.query, x.mode, &x.record.query)
	if err != nil {
		return minimizeProblem(err)
	}
	x.query = query
	return nil
}

func ruleOf(err error) string {
	if e, ok := errors.AsType[*minimize.Error](err); ok {
		return e.Rule
	}
	return ruleInternal
}

// minimizeProblem answers a message that the rules refuse. Names in it are those that package minimize holds for harmless.
func minimizeProblem(err error) *problem {
	e, ok := errors.AsType[*minimize.Error](err)
	if !ok {
		return newProblem(http.StatusInternalServerError, ruleInternal, "")
	}
	p := newProblem(http.StatusBadRequest, e.Rule, e.Detail)
	p.path, p.offset = e.Path, max(e.Offset, 0)
	switch e.Rule {
	case minimize.RuleContentType, minimize.RuleContentEncoding, minimize.RuleCharset, minimize.RuleFormatUnsupported:
		p.status = http.StatusUnsupportedMediaType
	case minimize.RuleTooLarge:
		p.status = http.StatusRequestEntityTooLarge
	case minimize.RuleRequiredMissing, minimize.RuleKeyVariant, minimize.RuleRootNotAllowed:
		p.status = http.StatusUnprocessableEntity
	}
	return p
}

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

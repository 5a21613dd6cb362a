package gateway

import (
	"errors"
	"net/http"

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

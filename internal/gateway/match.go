package gateway

import (
	"net/http"
	"slices"
)

// match finds the operation by method and path.
func (x *exchange) match() *problem {
	route, allowed := x.router.Match(x.r.Method, x.path)
	switch {
	case route != nil:
		x.route, x.operation = route, x.operations[route.Operation.Name]
	case x.router.Unknown(x.path):
		x.operation = x.unknown
	case len(allowed) > 0:
		p := newProblem(http.StatusMethodNotAllowed, ruleMethod, "the carrier's profile knows the path with another method only")
		p.allow = allowed
		return p
	default:
		return newProblem(http.StatusNotFound, ruleOperationUnknown,
			"no operation of the carrier's profile has this path: it must be the carrier's own, with that of its endpoint")
	}
	return nil
}

// authorize compares the operation with those of the client. Unknown operations, if they pass at all, pass for every client.
func (x *exchange) authorize() *problem {
	if x.route == nil || slices.Contains(x.client.Operations, x.operation.name) {
		return nil
	}
	return newProblem(http.StatusForbidden, ruleOperationDenied,
		"the client's entry in spec.clients does not list the operation "+x.operation.name)
}

package carrier

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

// Route is one method and path template of an operation.
type Route struct {
	Operation *config.Operation
	Method    string
	// Template is the whole path, that of the endpoint included, as it may be shown in logs.
	Template string
}

// Router finds the operation of a request. It is immutable.
type Router struct {
	root node
	// fallbackPrefix is the path below which unknown requests may pass, see Unknown; empty: nowhere.
	fallbackPrefix string
}

// node is one position in the tree of path segments; literal segments win over parameters.
type node struct {
	literal   map[string]*node
	parameter *node
	routes    map[string]*Route // by method
}

// NewRouter compiles the operations of a configuration. It fails on an operation whose endpoint does not exist and on two
// operations that the same request would match.
func NewRouter(c *config.Config) (*Router, error) {
	prefixes := map[string]string{}
	for _, e := range c.Endpoints {
		u, err := url.Parse(e.URL)
		if err != nil {
			return nil, fmt.Errorf("endpoint %s: the URL does not parse", e.Role)
		}
		prefixes[e.Role] = strings.TrimSuffix(u.EscapedPath(), "/")
	}
	r := &Router{}
	if c.ForwardUnknownOperations {
		prefix, ok := prefixes["API"]
		if !ok {
			return nil, fmt.Errorf("unknown operations are to be forwarded, but there is no endpoint of role API")
		}
		r.fallbackPrefix = prefix + "/"
	}
	for i := range c.Operations {
		op := &c.Operations[i]
		prefix, ok := prefixes[op.Role]
		if !ok {
			return nil, fmt.Errorf("operation %s: there is no endpoint of role %s", op.Name, op.Role)
		}
		for _, request := range op.Requests {
			if err := r.root.add(&Route{Operation: op, Method: request.Method, Template: prefix + request.Path}); err != nil {
				return nil, fmt.Errorf("operation %s: %w", op.Name, err)
			}
		}
	}
	return r, nil
}

func (n *node) add(r *Route) error {
	if !strings.HasPrefix(r.Template, "/") {
		return fmt.Errorf("path %q does not start with '/'", r.Template)
	}
	for segment := range strings.SplitSeq(r.Template[1:], "/") {
		if strings.HasPrefix(segment, "{") && strings.HasSuffix(segment, "}") {
			if n.parameter == nil {
				n.parameter = &node{}
			}
			n = n.parameter
			continue
		}
		if n.literal == nil {
			n.literal = map[string]*node{}
		}
		if n.literal[segment] == nil {
			n.literal[segment] = &node{}
		}
		n = n.literal[segment]
	}
	if other := n.routes[r.Method]; other != nil {
		return fmt.Errorf("%s %s also matches operation %s", r.Method, r.Template, other.Operation.Name)
	}
	if n.routes == nil {
		n.routes = map[string]*Route{}
	}
	n.routes[r.Method] = r
	return nil
}

// Match returns the route of a path that CheckPath accepts. Without one, allowed lists the methods under which the path is known.
func (r *Router) Match(method, path string) (route *Route, allowed []string) {
	methods := map[string]bool{}
	if route = r.root.find(method, path[1:], methods); route != nil {
		return route, nil
	}
	for m := range methods {
		allowed = append(allowed, m)
	}
	slices.Sort(allowed)
	return nil, allowed
}

func (n *node) find(method, rest string, methods map[string]bool) *Route {
	segment, rest, more := strings.Cut(rest, "/")
	for _, next := range []*node{n.literal[segment], n.parameter} {
		switch {
		case next == nil || next == n.parameter && segment == "":
		case more:
			if route := next.find(method, rest, methods); route != nil {
				return route
			}
		case next.routes[method] != nil:
			return next.routes[method]
		default:
			for m := range next.routes {
				methods[m] = true
			}
		}
	}
	return nil
}

// Unknown says whether a request that matches no operation may pass all the same.
func (r *Router) Unknown(path string) bool {
	return r.fallbackPrefix != "" && strings.HasPrefix(path, r.fallbackPrefix)
}

// CheckPath refuses every path that two HTTP implementations might read differently: empty and dot segments, encoded or literal
// separators, and what RFC 3986 does not let a path hold. The error says which, without quoting the path.
func CheckPath(path string) error {
	if !strings.HasPrefix(path, "/") {
		return fmt.Errorf("the target must be a path that starts with '/'")
	}
	if strings.Contains(path, "//") {
		return fmt.Errorf("the path holds an empty segment ('//')")
	}
	for i := 0; i < len(path); i++ {
		switch c := path[i]; {
		case c == '%':
			if err := checkEscape(path[i:]); err != nil {
				return err
			}
			i += 2
		case c <= ' ' || c >= 0x7f || strings.IndexByte("\\;#?\"<>^`{|}", c) >= 0:
			return fmt.Errorf("the path holds a character that does not belong there (byte %d)", i)
		}
	}
	for segment := range strings.SplitSeq(path[1:], "/") {
		if segment == "." || segment == ".." {
			return fmt.Errorf("the path holds a dot segment")
		}
	}
	return nil
}

// checkEscape checks the percent escape that s starts with.
func checkEscape(s string) error {
	if len(s) < 3 {
		return fmt.Errorf("the path holds a broken percent escape")
	}
	c, err := strconv.ParseUint(s[1:3], 16, 8) // no sign, no underscore
	if err != nil {
		return fmt.Errorf("the path holds a broken percent escape")
	}
	if c < ' ' || c == 0x7f || strings.IndexByte("/\\.%;#?", byte(c)) >= 0 {
		return fmt.Errorf("the path holds an encoded separator, dot, percent sign or control character")
	}
	return nil
}

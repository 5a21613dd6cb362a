package profilelint

import (
	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/minimize"
)

func operation(f *findings, path string, o *v1alpha1.Operation) {
	body(f, path+".request", o.Request)
	body(f, path+".response", o.Response)
	consents(f, path, o)
	personalFields(f, path, o)
	if classOf(o.Name) == classTrack && o.Response.Format == "" {
		f.warn(path+".response", "answers of %s reach the client whole: remove signature, photo, street and the name of whoever took the parcel, if the carrier sends them", o.Name)
	}
}

// body compiles rules as the gateway does, and checks that the floor is not above the allow-list.
func body(f *findings, path string, rules v1alpha1.BodyRules) {
	if rules.Format == "" {
		return
	}
	if !compiles(f, path, rules.Allow, rules) {
		return
	}
	for i, required := range rules.Require {
		if len(rules.Allow) > 0 && !anyCovers(rules.Allow, required) {
			f.error(indexed(path+".require", i), "%s is required and not allowed: add it to allow, so that the list says what passes", required)
		}
	}
	for i, removed := range rules.Remove {
		if len(rules.Allow) > 0 && !reaches(rules.Allow, removed) {
			f.warn(indexed(path+".remove", i), "%s is below no allowed field and is removed anyway: leave it out", removed)
		}
	}
}

func compiles(f *findings, path string, allow []string, rules v1alpha1.BodyRules) bool {
	compiled := minimize.Rules{Allow: allow, Remove: rules.Remove, Require: rules.Require}
	for _, e := range rules.Embedded {
		compiled.Embedded = append(compiled.Embedded, minimize.Embedded{Path: e.Path, Format: minimize.Format(e.Format)})
	}
	if _, err := minimize.Compile(compiled); err != nil {
		f.error(path, "the rules do not compile: %v", err)
		return false
	}
	return true
}

// reaches reports whether a path that is removed can be inside of what is allowed.
func reaches(allowed []string, removed string) bool {
	return steps(removed)[0].deep || anyCovers(allowed, removed)
}

func consents(f *findings, path string, o *v1alpha1.Operation) {
	for i, consent := range o.Consents {
		at := indexed(path+".consents", i)
		if o.Request.Format == "" {
			f.error(at, "operation %s takes no body, so purpose %s lets nothing through: give the request rules, or leave the consent out", o.Name, consent.Purpose)
			continue
		}
		if !compiles(f, at+".allow", consent.Allow, v1alpha1.BodyRules{}) {
			continue
		}
		for j, allowed := range consent.Allow {
			if len(o.Request.Allow) == 0 && !anyCovers(o.Request.Remove, allowed) || anyCovers(o.Request.Allow, allowed) {
				f.warn(indexed(at+".allow", j), "%s passes without a purpose already: leave it out here, or out of request.allow", allowed)
			}
		}
	}
}

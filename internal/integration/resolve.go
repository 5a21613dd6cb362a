// Package integration joins a CarrierIntegration with the CarrierProfile that it names. It is pure: every controller of an integration
// starts from the same result.
package integration

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/minimize"
)

// Resolved is an integration with the part of the profile that it uses.
type Resolved struct {
	Integration *v1alpha1.CarrierIntegration
	Profile     *v1alpha1.CarrierProfile
	Environment *v1alpha1.Environment
	// Hosts of the environment, each once, sorted.
	Hosts []Host
}

// Host is one host of the carrier.
type Host struct {
	Name string
	Port uint16
	// Roles of the endpoints on it.
	Roles []v1alpha1.EndpointRole
}

// String is the host as status and configuration spell it: with the port if it is not 443.
func (h Host) String() string {
	if h.Port == 443 {
		return h.Name
	}
	return fmt.Sprintf("%s:%d", h.Name, h.Port)
}

// Problem says why an integration cannot be resolved: a reason of condition ProfileResolved and a message that says what to do.
type Problem struct{ Reason, Message string }

func problem(reason, format string, args ...any) *Problem {
	return &Problem{Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// Resolve joins the two. profile is nil if it does not exist.
func Resolve(ci *v1alpha1.CarrierIntegration, profile *v1alpha1.CarrierProfile) (*Resolved, *Problem) {
	if profile == nil {
		return nil, problem(v1alpha1.ReasonProfileNotFound,
			"CarrierProfile %q does not exist: correct spec.profileRef.name or create the profile; `kubectl get carrierprofiles` lists those there are", ci.Spec.ProfileRef.Name)
	}
	r := &Resolved{Integration: ci, Profile: profile}
	for i := range profile.Spec.Environments {
		if profile.Spec.Environments[i].Name == ci.Spec.Environment {
			r.Environment = &profile.Spec.Environments[i]
		}
	}
	if r.Environment == nil {
		return nil, problem(v1alpha1.ReasonEnvironmentNotFound, "profile %q has no environment %q: set spec.environment to one of %s",
			profile.Name, ci.Spec.Environment, names(profile.Spec.Environments, func(e v1alpha1.Environment) string { return e.Name }))
	}
	for _, check := range []func() *Problem{r.hosts, r.operations, r.credentials, r.authentication, r.rules, r.callbacks} {
		if p := check(); p != nil {
			return nil, p
		}
	}
	return r, nil
}

func names[T any](list []T, name func(T) string) string {
	all := make([]string, 0, len(list))
	for _, item := range list {
		all = append(all, name(item))
	}
	return strings.Join(all, ", ")
}

func (r *Resolved) hosts() *Problem {
	for _, e := range r.Environment.Endpoints {
		host, err := ParseHost(e.URL)
		if err != nil {
			return problem(v1alpha1.ReasonRulesInvalid, "endpoint %s of profile %q: %v", e.Role, r.Profile.Name, err)
		}
		i := slices.IndexFunc(r.Hosts, func(h Host) bool { return h.Name == host.Name && h.Port == host.Port })
		if i < 0 {
			r.Hosts = append(r.Hosts, host)
			i = len(r.Hosts) - 1
		}
		r.Hosts[i].Roles = append(r.Hosts[i].Roles, e.Role)
	}
	slices.SortFunc(r.Hosts, func(a, b Host) int { return cmp.Compare(a.String(), b.String()) })
	return nil
}

// ParseHost takes host and port out of an endpoint's URL.
func ParseHost(endpoint string) (Host, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" {
		return Host{}, fmt.Errorf("%q is not an https URL with a host name", endpoint)
	}
	host := Host{Name: strings.ToLower(u.Hostname()), Port: 443}
	if p := u.Port(); p != "" {
		if _, err := fmt.Sscanf(p, "%d", &host.Port); err != nil {
			return Host{}, fmt.Errorf("%q has no valid port: use 1 to 65535", endpoint)
		}
	}
	return host, nil
}

// operations checks every name of an operation that the integration uses, and those of the profile that its own schema leaves unchecked.
func (r *Resolved) operations() *Problem {
	spec, profile := &r.Integration.Spec, &r.Profile.Spec
	type use struct {
		where      string
		operations []string
	}
	var uses []use
	for _, c := range spec.Clients {
		uses = append(uses, use{"client " + c.Name, c.Operations})
	}
	for _, c := range spec.Credentials {
		uses = append(uses, use{"credential " + c.Name, c.Operations})
	}
	for _, l := range spec.Limits {
		uses = append(uses, use{"limit " + l.Name, l.Operations})
	}
	for _, e := range spec.Minimization.Exceptions {
		uses = append(uses, use{"a minimization exception", []string{e.Operation}})
	}
	uses = append(uses, use{fmt.Sprintf("profile %q, chainedToken,", r.Profile.Name), profile.Authentication.ChainedToken.Operations})
	for _, t := range profile.Throttling {
		uses = append(uses, use{fmt.Sprintf("profile %q, throttling signal %s,", r.Profile.Name, t.Name), t.Operations})
	}
	for _, u := range uses {
		for _, o := range u.operations {
			if r.Operation(o) == nil {
				return problem(v1alpha1.ReasonOperationNotFound, "%s names operation %q, which profile %q does not have: use one of %s",
					u.where, o, r.Profile.Name, names(profile.Operations, func(o v1alpha1.Operation) string { return o.Name }))
			}
		}
	}
	return nil
}

// Operation of the profile by name; nil if there is none.
func (r *Resolved) Operation(name string) *v1alpha1.Operation {
	for i := range r.Profile.Spec.Operations {
		if r.Profile.Spec.Operations[i].Name == name {
			return &r.Profile.Spec.Operations[i]
		}
	}
	return nil
}

// credentials checks that every operation that a client may call has exactly one credential.
func (r *Resolved) credentials() *Problem {
	named, general := map[string]string{}, false
	for _, c := range r.Integration.Spec.Credentials {
		general = general || len(c.Operations) == 0
		for _, o := range c.Operations {
			if other, taken := named[o]; taken {
				return problem(v1alpha1.ReasonOperationWithoutCredential, "credentials %q and %q both name operation %q: leave it in one of them", other, c.Name, o)
			}
			named[o] = c.Name
		}
	}
	for _, client := range r.Integration.Spec.Clients {
		for _, o := range client.Operations {
			if _, ok := named[o]; !ok && !general {
				return problem(v1alpha1.ReasonOperationWithoutCredential,
					"operation %q of client %q has no credential: add it to an entry of spec.credentials, or leave operations out of one entry", o, client.Name)
			}
		}
	}
	return nil
}

// rules compiles what the gateway will compile, so that a bad path is told here and not by a gateway that cannot start.
func (r *Resolved) rules() *Problem {
	for i := range r.Profile.Spec.Operations {
		o := &r.Profile.Spec.Operations[i]
		if where, err := compile(o); err != nil {
			return problem(v1alpha1.ReasonRulesInvalid, "profile %q, operation %q, %s: %v", r.Profile.Name, o.Name, where, err)
		}
	}
	for _, e := range r.Integration.Spec.Minimization.Exceptions {
		if _, err := minimize.Compile(minimize.Rules{Allow: []string{e.Path}}); err != nil {
			return problem(v1alpha1.ReasonRulesInvalid, "exception for operation %q: %v", e.Operation, err)
		}
		if r.Operation(e.Operation).Request.Format == "" {
			return problem(v1alpha1.ReasonRulesInvalid, "exception for operation %q: the operation takes no body, so there is nothing to except", e.Operation)
		}
	}
	return nil
}

// compile says which rules of an operation cannot be used, and why.
func compile(o *v1alpha1.Operation) (where string, err error) {
	for _, body := range []struct {
		where string
		rules v1alpha1.BodyRules
	}{{"request", o.Request}, {"response", o.Response}} {
		if body.rules.Format == "" {
			continue
		}
		rules := minimize.Rules{Allow: body.rules.Allow, Remove: body.rules.Remove, Require: body.rules.Require}
		for _, e := range body.rules.Embedded {
			rules.Embedded = append(rules.Embedded, minimize.Embedded{Path: e.Path, Format: minimize.Format(e.Format)})
		}
		if _, err := minimize.Compile(rules); err != nil {
			return body.where, err
		}
	}
	for _, c := range o.Consents {
		if _, err := minimize.Compile(minimize.Rules{Allow: c.Allow}); err != nil {
			return "consent " + c.Purpose, err
		}
	}
	return "", nil
}

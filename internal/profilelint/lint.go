package profilelint

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/integration"
)

// topicLimits is the part of a profile that limits and throttling belong to.
const topicLimits v1alpha1.SourceTopic = "Limits"

// reviewAge is how long a source stays reviewed.
const reviewAge = 365 * 24 * time.Hour

// Lint judges a profile beyond its schema. It is pure: now decides which sources are due for a review.
func Lint(profile *v1alpha1.CarrierProfile, now time.Time) []Finding {
	var f findings
	spec := &profile.Spec
	sources(&f, spec, now)
	hosts(&f, spec)
	keys(&f, spec)
	routes(&f, spec)
	for i := range spec.Operations {
		operation(&f, indexed("spec.operations", i), &spec.Operations[i])
	}
	operationNames(&f, spec)
	return f.sorted()
}

func indexed(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

func sources(f *findings, spec *v1alpha1.CarrierProfileSpec, now time.Time) {
	if len(spec.Sources) == 0 {
		f.warn("spec.sources", "no source backs this profile: name the carrier's own specification or documentation, and the day you compared them")
	}
	covered := map[v1alpha1.SourceTopic]bool{}
	for i, source := range spec.Sources {
		path := indexed("spec.sources", i)
		for _, topic := range source.Covers {
			covered[topic] = true
		}
		reviewed, err := time.Parse(time.DateOnly, source.ReviewedOn)
		switch {
		case err != nil: // the schema says so
		case reviewed.After(now.Add(24 * time.Hour)):
			f.error(path+".reviewedOn", "%s has not come yet: write the day of the review", source.ReviewedOn)
		case now.Sub(reviewed) > reviewAge:
			f.warn(path+".reviewedOn", "%s was last reviewed on %s, more than %d days ago: compare the profile with it again", source.URL, source.ReviewedOn, int(reviewAge.Hours()/24))
		}
	}
	for _, part := range []struct {
		path  string
		there bool
	}{{"spec.limits", len(spec.Limits) > 0}, {"spec.throttling", len(spec.Throttling) > 0}} {
		if part.there && !covered[topicLimits] {
			f.warn(part.path, "no source covers Limits: name the page that publishes these numbers and answers")
		}
	}
}

func hosts(f *findings, spec *v1alpha1.CarrierProfileSpec) {
	for i := range spec.Environments {
		for j, endpoint := range spec.Environments[i].Endpoints {
			path := indexed(indexed("spec.environments", i)+".endpoints", j) + ".url"
			switch _, err := integration.ParseHost(endpoint.URL); {
			case strings.HasPrefix(strings.ToLower(endpoint.URL), "http://"):
				f.error(path, "%s is not encrypted: carriers are reached over TLS only, use https://", endpoint.URL)
			case err != nil:
				f.error(path, "%v", err)
			}
		}
	}
}

// keys checks that the credential's Secret can have the keys that the profile names.
func keys(f *findings, spec *v1alpha1.CarrierProfileSpec) {
	for _, key := range integration.Keys(&spec.Authentication) {
		for _, fault := range validation.IsConfigMapKey(key.Name) {
			f.error("spec.authentication", "no Secret can have the key %q: %s", key.Name, fault)
		}
	}
}

// routes finds requests by which two operations would be known.
func routes(f *findings, spec *v1alpha1.CarrierProfileSpec) {
	for _, environment := range spec.Environments {
		prefixes := map[v1alpha1.EndpointRole]string{}
		for _, endpoint := range environment.Endpoints {
			prefixes[endpoint.Role] = endpointPath(endpoint.URL)
		}
		taken := map[string]string{}
		for i, o := range spec.Operations {
			role := o.Endpoint
			if role == "" {
				role = v1alpha1.EndpointAPI
			}
			for j, request := range o.Requests {
				route := string(request.Method) + " " + shape(prefixes[role]+request.Path)
				if other, ok := taken[route]; ok {
					f.error(indexed(indexed("spec.operations", i)+".requests", j), "%s %s is also a request of operation %s in environment %s: one request belongs to one operation",
						request.Method, request.Path, other, environment.Name)
				}
				taken[route] = o.Name
			}
		}
	}
}

func endpointPath(url string) string {
	_, rest, _ := strings.Cut(url, "://")
	_, path, _ := strings.Cut(rest, "/")
	return strings.TrimSuffix("/"+path, "/")
}

// shape is a path template without the names of its parameters, by which the gateway cannot tell requests apart.
func shape(template string) string {
	segments := strings.Split(template, "/")
	for i, segment := range segments {
		if strings.HasPrefix(segment, "{") {
			segments[i] = "{}"
		}
	}
	return strings.Join(segments, "/")
}

// operationNames checks the lists that the schema does not.
func operationNames(f *findings, spec *v1alpha1.CarrierProfileSpec) {
	known := func(name string) bool {
		return slices.ContainsFunc(spec.Operations, func(o v1alpha1.Operation) bool { return o.Name == name })
	}
	check := func(path string, names []string) {
		for i, name := range names {
			if !known(name) {
				f.error(indexed(path, i), "there is no operation %q: correct the name", name)
			}
		}
	}
	for i, signal := range spec.Throttling {
		check(indexed("spec.throttling", i)+".operations", signal.Operations)
	}
	check("spec.authentication.chainedToken.operations", spec.Authentication.ChainedToken.Operations)
}

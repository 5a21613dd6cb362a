package main

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/integration"
)

func write(page *bytes.Buffer, shipped []v1alpha1.CarrierProfile) {
	fmt.Fprint(page, `<!-- Written by `+"`make docs`"+` from config/profiles. -->
# Shipped profiles

Each holds only what the carrier's own specification or documentation says, with the address and the day on which the two were last
compared. What has no such source stays out and is named [below](#what-stays-out). A profile of your own starts as a copy of one of these;
`+"`kubectl carrier profile lint FILE`"+` checks it.

`)
	overview(page, shipped)
	classes(page, shipped)
	for i := range shipped {
		profile(page, &shipped[i])
	}
	fmt.Fprintf(page, "\n%s", leftOut)
}

func overview(page *bytes.Buffer, shipped []v1alpha1.CarrierProfile) {
	fmt.Fprint(page, "| Profile | Carrier | Environments | Operations | Limits | Webhooks |\n|---|---|---|---|---|---|\n")
	for _, p := range shipped {
		fmt.Fprintf(page, "| [%s](#%s) | %s | %s | %d | %s | %s |\n", p.Name, anchor(p.Spec.Title), p.Spec.Title, environments(p.Spec.Environments),
			len(p.Spec.Operations), count(len(p.Spec.Limits)), count(len(p.Spec.Webhooks)))
	}
}

func environments(list []v1alpha1.Environment) string {
	var names []string
	for _, e := range list {
		names = append(names, e.Name)
	}
	return strings.Join(names, ", ")
}

// count writes none as a dash: a carrier that publishes nothing has not published "no limit".
func count(n int) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprint(n)
}

// anchor of a heading as GitHub makes it.
func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '-':
			return r
		case r == ' ':
			return '-'
		default:
			return -1
		}
	}, strings.ToLower(heading))
}

// ways of authentication in the order of the API's documentation.
var ways = []v1alpha1.AuthenticationType{
	v1alpha1.AuthenticationOAuth2ClientCredentials, v1alpha1.AuthenticationOAuth2Password, v1alpha1.AuthenticationOAuth2RefreshToken,
	v1alpha1.AuthenticationLogin, v1alpha1.AuthenticationAPIKeyHeaders, v1alpha1.AuthenticationBasic, v1alpha1.AuthenticationBodyCredentials,
	v1alpha1.AuthenticationQueryCredentials, v1alpha1.AuthenticationRequestSigning, v1alpha1.AuthenticationClientCertificate,
}

func classes(page *bytes.Buffer, shipped []v1alpha1.CarrierProfile) {
	fmt.Fprint(page, "\n## Which profile authenticates how\n\nA carrier that wants two things at once stands in two rows.\n\n| Authentication | Shipped profiles |\n|---|---|\n")
	row := func(name string, uses func(*v1alpha1.Authentication) bool) {
		var names []string
		for i := range shipped {
			if uses(&shipped[i].Spec.Authentication) {
				names = append(names, shipped[i].Name)
			}
		}
		fmt.Fprintf(page, "| `%s` | %s |\n", name, cmp.Or(strings.Join(names, ", "), "none: for profiles of your own"))
	}
	for _, way := range ways {
		row(string(way), func(a *v1alpha1.Authentication) bool { return slices.Contains(parts(a), way) })
	}
	row("chainedToken", func(a *v1alpha1.Authentication) bool { return a.ChainedToken.Path != "" })
}

// parts of an authentication: its type, and what stands beside it.
func parts(a *v1alpha1.Authentication) []v1alpha1.AuthenticationType {
	all := []v1alpha1.AuthenticationType{a.Type}
	for way, there := range map[v1alpha1.AuthenticationType]bool{
		v1alpha1.AuthenticationAPIKeyHeaders:    len(a.APIKeyHeaders.Headers) > 0,
		v1alpha1.AuthenticationBasic:            a.Basic.UsernameKey != "",
		v1alpha1.AuthenticationBodyCredentials:  len(a.BodyCredentials.Fields) > 0,
		v1alpha1.AuthenticationQueryCredentials: len(a.QueryCredentials.Parameters) > 0,
	} {
		if there && way != a.Type {
			all = append(all, way)
		}
	}
	slices.Sort(all[1:])
	return all
}

func profile(page *bytes.Buffer, p *v1alpha1.CarrierProfile) {
	spec := &p.Spec
	fmt.Fprintf(page, "\n## %s\n\nProfile `%s`, authentication %s", spec.Title, p.Name, authentication(&spec.Authentication))
	fmt.Fprintf(page, ". The credential's Secret has the keys %s.\n", secretKeys(&spec.Authentication))
	fmt.Fprint(page, "\n| Environment | Role | Address |\n|---|---|---|\n")
	for _, e := range spec.Environments {
		for _, endpoint := range e.Endpoints {
			fmt.Fprintf(page, "| %s | %s | `%s` |\n", e.Name, endpoint.Role, endpoint.URL)
		}
	}
	operations(page, spec.Operations)
	limits(page, spec)
	webhooks(page, spec.Webhooks)
	fmt.Fprint(page, "\n| Source | Reviewed on | Backs |\n|---|---|---|\n")
	for _, s := range spec.Sources {
		topics := make([]string, 0, len(s.Covers))
		for _, topic := range s.Covers {
			topics = append(topics, string(topic))
		}
		fmt.Fprintf(page, "| <%s> | %s | %s |\n", s.URL, s.ReviewedOn, strings.Join(topics, ", "))
	}
}

func authentication(a *v1alpha1.Authentication) string {
	names := make([]string, 0, 3)
	for _, way := range parts(a) {
		names = append(names, "`"+string(way)+"`")
	}
	if a.ChainedToken.Path != "" {
		names = append(names, "`chainedToken`")
	}
	return strings.Join(names, " and ")
}

func secretKeys(a *v1alpha1.Authentication) string {
	var names []string
	for _, key := range integration.Keys(a) {
		name := "`" + key.Name + "`"
		if key.Optional {
			name += " (optional)"
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

func operations(page *bytes.Buffer, list []v1alpha1.Operation) {
	fmt.Fprint(page, "\n| Operation | Requests | Fields allowed | required | With a purpose | Removed from answers |\n|---|---|---|---|---|---|\n")
	for i := range list {
		o := &list[i]
		requests := make([]string, 0, len(o.Requests))
		for _, r := range o.Requests {
			requests = append(requests, fmt.Sprintf("`%s %s`", r.Method, r.Path))
		}
		purposes := make([]string, 0, len(o.Consents))
		for _, c := range o.Consents {
			purposes = append(purposes, fmt.Sprintf("%s: %d", c.Purpose, len(c.Allow)))
		}
		fmt.Fprintf(page, "| %s | %s | %s | %s | %s | %s |\n", o.Name, strings.Join(requests, "<br>"), count(len(o.Request.Allow)), count(len(o.Request.Require)),
			cmp.Or(strings.Join(purposes, ", "), "-"), count(len(o.Response.Remove)))
	}
}

func limits(page *bytes.Buffer, spec *v1alpha1.CarrierProfileSpec) {
	if len(spec.Limits) > 0 {
		fmt.Fprint(page, "\n| Limit | Counts | Requests | In seconds |\n|---|---|---|---|\n")
	}
	for _, l := range spec.Limits {
		counted := "all operations"
		switch {
		case l.AppliesTo == v1alpha1.LimitTokenRequests:
			counted = "token requests"
		case len(l.Operations) > 0:
			counted = strings.Join(l.Operations, ", ")
		}
		fmt.Fprintf(page, "| %s | %s | %d | %d |\n", l.Name, counted, l.Requests, l.WindowSeconds)
	}
	if len(spec.Throttling) > 0 {
		fmt.Fprint(page, "\nThrottled, besides by status 429 and `Retry-After`:\n\n")
	}
	for _, s := range spec.Throttling {
		text := ""
		if s.BodyContains != "" {
			text = fmt.Sprintf(" with %q", s.BodyContains)
		}
		fmt.Fprintf(page, "- %s: status %d%s, until %s\n", s.Name, s.Status, text, until(s))
	}
}

func until(s v1alpha1.ThrottleSignal) string {
	switch s.Until {
	case v1alpha1.ThrottleUntilMidnightUTC:
		return "midnight GMT"
	case v1alpha1.ThrottleUntilFixed:
		return fmt.Sprintf("%d s later", cmp.Or(s.WaitSeconds, 60))
	default:
		return "what the answer's header says"
	}
}

func webhooks(page *bytes.Buffer, list []v1alpha1.Webhook) {
	if len(list) > 0 {
		fmt.Fprint(page, "\n| Webhook | Verified by | Header | From |\n|---|---|---|---|\n")
	}
	for _, w := range list {
		fmt.Fprintf(page, "| %s | %s | %s | %s |\n", w.Name, w.Verification, cmp.Or(w.SignatureHeader, "-"), cmp.Or(strings.Join(w.SourceRanges, ", "), "-"))
	}
}

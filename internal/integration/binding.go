package integration

import (
	"slices"
	"strings"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// Bound says what keeps the integration from using a Secret with these annotations: it is for other integrations, or may not be sent to
// one of the carrier's hosts. The problem is one of condition CredentialsReady or CertificatesReady.
func (r *Resolved) Bound(name string, annotations map[string]string) *Problem {
	if users := AnnotationList(annotations[v1alpha1.AnnotationAllowedIntegrations]); len(users) > 0 && !slices.Contains(users, r.Integration.Name) {
		return problem(v1alpha1.ReasonIntegrationNotAllowed, "Secret %q may be used by %s only: add %q to its annotation %s, or use another one",
			name, strings.Join(users, ", "), r.Integration.Name, v1alpha1.AnnotationAllowedIntegrations)
	}
	allowed := AnnotationList(annotations[v1alpha1.AnnotationAllowedHosts])
	if len(allowed) == 0 {
		return problem(v1alpha1.ReasonHostNotAllowed, "Secret %q does not say where it may be sent: annotate it with %s=<host>[,<host>]",
			name, v1alpha1.AnnotationAllowedHosts)
	}
	for _, host := range r.Hosts {
		if !host.In(allowed) {
			return problem(v1alpha1.ReasonHostNotAllowed, "Secret %q may not be sent to %s: someone who may edit the Secret adds it to its annotation %s",
				name, host, v1alpha1.AnnotationAllowedHosts)
		}
	}
	return nil
}

// In says whether a list of hosts names this one; the usual port may be written.
func (h Host) In(hosts []string) bool {
	return slices.Contains(hosts, h.String()) || h.Port == 443 && slices.Contains(hosts, h.Name+":443")
}

// AnnotationList splits an annotation's comma-separated names: in lower case, sorted, each once.
func AnnotationList(annotation string) []string {
	var names []string
	for name := range strings.SplitSeq(annotation, ",") {
		if name = strings.ToLower(strings.TrimSpace(name)); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

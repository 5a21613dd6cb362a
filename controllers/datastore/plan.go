package datastore

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/runs"
	"github.com/carrier-operator/carrier-operator/controllers/internal/storemap"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores"
)

// maxIdentity is what status.identity can hold.
const maxIdentity = 128

// checkSecret returns the port of a store of the kind, or what is wrong with the Secret, which is nil if it does not exist.
func checkSecret(kind stores.Kind, name string, secret *corev1.Secret) (int32, *storemap.Problem) {
	keys := strings.Join(kind.Required, ", ")
	switch {
	case secret == nil:
		return 0, storemap.NewProblem(v1alpha1.ReasonSecretNotFound,
			"Secret %q does not exist: create it with the keys %s, and port if it is not %d", name, keys, kind.Port)
	case secret.Type != corev1.SecretTypeOpaque:
		return 0, storemap.NewProblem(v1alpha1.ReasonSecretTypeUnsupported, "Secret %q is of type %q: use type Opaque", name, secret.Type)
	case len(secret.Data) == 0:
		return 0, storemap.NewProblem(v1alpha1.ReasonSecretEmpty, "Secret %q has no data: add the keys %s", name, keys)
	}
	for _, key := range kind.Required {
		value, ok := secret.Data[key]
		if !ok {
			return 0, storemap.NewProblem(v1alpha1.ReasonKeyMissing, "Secret %q has no key %q: add it", name, key)
		}
		if strings.TrimSpace(string(value)) == "" {
			return 0, storemap.NewProblem(v1alpha1.ReasonSecretEmpty, "key %q of Secret %q is empty: fill it in", key, name)
		}
	}
	host := strings.TrimSpace(string(secret.Data[stores.KeyHost]))
	if p := checkHost(stores.KeyHost, host, name, secret); p != nil {
		return 0, p
	}
	port, p := checkPort(kind, name, secret)
	if p != nil {
		return 0, p
	}
	if slices.Contains(kind.Optional, stores.KeyReplicas) {
		p = checkReplicas(port, name, secret)
	}
	return port, p
}

// checkReplicas holds replicas to what is asked of the store's own host: a login is sent to them as well. The purger's network policy opens
// one port, so they have the same one.
func checkReplicas(port int32, name string, secret *corev1.Secret) *storemap.Problem {
	for replica := range strings.SplitSeq(string(secret.Data[stores.KeyReplicas]), ",") {
		host := strings.TrimSpace(replica)
		if host == "" {
			continue
		}
		if h, p, err := net.SplitHostPort(host); err == nil {
			if p != strconv.Itoa(int(port)) {
				return storemap.NewProblem(v1alpha1.ReasonKeyInvalid,
					"key %q of Secret %q lists a replica with another port than the store's, which the purger's NetworkPolicy does not open: let it listen on port %d",
					stores.KeyReplicas, name, port)
			}
			host = h
		}
		if p := checkHost(stores.KeyReplicas, host, name, secret); p != nil {
			return p
		}
	}
	return nil
}

// checkHost refuses a host that whoever made the Secret did not allow. Neither value is repeated: a Secret's content stays there.
func checkHost(key, host, name string, secret *corev1.Secret) *storemap.Problem {
	if strings.ContainsAny(host, ", \t\r\n/") {
		return storemap.NewProblem(v1alpha1.ReasonKeyInvalid, "key %q of Secret %q is no host name: write one name or address, without port", key, name)
	}
	allowed := strings.Split(secret.Annotations[v1alpha1.AnnotationAllowedHosts], ",")
	if !slices.ContainsFunc(allowed, func(a string) bool { return strings.EqualFold(strings.TrimSpace(a), host) }) {
		return storemap.NewProblem(v1alpha1.ReasonHostNotAllowed, "annotation %s of Secret %q does not list the host in its key %q: add it there",
			v1alpha1.AnnotationAllowedHosts, name, key)
	}
	return nil
}

func checkPort(kind stores.Kind, name string, secret *corev1.Secret) (int32, *storemap.Problem) {
	value, ok := secret.Data["port"]
	if !ok {
		return int32(kind.Port), nil
	}
	port, err := strconv.ParseUint(strings.TrimSpace(string(value)), 10, 16)
	if err != nil || port == 0 {
		return 0, storemap.NewProblem(v1alpha1.ReasonKeyInvalid, "key \"port\" of Secret %q is no TCP port: write a number from 1 to 65535 or remove it", name)
	}
	return int32(port), nil
}

// checkBundle says what is wrong with a CA bundle; found says whether its object and key exist.
func checkBundle(ref v1alpha1.BundleReference, bundle []byte, found bool) *storemap.Problem {
	where := fmt.Sprintf("key %q of %s %q", ref.Key, ref.Kind, ref.Name)
	if !found {
		return storemap.NewProblem(v1alpha1.ReasonCABundleInvalid, "%s does not exist: create it with the store's CA certificates as PEM", where)
	}
	certificates := 0
	for rest := bundle; ; certificates++ {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			break
		}
		if b.Type != "CERTIFICATE" {
			return storemap.NewProblem(v1alpha1.ReasonCABundleInvalid, "%s holds a %q: keep only CA certificates there", where, b.Type)
		}
		if _, err := x509.ParseCertificate(b.Bytes); err != nil {
			return storemap.NewProblem(v1alpha1.ReasonCABundleInvalid, "%s holds a certificate that cannot be read (number %d): replace it", where, certificates+1)
		}
	}
	if certificates == 0 {
		return storemap.NewProblem(v1alpha1.ReasonCABundleInvalid, "%s holds no PEM certificate: write the store's CA certificates there", where)
	}
	return nil
}

// checkCertificate says what is wrong with the certificate that is shown to the store.
func checkCertificate(name string, secret *corev1.Secret) *storemap.Problem {
	if secret == nil {
		return storemap.NewProblem(v1alpha1.ReasonSecretNotFound,
			"Secret %q does not exist: create it with tls.crt and tls.key, for example by a cert-manager Certificate", name)
	}
	if _, err := tls.X509KeyPair(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey]); err != nil { // its text may quote the data
		return storemap.NewProblem(v1alpha1.ReasonCertificateInvalid, "tls.crt and tls.key of Secret %q are no certificate and its key in PEM: correct them", name)
	}
	return nil
}

// observed is what runs, and a look at the others, found out about a store.
type observed struct {
	// duplicateOf is the DataStore that reaches the same database and was made before.
	duplicateOf string
	// identity that the next run expects.
	identity string
	// discovery of the newest run that could look.
	discovery v1alpha1.RunDiscovery
}

// look reads what runs found. Runs of an earlier DataStore of this name do not count.
func look(store *v1alpha1.DataStore, all []v1alpha1.PurgeRun) observed {
	var own []v1alpha1.PurgeRun
	for i := range all {
		if all[i].Spec.StoreRef.Name == store.Name && !all[i].CreationTimestamp.Before(&store.CreationTimestamp) {
			own = append(own, all[i])
		}
	}
	runs.Sort(own)
	o := observed{identity: identity(store, own)}
	if newest := runs.Newest(own, func(r *v1alpha1.PurgeRun) bool { return r.Status.Discovery.Looked }); newest != nil {
		o.discovery = newest.Status.Discovery
	}
	return o
}

// identity is the one that a person accepted, else the one that the newest good run found.
func identity(store *v1alpha1.DataStore, own []v1alpha1.PurgeRun) string {
	if accepted := store.Annotations[v1alpha1.AnnotationStoreIdentity]; accepted != "" {
		return accepted[:min(len(accepted), maxIdentity)]
	}
	newest := runs.Newest(own, func(r *v1alpha1.PurgeRun) bool { return runs.Completed(r) && r.Status.Evidence.StoreIdentity != "" })
	if newest == nil {
		return store.Status.Identity
	}
	return newest.Status.Evidence.StoreIdentity
}

// namedFields is how many fields the condition names; the status lists more.
const namedFields = 5

// fieldsDecided says whether every field of the store has a decision, as the newest run saw it.
func fieldsDecided(d v1alpha1.RunDiscovery) metav1.Condition {
	c := metav1.Condition{Type: v1alpha1.ConditionFieldsDecided}
	switch {
	case !d.Looked:
		c.Status, c.Reason, c.Message = metav1.ConditionUnknown, v1alpha1.ReasonNotLooked, "no run has looked for fields without a decision yet"
	case d.Undecided == 0:
		c.Status, c.Reason, c.Message = metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "every field that the newest run found has a category or is ignored"
	default:
		var names []string
		for _, f := range d.Fields[:min(len(d.Fields), namedFields)] {
			name := f.Collection + " " + strconv.Quote(f.Field)
			if f.LooksLike != "" {
				name += " (looks like " + f.LooksLike + ")"
			}
			names = append(names, name)
		}
		if more := int(d.Undecided) - len(names); more > 0 {
			names = append(names, fmt.Sprintf("%d more", more))
		}
		c.Status, c.Reason = metav1.ConditionFalse, v1alpha1.ReasonSchemaDrift
		c.Message = "fields without a decision: " + strings.Join(names, ", ") + ": give each a category in collections, or ignore it"
	}
	return c
}

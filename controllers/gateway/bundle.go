package gateway

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/integrations"
)

// maxBundleBytes keeps the configuration, which holds the bundles, within what a ConfigMap can hold.
const maxBundleBytes = 128 << 10

// bundles reads the CA bundle of every endpoint that has one; problem says what is wrong with one of them.
func (c *Controller) bundles(ctx context.Context, ci *v1alpha1.CarrierIntegration, env *v1alpha1.Environment) (bundles map[v1alpha1.EndpointRole]string, problem string, err error) {
	refs := map[v1alpha1.EndpointRole]v1alpha1.BundleReference{}
	for _, e := range env.Endpoints {
		refs[e.Role] = ci.Spec.TLS.CABundleRef
	}
	for _, e := range ci.Spec.TLS.Endpoints {
		refs[e.Role] = e.CABundleRef
	}
	bundles = map[v1alpha1.EndpointRole]string{}
	read := map[v1alpha1.BundleReference]string{}
	for _, e := range env.Endpoints {
		ref := refs[e.Role]
		if ref.Name == "" {
			continue
		}
		if _, known := read[ref]; !known {
			content, found, err := integrations.ReadBundle(ctx, c.Live, ci.Namespace, ref)
			if err != nil {
				return nil, "", err
			}
			if problem := checkBundle(ref, string(content), found); problem != "" {
				return nil, problem, nil
			}
			read[ref] = string(content)
		}
		bundles[e.Role] = read[ref]
	}
	return bundles, "", nil
}

// checkBundle says what is wrong with a bundle: it must be PEM certificates and nothing else, since it is copied into a ConfigMap.
func checkBundle(ref v1alpha1.BundleReference, content string, found bool) string {
	where := fmt.Sprintf("key %q of %s %q", ref.Key, ref.Kind, ref.Name)
	switch {
	case !found:
		return where + " does not exist: create it with the CA certificates that the carrier's certificate is verified with"
	case len(content) > maxBundleBytes:
		return fmt.Sprintf("%s is larger than %d KiB: keep only the carrier's CA certificates in it", where, maxBundleBytes>>10)
	}
	count := 0
	for rest := []byte(content); ; count++ {
		block, tail := pem.Decode(rest)
		if block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return fmt.Sprintf("%s holds a %s: keep only CA certificates in it", where, block.Type)
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return fmt.Sprintf("%s: certificate %d does not parse: replace it", where, count+1)
		}
		rest = tail
	}
	if count == 0 {
		return where + " holds no PEM certificate: write the carrier's CA certificates there"
	}
	return ""
}

package certificate

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	// trustKey is the key of the trust bundle's ConfigMap.
	trustKey = "ca.crt"
	// annotationLastNeeded, on the trust bundle, says of each CA that is no longer needed since when: JSON, fingerprint to instant.
	annotationLastNeeded = "carrier-operator.io/ca-unneeded-since"
	// trustGrace is how long a CA stays after the last certificate of it was replaced: applications may still present the old one.
	trustGrace = 24 * time.Hour
	// maxBundle bounds the number of CAs.
	maxBundle = 16
)

// bundle is a trust bundle: CA certificates, and since when the retired ones are not needed.
type bundle struct {
	cas      []*x509.Certificate
	unneeded map[string]time.Time
}

// parseCAs reads PEM certificates.
func parseCAs(content []byte) ([]*x509.Certificate, error) {
	if len(content) > maxPEM {
		return nil, fmt.Errorf("more than %d bytes of PEM", maxPEM)
	}
	var cas []*x509.Certificate
	for rest := content; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		ca, err := x509.ParseCertificate(block.Bytes)
		if block.Type != "CERTIFICATE" || err != nil {
			return nil, fmt.Errorf("a %s block is not a certificate", block.Type)
		}
		cas = append(cas, ca)
	}
	if len(cas) == 0 {
		return nil, errors.New("no PEM certificate in it")
	}
	return cas, nil
}

// merge joins the CAs that are needed now with those of the previous bundle that were needed until lately and have not expired. While a
// CA rotates, both sides trust both.
func merge(previous bundle, needed []*x509.Certificate, now time.Time) bundle {
	next := bundle{unneeded: map[string]time.Time{}}
	add := func(ca *x509.Certificate) {
		if !slices.ContainsFunc(next.cas, ca.Equal) && len(next.cas) < maxBundle {
			next.cas = append(next.cas, ca)
		}
	}
	for _, ca := range needed {
		add(ca)
	}
	for _, ca := range previous.cas {
		if slices.ContainsFunc(needed, ca.Equal) || now.After(ca.NotAfter) {
			continue
		}
		since, retired := previous.unneeded[fingerprint(ca)]
		if !retired {
			since = now.UTC().Truncate(time.Second)
		}
		if now.Before(since.Add(trustGrace)) {
			add(ca)
			next.unneeded[fingerprint(ca)] = since
		}
	}
	slices.SortFunc(next.cas, func(a, b *x509.Certificate) int { return bytes.Compare(a.Raw, b.Raw) })
	return next
}

// nextChange is when a retired CA leaves the bundle; zero if none does.
func (b bundle) nextChange() time.Time {
	var next time.Time
	for _, since := range b.unneeded {
		if at := since.Add(trustGrace); next.IsZero() || at.Before(next) {
			next = at
		}
	}
	return next
}

func fingerprint(ca *x509.Certificate) string {
	sum := sha256.Sum256(ca.Raw)
	return hex.EncodeToString(sum[:])
}

// encode renders the bundle for a ConfigMap.
func (b bundle) encode() (text, annotation string) {
	var out bytes.Buffer
	for _, ca := range b.cas {
		_ = pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: ca.Raw}) // a buffer does not fail
	}
	if len(b.unneeded) > 0 {
		encoded, _ := json.Marshal(b.unneeded) // strings and times do not fail
		annotation = string(encoded)
	}
	return out.String(), annotation
}

// decode reads what encode wrote. What someone else made of it counts as empty: it is made anew.
func decode(text, annotation string) bundle {
	cas, err := parseCAs([]byte(text))
	if err != nil {
		return bundle{}
	}
	b := bundle{cas: cas}
	if annotation != "" && json.Unmarshal([]byte(annotation), &b.unneeded) != nil {
		b.unneeded = nil
	}
	return b
}

// Package pki makes the certificate authorities, certificates and kubeconfigs of a cluster.
package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

const (
	validity = 365 * 24 * time.Hour
	// RenewBefore is how long before the end of a certificate everything is made anew.
	RenewBefore = 30 * 24 * time.Hour
	backdate    = 5 * time.Minute // clocks of containers and tests may lag
)

// A Leaf describes one certificate. With IPs or DNS names it serves, otherwise it only authenticates a client.
type Leaf struct {
	Name         string // file name without ending
	CA           string
	CommonName   string
	Organization []string
	DNS          []string
	IPs          []net.IP
}

// A Set is what a cluster needs: authorities by name, leaves signed by them, and bare keys.
type Set struct {
	CAs    []string
	Leaves []Leaf
	Keys   []string
}

// CertFile and KeyFile name the files of a certificate in dir.
func CertFile(dir, name string) string { return filepath.Join(dir, name+".crt") }

// KeyFile names the private key that belongs to CertFile.
func KeyFile(dir, name string) string { return filepath.Join(dir, name+".key") }

// Ensure makes the whole set in dir unless every file is there, valid at now plus RenewBefore, and
// made for the same names. It reports whether it made the set anew, which asks for a restart of
// everything that has read the old one.
func Ensure(dir string, set Set, now time.Time) (bool, error) {
	if current(dir, set, now) {
		return false, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return false, err
	}
	cas := map[string]*authority{}
	for _, name := range set.CAs {
		ca, err := newAuthority(name, now)
		if err != nil {
			return false, err
		}
		if err := writePair(dir, name, ca.cert.Raw, ca.key); err != nil {
			return false, err
		}
		cas[name] = ca
	}
	for _, leaf := range set.Leaves {
		ca := cas[leaf.CA]
		if ca == nil {
			return false, fmt.Errorf("certificate %s: unknown authority %q", leaf.Name, leaf.CA)
		}
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return false, err
		}
		der, err := x509.CreateCertificate(rand.Reader, leaf.template(now), ca.cert, &key.PublicKey, ca.key)
		if err != nil {
			return false, fmt.Errorf("certificate %s: %w", leaf.Name, err)
		}
		if err := writePair(dir, leaf.Name, der, key); err != nil {
			return false, err
		}
	}
	return true, ensureKeys(dir, set.Keys)
}

// current tells whether dir already holds exactly this set.
func current(dir string, set Set, now time.Time) bool {
	for _, name := range set.CAs {
		if cert, err := readCert(CertFile(dir, name)); err != nil || expired(cert, now) {
			return false
		}
	}
	for _, leaf := range set.Leaves {
		cert, err := readCert(CertFile(dir, leaf.Name))
		if err != nil || expired(cert, now) || !leaf.matches(cert) {
			return false
		}
		ca, err := readCert(CertFile(dir, leaf.CA))
		if err != nil || cert.CheckSignatureFrom(ca) != nil {
			return false
		}
	}
	for _, name := range set.Keys {
		if _, err := os.Stat(KeyFile(dir, name)); err != nil {
			return false
		}
	}
	return true
}

func expired(cert *x509.Certificate, now time.Time) bool {
	return now.Add(RenewBefore).After(cert.NotAfter)
}

func (l Leaf) matches(cert *x509.Certificate) bool {
	if cert.Subject.CommonName != l.CommonName {
		return false
	}
	for _, name := range l.DNS {
		if cert.VerifyHostname(name) != nil {
			return false
		}
	}
	for _, ip := range l.IPs {
		if cert.VerifyHostname(ip.String()) != nil {
			return false
		}
	}
	return true
}

func (l Leaf) template(now time.Time) *x509.Certificate {
	usages := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	if len(l.DNS)+len(l.IPs) > 0 {
		usages = append(usages, x509.ExtKeyUsageServerAuth) // etcd's peer port and the kubelet use one for both
	}
	return &x509.Certificate{
		SerialNumber: serial(),
		Subject:      pkix.Name{CommonName: l.CommonName, Organization: l.Organization},
		NotBefore:    now.Add(-backdate),
		NotAfter:     now.Add(validity),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  usages,
		DNSNames:     l.DNS,
		IPAddresses:  l.IPs,
	}
}

type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(name string, now time.Time) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial(),
		Subject:               pkix.Name{CommonName: "devcluster " + name},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(validity),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature | x509.KeyUsageCRLSign,
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("authority %s: %w", name, err)
	}
	cert, err := x509.ParseCertificate(der)
	return &authority{cert: cert, key: key}, err
}

func serial() *big.Int {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		panic(err) // the system has no randomness: nothing can go on
	}
	return n.Add(n, big.NewInt(1))
}

// ensureKeys makes bare keys (private .key, public .pub); existing ones stay, since tokens signed by them live on.
func ensureKeys(dir string, names []string) error {
	for _, name := range names {
		if _, err := os.Stat(KeyFile(dir, name)); err == nil {
			continue
		}
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return err
		}
		public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
		if err != nil {
			return err
		}
		if err := writePEM(filepath.Join(dir, name+".pub"), "PUBLIC KEY", public, 0o644); err != nil {
			return err
		}
		if err := writeKey(KeyFile(dir, name), key); err != nil {
			return err
		}
	}
	return nil
}

func writePair(dir, name string, der []byte, key *ecdsa.PrivateKey) error {
	if err := writePEM(CertFile(dir, name), "CERTIFICATE", der, 0o644); err != nil {
		return err
	}
	return writeKey(KeyFile(dir, name), key)
}

func writeKey(file string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	return writePEM(file, "EC PRIVATE KEY", der, 0o600)
}

func writePEM(file, kind string, der []byte, mode os.FileMode) error {
	return os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode)
}

func readCert(file string) (*x509.Certificate, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(content)
	if block == nil {
		return nil, errors.New(file + ": no PEM block")
	}
	return x509.ParseCertificate(block.Bytes)
}

package carriersim

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// CertificateKind says which server certificate a host presents.
type CertificateKind string

// The kinds. Expired ended an hour ago; WrongName names another host; UnknownCA is right but signed by a CA that nobody has.
const (
	CertificateValid     CertificateKind = "valid"
	CertificateExpired   CertificateKind = "expired"
	CertificateWrongName CertificateKind = "wrong-name"
	CertificateUnknownCA CertificateKind = "unknown-ca"
)

// AnyHost stands for every host without a setting of its own.
const AnyHost = "*"

// ClientAuth demands a client certificate issued by one of CAPEM's authorities, on Hosts (none: on every host). An empty CAPEM
// demands nothing.
type ClientAuth struct {
	CAPEM string   `json:"caPEM"`
	Hosts []string `json:"hosts,omitempty"`
}

// tlsFace is what the server shows and demands in a handshake, switchable while it runs.
type tlsFace struct {
	ca    *authority
	certs map[CertificateKind]*tls.Certificate
	base  *tls.Config

	mu         sync.Mutex
	kinds      map[string]CertificateKind // by host
	clientCAs  *x509.CertPool             // nil: no client certificate is asked for
	clientHost []string
}

func newTLSFace(ca *authority, hosts []string) (*tlsFace, error) {
	stranger, err := newAuthority("carriersim unknown CA")
	if err != nil {
		return nil, err
	}
	now := time.Now()
	from, to := now.Add(-time.Hour), now.AddDate(1, 0, 0)
	f := &tlsFace{ca: ca, certs: map[CertificateKind]*tls.Certificate{}, kinds: map[string]CertificateKind{
		HostExpired: CertificateExpired, HostWrongName: CertificateWrongName, HostUnknownCA: CertificateUnknownCA,
	}}
	for kind, c := range map[CertificateKind]struct {
		by       *authority
		names    []string
		from, to time.Time
	}{
		CertificateValid:     {ca, hosts, from, to},
		CertificateExpired:   {ca, hosts, now.Add(-48 * time.Hour), from},
		CertificateWrongName: {ca, []string{"somebody-else.invalid"}, from, to},
		CertificateUnknownCA: {stranger, hosts, from, to},
	} {
		if f.certs[kind], err = c.by.issue(c.names, c.from, c.to); err != nil {
			return nil, fmt.Errorf("issue the %s certificate: %w", kind, err)
		}
	}
	f.base = &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}, GetCertificate: f.certificate}
	f.base.GetConfigForClient = f.configFor
	f.forgetSessions()
	return f, nil
}

func (f *tlsFace) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, host := range []string{hello.ServerName, AnyHost} {
		if kind, ok := f.kinds[host]; ok {
			return f.certs[kind], nil
		}
	}
	return f.certs[CertificateValid], nil
}

func (f *tlsFace) configFor(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.clientCAs == nil || len(f.clientHost) > 0 && !slices.Contains(f.clientHost, hello.ServerName) {
		return nil, nil // the base configuration
	}
	c := f.base.Clone()
	c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, f.clientCAs
	return c, nil
}

func (f *tlsFace) setCertificates(kinds map[string]CertificateKind) error {
	for host, kind := range kinds {
		if _, ok := f.certs[kind]; !ok {
			return fmt.Errorf("host %s: unknown certificate kind %q, use %v", host, kind, slices.Sorted(maps.Keys(f.certs)))
		}
	}
	f.mu.Lock()
	maps.Copy(f.kinds, kinds)
	f.mu.Unlock()
	f.forgetSessions()
	return nil
}

func (f *tlsFace) setClientAuth(a ClientAuth) error {
	var pool *x509.CertPool
	if a.CAPEM != "" {
		pool = x509.NewCertPool()
		if !pool.AppendCertsFromPEM([]byte(a.CAPEM)) {
			return errors.New("client authentication: no PEM certificate in caPEM")
		}
	}
	f.mu.Lock()
	f.clientCAs, f.clientHost = pool, slices.Clone(a.Hosts)
	f.mu.Unlock()
	f.forgetSessions()
	return nil
}

// forgetSessions makes every client do a full handshake again: a resumed one would not see a new certificate.
func (f *tlsFace) forgetSessions() {
	var key [32]byte
	rand.Read(key[:])
	f.base.SetSessionTicketKeys([][32]byte{key})
}

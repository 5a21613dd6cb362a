package stores

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
)

// ConnectTimeout is how long one attempt to connect may take.
const ConnectTimeout = 10 * time.Second

// Connection is what a store's Secret says. It holds secrets and is never printed.
type Connection struct {
	Host string
	Port uint16
	// Values of the other keys, empty if the Secret has them not.
	Values map[string]string

	dir string
}

// Address is host:port.
func (c *Connection) Address() string {
	return net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port)))
}

// Database to work on.
func (c *Connection) Database() string { return c.Values[KeyDatabase] }

// Username of the login.
func (c *Connection) Username() string { return c.Values[KeyUsername] }

// Password of the login.
func (c *Connection) Password() string { return c.Values[KeyPassword] }

// ReadConnection reads the keys of a store's Secret, mounted in dir. Line ends at the end of a value are left out: editors and echo add
// them. It fails with a Failure. Read it at every connection, so that a changed password is taken up.
func ReadConnection(dir string, kind Kind) (*Connection, error) {
	c := &Connection{Port: kind.Port, Values: map[string]string{}, dir: dir}
	for _, key := range slices.Concat(kind.Required, kind.Optional) {
		content, err := os.ReadFile(filepath.Join(dir, key))
		value := strings.TrimRight(string(content), "\r\n")
		required := slices.Contains(kind.Required, key)
		if (required && value == "") || (err != nil && !errors.Is(err, fs.ErrNotExist)) {
			return nil, retention.Fail(v1alpha1.ReasonLoginRefused, "the store's Secret has no key %q, or it is empty: set %s", key, strings.Join(kind.Required, ", "))
		}
		c.Values[key] = value
	}
	c.Host = c.Values[KeyHost]
	if text := strings.TrimSpace(c.Values[KeyPort]); text != "" {
		port, err := strconv.ParseUint(text, 10, 16)
		if err != nil || port == 0 {
			return nil, retention.Fail(v1alpha1.ReasonStoreUnreachable,
				"the port in the store's Secret is no port: write a number from 1 to 65535, or leave it out for %d", kind.Port)
		}
		c.Port = uint16(port)
	}
	return c, nil
}

// TLSConfig verifies the store as the DataStore says, and shows it the client certificate if there is one; nil for mode Disable. It fails
// with a Failure.
func (c *Connection) TLSConfig(store retention.Store) (*tls.Config, error) {
	mode := v1alpha1.StoreTLSMode(store.TLSMode)
	if mode == v1alpha1.StoreTLSDisable {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: c.Host}
	if store.CABundle != "" {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM([]byte(store.CABundle)) {
			return nil, retention.Fail(v1alpha1.ReasonStoreTLSFailed, "the CA bundle holds no certificate: correct tls.caBundleRef of the DataStore")
		}
	}
	if store.ClientCertificate {
		if _, err := c.clientCertificate(); err != nil { // said now: handshakes tell it less well
			return nil, err
		}
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return c.clientCertificate() }
	}
	switch mode {
	case v1alpha1.StoreTLSVerifyFull:
	case v1alpha1.StoreTLSVerifyCA:
		config.InsecureSkipVerify = true // VerifyConnection verifies the chain; this mode leaves out the name alone
		config.VerifyConnection = func(state tls.ConnectionState) error {
			options := x509.VerifyOptions{Roots: config.RootCAs, Intermediates: x509.NewCertPool()}
			for _, cert := range state.PeerCertificates[1:] {
				options.Intermediates.AddCert(cert)
			}
			_, err := state.PeerCertificates[0].Verify(options)
			return err
		}
	default:
		return nil, retention.Fail(v1alpha1.ReasonPlanInvalid, "TLS mode %q is not known: operator and purger should have the same version", store.TLSMode)
	}
	return config, nil
}

// clientCertificate reads certificate and key again for each connection, so that renewed ones are taken up.
func (c *Connection) clientCertificate() (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(filepath.Join(c.dir, corev1.TLSCertKey), filepath.Join(c.dir, corev1.TLSPrivateKeyKey))
	if err != nil { // its text may quote the file
		return nil, retention.Fail(v1alpha1.ReasonStoreTLSFailed, "tls.crt and tls.key of the Secret that tls.clientCertificateRef of the DataStore "+
			"names are no certificate and its key in PEM: correct them")
	}
	return &pair, nil
}

// WrongType is the failure of a driver that is given another kind of store.
func WrongType(t string) error {
	return retention.Fail(v1alpha1.ReasonPlanInvalid, "stores of type %q are not known: operator and purger should have the same version", t)
}

package gateway

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"time"

	"k8s.io/utils/clock"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
	client "github.com/carrier-operator/carrier-operator/internal/upstream"
)

// transport sends requests over connections of its own.
type transport interface {
	http.RoundTripper
	CloseIdleConnections()
}

// upstream is the way to one endpoint of the carrier. Everything that a change of certificate or CA concerns (transport, TLS
// configuration, session cache) belongs to one upstream and is never changed, but replaced with it.
type upstream struct {
	base      *url.URL
	dialer    *dialer
	transport transport
	addresses []netip.Addr
	key       string // of what the transport is made from, the addresses apart
}

// newUpstream builds the way to an endpoint. previous, which may be nil, is taken over if nothing about TLS has changed and no
// address has gone; commit then publishes the added ones.
func newUpstream(e config.Endpoint, pair *keyPair, previous *upstream, c clock.PassiveClock) (*upstream, error) {
	u, err := url.Parse(e.URL)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return nil, fmt.Errorf("endpoint %s: the URL must be https://host[:port][/path]", e.Role)
	}
	addresses, err := parseAddresses(e.Addresses)
	if err != nil {
		return nil, fmt.Errorf("endpoint %s: %w", e.Role, err)
	}
	up := &upstream{base: u, addresses: addresses, key: digest(u.Scheme, u.Host, e.CABundle, pair.fingerprintOrEmpty())}
	if previous != nil && previous.key == up.key && !slices.ContainsFunc(previous.addresses, func(a netip.Addr) bool {
		return !slices.Contains(addresses, a)
	}) {
		up.dialer, up.transport = previous.dialer, previous.transport
		return up, nil
	}
	port := 443
	if u.Port() != "" {
		if port, err = strconv.Atoi(u.Port()); err != nil || port < 1 || port > 65535 {
			return nil, fmt.Errorf("endpoint %s: port %q is not a number from 1 to 65535", e.Role, u.Port())
		}
	}
	up.dialer = &dialer{port: uint16(port), clock: c}
	up.dialer.set(addresses)
	tlsConfig, err := carrierTLS(u.Hostname(), e.CABundle, pair)
	if err != nil {
		return nil, fmt.Errorf("endpoint %s: %w", e.Role, err)
	}
	if e.Role == roleToken { // asked seldom, and by the broker, whose requests are not the fixed kind of the client's
		up.transport = newTransport(up.dialer, tlsConfig)
	} else {
		up.transport = client.New(client.Options{Host: u.Host, Dial: up.dialer.DialContext, TLS: tlsConfig, Clock: c,
			IdleTimeout: idleTimeout, MaxIdle: maxIdle, MaxHeaderBytes: maxHeader, HandshakeTimeout: handshakeTimeout})
	}
	return up, nil
}

// commit makes a taken-over dialer use the addresses of this upstream.
func (u *upstream) commit() { u.dialer.set(u.addresses) }

// target is the URL of a request: the endpoint's host with the path as the client wrote it.
func (u *upstream) target(path, query string) (*url.URL, error) {
	t, err := url.ParseRequestURI(path) // keeps the escapes in RawPath
	if err != nil {
		return nil, err
	}
	t.Scheme, t.Host, t.RawQuery = u.base.Scheme, u.base.Host, query
	return t, nil
}

// How connections to a carrier are kept.
const (
	roleToken        = "Token"
	handshakeTimeout = 10 * time.Second
	idleTimeout      = 45 * time.Second // below the 60 s at which many carriers' balancers close
	maxIdle          = 256
	maxHeader        = 256 << 10
)

func newTransport(d *dialer, c *tls.Config) *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		DialContext:            d.DialContext,
		TLSClientConfig:        c,
		Protocols:              protocols,
		TLSHandshakeTimeout:    handshakeTimeout,
		MaxIdleConns:           0,
		MaxIdleConnsPerHost:    maxIdle,
		IdleConnTimeout:        idleTimeout,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHeader,
		ReadBufferSize:         16 << 10,
		WriteBufferSize:        16 << 10,
		ExpectContinueTimeout:  time.Second,
	}
}

// carrierTLS verifies the carrier against its own bundle, or the system's, and its host name, and presents the client certificate
// whatever CAs the carrier names: a gateway that has one never goes without it.
func carrierTLS(host, bundle string, pair *keyPair) (*tls.Config, error) {
	c := &tls.Config{
		ServerName:         host,
		MinVersion:         tls.VersionTLS12,
		NextProtos:         []string{"http/1.1"},
		ClientSessionCache: tls.NewLRUClientSessionCache(64),
		VerifyConnection:   refuseWeakKeys,
		// Small records at the start help browsers to begin early; a request is of use only as a whole.
		DynamicRecordSizingDisabled: true,
	}
	if bundle != "" {
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM([]byte(bundle)) {
			return nil, errors.New("the CA bundle holds no PEM certificate")
		}
	}
	if pair != nil {
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair.certificate, nil }
	}
	return c, nil
}

var errWeakKey = errors.New("the carrier's certificate has an RSA key of less than 2048 bits")

func refuseWeakKeys(state tls.ConnectionState) error {
	for _, c := range state.PeerCertificates {
		if key, ok := c.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() < 2048 {
			return &tls.CertificateVerificationError{UnverifiedCertificates: state.PeerCertificates, Err: errWeakKey}
		}
	}
	return nil
}

func digest(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil))
}

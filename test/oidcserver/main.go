// Command oidcserver is an OAuth 2.0 server that nobody here wrote, the provider of zitadel/oidc, over HTTPS on loopback: tests obtain
// tokens from it to see that the token broker speaks the protocol and not merely what its own tests believe it to be.
//
// It knows three clients: ClientSecret authenticates with HTTP Basic, ClientKey with private_key_jwt and the key whose public part
// -public-key names, ClientRefresh with HTTP Basic for refresh tokens, which it replaces at each use. It prints one line of JSON, then
// serves until its standard input is closed.
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// ready is what is printed when the server accepts connections.
type ready struct {
	// Issuer is https://127.0.0.1:port; CA is the PEM of its certificate.
	Issuer string `json:"issuer"`
	CA     string `json:"ca"`
}

func main() {
	secret := flag.String("secret", "", "secret of the clients that have one")
	refresh := flag.String("refresh-token", "", "first refresh token")
	publicKey := flag.String("public-key", "", "file with the PEM of the public key")
	flag.Parse()
	if err := run(*secret, *refresh, *publicKey); err != nil {
		log.Fatal(err)
	}
}

func run(secret, refresh, publicKey string) error {
	key, err := readPublicKey(publicKey)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	issuer := "https://" + listener.Addr().String()
	handler, err := newHandler(issuer, newStorage(secret, refresh, key))
	if err != nil {
		return err
	}
	certificate, caPEM, err := selfSigned()
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // ends with the test that started it
		_ = server.Close()
	}()
	if err := json.NewEncoder(os.Stdout).Encode(ready{Issuer: issuer, CA: caPEM}); err != nil {
		return err
	}
	if err := server.ServeTLS(listener, "", ""); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// newHandler sets up the provider.
func newHandler(issuer string, s *storage) (http.Handler, error) {
	c := &op.Config{AuthMethodPost: true, AuthMethodPrivateKeyJWT: true, GrantTypeRefreshToken: true}
	_, _ = rand.Read(c.CryptoKey[:])
	provider, err := op.NewProvider(c, s, op.StaticIssuer(issuer))
	if err != nil {
		return nil, err
	}
	legacy := op.NewLegacyServer(provider, *op.DefaultEndpoints)
	return op.RegisterLegacyServer(&server{legacy}, op.AuthorizeCallbackHandler(provider)), nil
}

// server lets a client that authenticates with an assertion use the client credentials grant, too: the provider verifies assertions,
// but asks for a secret at this grant.
type server struct{ *op.LegacyServer }

// VerifyClient hands assertions to the provider's own verification, whatever the grant.
func (s *server) VerifyClient(ctx context.Context, r *op.Request[op.ClientCredentials]) (op.Client, error) {
	if exchanger, ok := s.Provider().(op.JWTAuthorizationGrantExchanger); ok && r.Data.ClientAssertionType == oidc.ClientAssertionTypeJWTAssertion {
		return op.AuthorizePrivateJWTKey(ctx, r.Data.ClientAssertion, exchanger)
	}
	return s.LegacyServer.VerifyClient(ctx, r)
}

func readPublicKey(path string) (*jose.JSONWebKey, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, fmt.Errorf("%s holds no PEM", path)
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	return &jose.JSONWebKey{Key: key, KeyID: "key-1", Use: "sig"}, err
}

// selfSigned is a certificate for loopback.
func selfSigned() (tls.Certificate, string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, "", err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "oidcserver"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(24 * time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, "", err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, string(text), nil
}

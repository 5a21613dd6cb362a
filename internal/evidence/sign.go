// Package evidence signs what the purger did, and checks signed runs and their chains without a cluster.
package evidence

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"github.com/carrier-operator/carrier-operator/internal/retention"
)

const (
	// SecretKey is the key of a Secret that holds a signing key: the one that cert-manager writes and `kubectl create secret tls` takes.
	SecretKey = "tls.key"
	// PayloadType of in-toto statements in DSSE envelopes.
	PayloadType = "application/vnd.in-toto+json"
	// StatementType is the version of in-toto's statement: https://in-toto.io/Statement/v1
	StatementType = "https://in-toto.io/Statement/v1"
	// predicatePrefix makes a URI of a record's type.
	predicatePrefix = "https://"
)

// Signer signs records with an Ed25519 key.
type Signer struct{ key signingKey }

var _ retention.Signer = (*Signer)(nil)

// ParseSigner reads an Ed25519 private key, PKCS #8 in PEM. Errors show nothing of it.
func ParseSigner(encoded []byte) (*Signer, error) {
	block, _ := pem.Decode(encoded)
	if block == nil {
		return nil, errors.New("it holds no PEM block: write an Ed25519 private key as PKCS #8 in PEM (openssl genpkey -algorithm ed25519)")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("its PEM block %q is no private key in PKCS #8: openssl genpkey -algorithm ed25519 makes one", block.Type)
	}
	key, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("its key is a %T: evidence is signed with Ed25519", parsed)
	}
	id, err := keyID(key.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, err
	}
	return &Signer{key: signingKey{key: key, id: id}}, nil
}

// Sign returns a DSSE envelope in JSON. Its payload is an in-toto statement: the subject is the record's digest, the predicate the record.
func (s *Signer) Sign(ctx context.Context, record retention.Record) (string, error) {
	statement, err := newStatement(record)
	if err != nil {
		return "", err
	}
	signer, err := dsse.NewEnvelopeSigner(&s.key)
	if err != nil {
		return "", err
	}
	envelope, err := signer.SignPayload(ctx, PayloadType, statement)
	if err != nil {
		return "", err
	}
	encoded, err := json.Marshal(envelope)
	return string(encoded), err
}

// newStatement is the canonical JSON of a record's statement.
func newStatement(record retention.Record) ([]byte, error) {
	canonical, err := record.Canonical()
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(canonical)
	return retention.Record{
		"_type": StatementType,
		"subject": []any{map[string]any{
			"name":   fmt.Sprintf("%v/%v", record["namespace"], record["run"]),
			"digest": map[string]any{"sha256": hex.EncodeToString(sum[:])},
		}},
		"predicateType": predicatePrefix + fmt.Sprint(record["type"]),
		"predicate":     map[string]any(record),
	}.Canonical()
}

// signingKey is what the DSSE library signs with.
type signingKey struct {
	key ed25519.PrivateKey
	id  string
}

// Sign signs the DSSE encoding of a payload.
func (k *signingKey) Sign(_ context.Context, data []byte) ([]byte, error) {
	return ed25519.Sign(k.key, data), nil
}

// KeyID is the key's identity, see keyID.
func (k *signingKey) KeyID() (string, error) { return k.id, nil }

// keyID is sha256: and the SHA-256, in hexadecimal, of the DER encoding of the SubjectPublicKeyInfo: what `openssl pkey -pubin -outform DER |
// sha256sum` prints.
func keyID(key ed25519.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(der)
	return "sha256:" + hex.EncodeToString(sum[:]), nil
}

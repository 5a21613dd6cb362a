package evidence

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
)

// Keys are the public keys that signatures are checked with. Several are there while a signing key is replaced.
type Keys []dsse.Verifier

// ParseKeys reads Ed25519 public keys and certificates, any number of PEM blocks.
func ParseKeys(encoded []byte) (Keys, error) {
	var keys Keys
	for {
		var block *pem.Block
		if block, encoded = pem.Decode(encoded); block == nil {
			break
		}
		key, err := parsePublic(block)
		if err != nil {
			return nil, err
		}
		id, err := keyID(key)
		if err != nil {
			return nil, err
		}
		keys = append(keys, &publicKey{key: key, id: id})
	}
	if len(keys) == 0 {
		return nil, errors.New("there is no PEM block in it: give an Ed25519 public key or the certificate of one")
	}
	return keys, nil
}

func parsePublic(block *pem.Block) (ed25519.PublicKey, error) {
	var parsed any
	var err error
	switch block.Type {
	case "PUBLIC KEY":
		parsed, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "CERTIFICATE":
		var cert *x509.Certificate
		if cert, err = x509.ParseCertificate(block.Bytes); err == nil {
			parsed = cert.PublicKey
		}
	default:
		return nil, fmt.Errorf("a PEM block is a %q: give a PUBLIC KEY or a CERTIFICATE", block.Type)
	}
	if err != nil {
		return nil, fmt.Errorf("a PEM block cannot be read: %w", err)
	}
	key, ok := parsed.(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("a key is a %T: evidence is signed with Ed25519", parsed)
	}
	return key, nil
}

// open checks an envelope's signature and returns its payload and the identity of the key.
func (k Keys) open(ctx context.Context, envelope string) (payload []byte, id string, err error) {
	var e dsse.Envelope
	decoder := json.NewDecoder(bytes.NewReader([]byte(envelope)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&e); err != nil {
		return nil, "", fmt.Errorf("the envelope is no DSSE envelope: %w", err)
	}
	if e.PayloadType != PayloadType {
		return nil, "", fmt.Errorf("the envelope holds a %q, not a %q", e.PayloadType, PayloadType)
	}
	verifier, err := dsse.NewEnvelopeVerifier(k...)
	if err != nil {
		return nil, "", err
	}
	accepted, err := verifier.Verify(ctx, &e)
	if err != nil {
		return nil, "", fmt.Errorf("the signature does not hold with any of the given keys: %w", err)
	}
	payload, err = e.DecodeB64Payload()
	return payload, accepted[0].KeyID, err
}

// publicKey is what the DSSE library verifies with.
type publicKey struct {
	key ed25519.PublicKey
	id  string
}

// Verify fails unless the signature is the key's.
func (k *publicKey) Verify(_ context.Context, data, signature []byte) error {
	if !ed25519.Verify(k.key, data, signature) {
		return errors.New("signed with another key, or changed")
	}
	return nil
}

// KeyID is the key's identity, see keyID.
func (k *publicKey) KeyID() (string, error) { return k.id, nil }

// Public is the key.
func (k *publicKey) Public() crypto.PublicKey { return k.key }

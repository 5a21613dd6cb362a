package main

import (
	"errors"
	"os"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/evidence"
	"github.com/carrier-operator/carrier-operator/internal/retention"
)

// readKeys reads the keys that the plan says are mounted. It fails with Failures; a signer that could be read is returned all the same, so
// that the evidence of a refusal is signed.
func readKeys(plan *retention.Plan, o options) (hashKey []byte, signer retention.Signer, err error) {
	var hashErr, signErr error
	if plan.HashKey {
		hashKey, hashErr = readHashKey(o.hashKey)
	}
	if plan.SigningKey {
		signer, signErr = readSigner(o.signingKey)
	}
	return hashKey, signer, errors.Join(hashErr, signErr)
}

func readHashKey(file string) ([]byte, error) {
	key, err := os.ReadFile(file)
	if err != nil || len(key) < retention.MinHashKeyBytes {
		return nil, retention.Fail(v1alpha1.ReasonKeyInvalid,
			"the hash key is missing or has fewer than %d bytes: set key \"key\" of the Secret that hashKeyRef of the policy names", retention.MinHashKeyBytes)
	}
	return key, nil
}

func readSigner(file string) (retention.Signer, error) {
	encoded, err := os.ReadFile(file)
	if err != nil {
		return nil, retention.Fail(v1alpha1.ReasonKeyMissing,
			"the signing key cannot be read: set key %q of the Secret that signingKeyRef of the policy names", evidence.SecretKey)
	}
	signer, err := evidence.ParseSigner(encoded)
	if err != nil {
		return nil, retention.Fail(v1alpha1.ReasonKeyInvalid, "key %q of the Secret that signingKeyRef of the policy names: %v", evidence.SecretKey, err)
	}
	return signer, nil
}

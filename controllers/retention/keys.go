package retention

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/ssa"
	"github.com/carrier-operator/carrier-operator/controllers/internal/storemap"
	"github.com/carrier-operator/carrier-operator/internal/evidence"
	runplan "github.com/carrier-operator/carrier-operator/internal/retention"
)

// keyOf is a key that the policy takes from a Secret.
type keyOf struct {
	field, secret, item string
	// needs says what to put there.
	needs string
	// check says what is wrong with the value; empty: nothing.
	check func([]byte) string
}

func keysOf(spec *v1alpha1.RetentionPolicySpec) []keyOf {
	return []keyOf{{
		field: "hashKeyRef", secret: spec.HashKeyRef.Name, item: hashKeyItem,
		needs: fmt.Sprintf("%d random bytes or more", runplan.MinHashKeyBytes),
		check: func(key []byte) string {
			if len(key) < runplan.MinHashKeyBytes {
				return fmt.Sprintf("it has %d bytes: %d random bytes or more are needed", len(key), runplan.MinHashKeyBytes)
			}
			return ""
		},
	}, {
		field: "signingKeyRef", secret: spec.SigningKeyRef.Name, item: evidence.SecretKey,
		needs: "an Ed25519 private key, PKCS #8 in PEM",
		check: func(key []byte) string {
			if _, err := evidence.ParseSigner(key); err != nil {
				return err.Error()
			}
			return ""
		},
	}}
}

// keysProblem says what is wrong with the Secrets of the policy's keys, and returns the key of hashKeyRef, nil if there is none.
func (c *Controller) keysProblem(ctx context.Context, policy *v1alpha1.RetentionPolicy) (p *problem, hashKey []byte, err error) {
	for _, k := range keysOf(&policy.Spec) {
		if k.secret == "" {
			continue
		}
		secret, err := ssa.Get(ctx, c.Live, policy.Namespace, k.secret, &corev1.Secret{})
		if err != nil {
			return nil, nil, err
		}
		if p := k.problem(secret); p != nil {
			return p, nil, nil
		}
		if k.item == hashKeyItem {
			hashKey = secret.Data[k.item]
		}
	}
	return nil, hashKey, nil
}

// holdsProblem says which hold of the store names people by hashes that the policy has no key for: it could not be kept. Holds that
// cannot be understood at all are the runs' affair.
func (c *Controller) holdsProblem(ctx context.Context, policy *v1alpha1.RetentionPolicy, store *v1alpha1.DataStore, hashKey []byte, now time.Time) (*problem, error) {
	if store == nil {
		return nil, nil
	}
	holds, err := storemap.ListHolds(ctx, c.Client, policy.Namespace, store.Name)
	if err != nil {
		return nil, err
	}
	return subjectsProblem(holds, hashKey, now), nil
}

func subjectsProblem(holds []v1alpha1.LegalHold, hashKey []byte, now time.Time) *problem {
	slices.SortFunc(holds, func(a, b v1alpha1.LegalHold) int { return strings.Compare(a.Name, b.Name) })
	for i := range holds {
		subject := &holds[i].Spec.Subject
		if subject.Field == "" || !storemap.HoldInForce(&holds[i], now) {
			continue
		}
		if hashKey == nil {
			return &problem{reason: v1alpha1.ReasonKeyMissing, message: fmt.Sprintf(
				"LegalHold %q of the store names people by keyed hash, and the policy has no key to check it with: set hashKeyRef to the Secret with key %s",
				holds[i].Name, subject.KeyID)}
		}
		if id := runplan.NewHasher(hashKey).KeyID(); id != subject.KeyID {
			return &problem{reason: v1alpha1.ReasonHoldKeyMismatch, message: fmt.Sprintf(
				"LegalHold %q of the store names people by hashes of key %s, the key of hashKeyRef is %s: compute the hashes again with kubectl carrier hold hash, or let hashKeyRef name that key",
				holds[i].Name, subject.KeyID, id)}
		}
	}
	return nil
}

func (k *keyOf) problem(secret *corev1.Secret) *problem {
	if secret == nil {
		return &problem{reason: v1alpha1.ReasonSecretNotFound, message: fmt.Sprintf(
			"Secret %q of %s does not exist: create it with %s under %q", k.secret, k.field, k.needs, k.item)}
	}
	key, found := secret.Data[k.item]
	if !found {
		return &problem{reason: v1alpha1.ReasonKeyMissing, message: fmt.Sprintf(
			"Secret %q of %s has no key %q: add it with %s", k.secret, k.field, k.item, k.needs)}
	}
	if wrong := k.check(key); wrong != "" {
		return &problem{reason: v1alpha1.ReasonKeyInvalid, message: fmt.Sprintf("key %q of Secret %q of %s: %s", k.item, k.secret, k.field, wrong)}
	}
	return nil
}

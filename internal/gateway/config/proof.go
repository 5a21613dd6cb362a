package config

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"slices"
)

// CredentialProofOf is HMAC-SHA-256, keyed with nonce, over the keys and values of a credential in the order of the keys. Both sides
// compute it, so that the operator learns whether a gateway serves the same content while nothing about the content is stored or sent.
// Surrounding white space of values does not count, since the gateway trims it.
func CredentialProofOf(nonce []byte, data map[string][]byte) string {
	mac := hmac.New(sha256.New, nonce)
	field := func(b []byte) {
		mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(b))))
		mac.Write(b)
	}
	for _, key := range slices.Sorted(maps.Keys(data)) {
		field([]byte(key))
		field(TrimCredential(data[key]))
	}
	return hex.EncodeToString(mac.Sum(nil))
}

// TrimCredential removes white space around a credential's value: a newline at the end of a file is the commonest mistake in Secrets.
func TrimCredential(value []byte) []byte {
	start, end := 0, len(value)
	for start < end && isSpace(value[start]) {
		start++
	}
	for end > start && isSpace(value[end-1]) {
		end--
	}
	return value[start:end]
}

func isSpace(b byte) bool { return b == ' ' || b == '\n' || b == '\r' || b == '\t' }

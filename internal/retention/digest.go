package retention

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"strings"
)

// HashPrefix begins every value that KeyedHash wrote, so that it is recognized and not hashed again. HashLength is a value's length in
// characters: the prefix and 64 hexadecimal digits.
const (
	HashPrefix = "kh1-"
	HashLength = len(HashPrefix) + 2*sha256.Size
)

// MinHashKeyBytes is the least length of a hash key.
const MinHashKeyBytes = 32

// Hasher computes keyed hashes. The key stays in this process, and a store sees only results; but where holds name subjects, the store
// checks them by itself and gets the Pads for the length of a session.
type Hasher struct{ key []byte }

// NewHasher uses the key, or a random one if it is empty: then nobody can test a guess, and digests of two runs cannot be compared.
func NewHasher(key []byte) *Hasher {
	if len(key) == 0 {
		key = make([]byte, sha256.Size)
		_, _ = rand.Read(key) // never fails (crypto/rand)
	}
	return &Hasher{key: key}
}

// Value returns the replacement of a value: HashPrefix and HMAC-SHA-256 in hexadecimal.
func (h *Hasher) Value(value string) string {
	mac := hmac.New(sha256.New, h.key)
	mac.Write([]byte(value))
	return HashPrefix + hex.EncodeToString(mac.Sum(nil))
}

// KeyID tells the key from others and tells nothing else of it: hk1- and 16 hexadecimal digits.
func (h *Hasher) KeyID() string {
	mac := hmac.New(sha256.New, h.key)
	mac.Write([]byte("carrier-operator.io/hash-key-id"))
	return "hk1-" + hex.EncodeToString(mac.Sum(nil)[:8])
}

// Pads are the key as a store needs it to compute Value by itself: the hash is SHA-256(outer, SHA-256(inner, value)), see RFC 2104.
// They are as secret as the key.
func (h *Hasher) Pads() (inner, outer []byte) {
	key := h.key
	if len(key) > sha256.BlockSize {
		sum := sha256.Sum256(key)
		key = sum[:]
	}
	inner, outer = bytes.Repeat([]byte{0x36}, sha256.BlockSize), bytes.Repeat([]byte{0x5c}, sha256.BlockSize)
	subtle.XORBytes(inner, inner, key)
	subtle.XORBytes(outer, outer, key)
	return inner, outer
}

// IsHashed says whether a value has the form that Value returns.
func IsHashed(value string) bool {
	digits, ok := strings.CutPrefix(value, HashPrefix)
	return ok && len(digits) == 2*sha256.Size && strings.Trim(digits, "0123456789abcdef") == ""
}

// of is a hash with a key of its own for a purpose, so that what one is good for never shows in another.
func (h *Hasher) of(purpose string) hash.Hash {
	mac := hmac.New(sha256.New, h.key)
	mac.Write([]byte(purpose))
	return hmac.New(sha256.New, mac.Sum(nil))
}

// Records starts the digest of a window's records of a collection.
func (h *Hasher) Records(collection string) *RecordsDigest {
	return &RecordsDigest{mac: h.of("records of " + collection), sum: sha256.New()}
}

// RecordsDigest is the account of handled records: their number, and, unless they are counted alone, the SHA-256 over the keyed hashes of
// their keys, in order.
type RecordsDigest struct {
	mac, sum hash.Hash // nil: they are counted alone
	count    int64
	// key and hash of the record at hand, kept so that a record costs no memory.
	key, hash []byte
}

// Add takes the next record's key.
func (d *RecordsDigest) Add(key ...string) { addKey(d, key) }

// AddBytes takes the next record's key, and keeps nothing of it.
func (d *RecordsDigest) AddBytes(key [][]byte) { addKey(d, key) }

// addKey lets each part go in with its length, so that ("a", "bc") and ("ab", "c") differ.
func addKey[T ~string | ~[]byte](d *RecordsDigest, key []T) {
	d.count++
	if d.CountOnly() {
		return
	}
	d.key = d.key[:0]
	for _, part := range key {
		d.key = binary.BigEndian.AppendUint64(d.key, uint64(len(part)))
		d.key = append(d.key, part...)
	}
	d.mac.Reset()
	d.mac.Write(d.key)
	d.hash = d.mac.Sum(d.hash[:0])
	d.sum.Write(d.hash)
}

// CountOnly says that keys are not wanted.
func (d *RecordsDigest) CountOnly() bool { return d.mac == nil }

// AddCount takes n records whose keys are not known. It is for accounts that are counts alone.
func (d *RecordsDigest) AddCount(n int64) { d.count += n }

// Count returns the number of records added.
func (d *RecordsDigest) Count() int64 { return d.count }

// Sum returns the digest in hexadecimal, empty if no record was added or records are counted alone.
func (d *RecordsDigest) Sum() string {
	if d.count == 0 || d.CountOnly() {
		return ""
	}
	return hex.EncodeToString(d.sum.Sum(nil))
}

// chain continues a run's digest with that of the next window. A pod that goes on needs no more than the checkpoint.
func chain(digest, window string) string {
	if window == "" {
		return digest
	}
	sum := sha256.Sum256([]byte(digest + "\n" + window))
	return hex.EncodeToString(sum[:])
}

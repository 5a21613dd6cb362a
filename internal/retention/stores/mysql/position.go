package mysql

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/carrier-operator/carrier-operator/internal/retention"
)

// Forms of a position: the number of a record that the store numbers, or a sealed key.
const (
	numbered = "id:"
	sealed   = "key:"
)

// position of a key, for the run's status. A key that may be personal data is sealed.
func position(key [][]byte, plain bool, collection string, hasher *retention.Hasher) string {
	if plain {
		return numbered + string(key[0])
	}
	var packed []byte
	for _, part := range key {
		packed = append(strconv.AppendInt(packed, int64(len(part)), 10), ':')
		packed = append(packed, part...)
	}
	aead := sealer(collection, hasher)
	nonce := make([]byte, aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails (crypto/rand)
	return sealed + base64.RawURLEncoding.EncodeToString(aead.Seal(nonce, nonce, packed, nil))
}

// parsePosition reads a position of a key of so many columns. What it does not understand is the start: nil.
func parsePosition(s string, columns int, plain bool, collection string, hasher *retention.Hasher) [][]byte {
	if id, ok := strings.CutPrefix(s, numbered); ok && plain {
		if _, err := strconv.ParseUint(strings.TrimPrefix(id, "-"), 10, 64); err == nil {
			return [][]byte{[]byte(id)}
		}
		return nil
	}
	text, ok := strings.CutPrefix(s, sealed)
	box, err := base64.RawURLEncoding.DecodeString(text)
	aead := sealer(collection, hasher)
	if !ok || err != nil || len(box) < aead.NonceSize() {
		return nil
	}
	packed, err := aead.Open(nil, box[:aead.NonceSize()], box[aead.NonceSize():], nil)
	if err != nil {
		return nil
	}
	var key [][]byte
	for len(packed) > 0 {
		digits, rest, _ := bytes.Cut(packed, []byte(":"))
		length, err := strconv.Atoi(string(digits))
		if err != nil || length < 0 || length > len(rest) {
			return nil
		}
		key = append(key, rest[:length])
		packed = rest[length:]
	}
	if len(key) != columns {
		return nil
	}
	return key
}

// sealer's key is of the policy's hash key, and good for positions in this collection only.
func sealer(collection string, hasher *retention.Hasher) cipher.AEAD {
	key := sha256.Sum256([]byte(hasher.Value("positions in " + collection)))
	block, _ := aes.NewCipher(key[:]) // the length is right
	aead, _ := cipher.NewGCM(block)
	return aead
}

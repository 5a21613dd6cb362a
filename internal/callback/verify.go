package callback

import (
	"bytes"
	"crypto"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // HMAC-SHA1 is what some carriers sign with; as an HMAC it holds (RFC 6194, section 3.3)
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

// Verifications of a webhook, as the API names them.
const (
	verificationHMAC         = "HMAC"
	verificationRSA          = "RSASHA256"
	verificationBasic        = "Basic"
	verificationBearer       = "Bearer"
	verificationSourceRanges = "SourceRanges"
)

// Why a call is not genuine. The texts are for logs and metrics; a caller learns no more than that the call was not verified.
var (
	errSource    = errors.New("source")
	errSignature = errors.New("signature")
	errTimestamp = errors.New("timestamp")
	errHeader    = errors.New("header")
)

// maxAhead is how far a sender's clock may be ahead.
const maxAhead = time.Minute

// Verifier tells genuine calls of one callback from forged ones. It is immutable.
type Verifier struct {
	config    config.Callback
	ranges    []netip.Prefix
	secrets   [][]byte // HMAC and Bearer: all are accepted, so that one can replace another
	keys      []*rsa.PublicKey
	basic     []byte // the value of Authorization
	newHash   func() hash.Hash
	content   template
	replayFor time.Duration
}

// NewVerifier makes a Verifier of a callback's settings and the keys of its Secret. It fails on settings or keys that could not
// verify anything; its errors hold no key's value.
func NewVerifier(c config.Callback, secret map[string][]byte) (*Verifier, error) {
	v := &Verifier{config: c, replayFor: time.Duration(c.ReplayWindowSeconds) * time.Second}
	var err error
	if v.ranges, err = parseRanges(c.SourceRanges); err != nil {
		return nil, err
	}
	if v.content, err = parseTemplate(c.SignedContent); err != nil {
		return nil, err
	}
	switch c.Verification {
	case verificationHMAC:
		if v.newHash = hashes[c.Algorithm]; v.newHash == nil {
			return nil, fmt.Errorf("algorithm %q is unknown: use HMACSHA256, HMACSHA512 or HMACSHA1", c.Algorithm)
		}
		v.secrets, err = secretKeys(secret)
	case verificationBearer:
		v.secrets, err = secretKeys(secret)
	case verificationRSA:
		v.keys, err = parseKeys(secret["publicKey"])
	case verificationBasic:
		v.basic, err = basicValue(secret)
	case verificationSourceRanges:
		if len(v.ranges) == 0 {
			err = errors.New("verification SourceRanges needs the ranges that the carrier calls from")
		}
	default:
		err = fmt.Errorf("verification %q is unknown", c.Verification)
	}
	if err != nil {
		return nil, err
	}
	if v.signed() && c.SignatureHeader == "" {
		return nil, errors.New("a signed webhook needs the header that carries the signature")
	}
	return v, nil
}

var hashes = map[string]func() hash.Hash{"HMACSHA1": sha1.New, "HMACSHA256": sha256.New, "HMACSHA512": sha512.New}

func (v *Verifier) signed() bool { return v.newHash != nil || v.keys != nil }

// Verify says why a call is not genuine, nil if it is. body are the bytes as they came; from is the sender's address.
func (v *Verifier) Verify(h http.Header, body []byte, from netip.Addr, now time.Time) error {
	if len(v.ranges) > 0 && !contains(v.ranges, from) {
		return errSource
	}
	var err error
	switch {
	case v.signed():
		err = v.verifySignature(h, body)
	case v.config.Verification == verificationBearer:
		err = v.verifyBearer(h)
	case v.config.Verification == verificationBasic:
		var value string
		if value, err = single(h, "Authorization"); err == nil && subtle.ConstantTimeCompare([]byte(value), v.basic) != 1 {
			err = errSignature
		}
	}
	if err != nil {
		return err
	}
	return v.verifyTime(h, now)
}

// verifySignature compares every key or secret that counts, in a time that does not tell which one fitted.
func (v *Verifier) verifySignature(h http.Header, body []byte) error {
	value, err := single(h, v.config.SignatureHeader)
	if err != nil {
		return err
	}
	text, ok := strings.CutPrefix(value, v.config.SignaturePrefix)
	if !ok {
		return errSignature
	}
	signature, err := v.decode(text)
	if err != nil {
		return errSignature
	}
	content, err := v.content.render(h, body, v.config.TimestampHeader)
	if err != nil {
		return err
	}
	fits := 0
	for _, secret := range v.secrets {
		mac := hmac.New(v.newHash, secret)
		mac.Write(content)
		fits |= subtle.ConstantTimeCompare(mac.Sum(nil), signature)
	}
	sum := sha256.Sum256(content)
	for _, key := range v.keys {
		if rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature) == nil {
			fits = 1
		}
	}
	if fits != 1 {
		return errSignature
	}
	return nil
}

// decode reads a signature strictly: what two decoders might read differently would make one call look like two.
func (v *Verifier) decode(text string) ([]byte, error) {
	if v.keys != nil || v.config.Encoding == "Base64" {
		return base64.StdEncoding.Strict().DecodeString(text)
	}
	return hex.DecodeString(text)
}

func (v *Verifier) verifyBearer(h http.Header) error {
	value, err := single(h, v.config.SignatureHeader)
	if err != nil {
		return err
	}
	given, ok := strings.CutPrefix(value, v.config.SignaturePrefix)
	fits := 0
	for _, secret := range v.secrets {
		fits |= subtle.ConstantTimeCompare([]byte(given), secret)
	}
	if !ok || fits != 1 {
		return errSignature
	}
	return nil
}

// verifyTime refuses calls that were signed too long ago or lie in the future.
func (v *Verifier) verifyTime(h http.Header, now time.Time) error {
	if v.config.TimestampHeader == "" {
		return nil
	}
	value, err := single(h, v.config.TimestampHeader)
	if err != nil {
		return err
	}
	at, err := parseInstant(value)
	if err != nil || now.Sub(at) > v.replayFor || at.Sub(now) > maxAhead {
		return errTimestamp
	}
	return nil
}

// Keep is how long a delivered call must be remembered: as long as its repetition would pass as new.
func (v *Verifier) Keep() time.Duration { return v.replayFor + maxAhead }

// Digest stands for a call, or for its number.
type Digest [sha256.Size]byte

// Identities are what a repetition of a call has in common with it: its number where there is one, and, where there is none or calls
// are signed, what was signed. The number alone would not do for signed calls: whoever repeats one can write another number.
func (v *Verifier) Identities(h http.Header, body []byte) (ids []Digest) {
	if id := h.Get(v.config.IDHeader); v.config.IDHeader != "" && id != "" {
		ids = append(ids, sha256.Sum256(append([]byte("id\x00"), id...)))
	}
	if len(ids) == 0 || v.signed() {
		content, err := v.content.render(h, body, v.config.TimestampHeader)
		if err != nil {
			content = body
		}
		ids = append(ids, sha256.Sum256(append([]byte("content\x00"), content...)))
	}
	return ids
}

// single is the value of a header that must be there once.
func single(h http.Header, name string) (string, error) {
	values := h.Values(name)
	if len(values) != 1 || values[0] == "" {
		return "", errHeader
	}
	return values[0], nil
}

func basicValue(secret map[string][]byte) ([]byte, error) {
	user, password := secret["username"], secret["password"]
	if len(user) == 0 || len(password) == 0 {
		return nil, errors.New("verification Basic needs the keys username and password in the Secret")
	}
	pair := bytes.Join([][]byte{user, password}, []byte(":"))
	return []byte("Basic " + base64.StdEncoding.EncodeToString(pair)), nil
}

package carriersim

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"slices"
	"sync"
	"time"

	"k8s.io/utils/clock"
)

// Account is a customer of a carrier: an OAuth client, an API key or a Basic user.
type Account struct {
	Carrier Carrier `json:"carrier"`
	// ID is the client id, the key's user id, or the Basic user.
	ID string `json:"id"`
	// Secret is the client secret, the API key or the Basic password. Empty in a change: as before.
	Secret string `json:"secret,omitempty"`
	// OverlapSeconds is how long the previous secret lives on when Secret changes. 0: it dies at once.
	OverlapSeconds int `json:"overlapSeconds,omitempty"`
	// RevokeTokens ends the account's tokens with this change.
	RevokeTokens bool `json:"revokeTokens,omitempty"`
	// Disabled locks the account out, tokens included.
	Disabled bool `json:"disabled,omitempty"`
	// MerchantID is the value that a UPS x-merchant-id header must have if it is sent. Empty: any.
	MerchantID string `json:"merchantID,omitempty"`
	// Operations are the API products of the account: rate, ship, void, track. Empty: all. FedEx demands an own account for track.
	Operations []string `json:"operations,omitempty"`
}

// AccountInfo describes an account without its secrets.
type AccountInfo struct {
	Carrier            Carrier    `json:"carrier"`
	ID                 string     `json:"id"`
	Disabled           bool       `json:"disabled"`
	MerchantID         string     `json:"merchantID,omitempty"`
	Operations         []string   `json:"operations,omitempty"`
	PreviousValidUntil *time.Time `json:"previousValidUntil,omitempty"`
	LiveTokens         int        `json:"liveTokens"`
}

type accountKey struct {
	carrier Carrier
	id      string
}

type account struct {
	Account
	previous      string
	previousUntil time.Time
}

type token struct {
	of      accountKey
	expires time.Time
}

// accounts knows who may do what, and the bearer tokens that were handed out. Tokens are kept as digests.
type accounts struct {
	clock clock.PassiveClock

	mu     sync.Mutex
	all    map[accountKey]*account
	tokens map[[32]byte]token
}

func newAccounts(c clock.PassiveClock) *accounts {
	return &accounts{clock: c, all: map[accountKey]*account{}, tokens: map[[32]byte]token{}}
}

// put adds or changes an account; a new Secret for a known account is a rotation.
func (s *accounts) put(a Account) error {
	if !a.Carrier.known() {
		return fmt.Errorf("account: unknown carrier %q, use ups, fedex, apikey or basic", a.Carrier)
	}
	if a.ID == "" || a.OverlapSeconds < 0 {
		return fmt.Errorf("account of %s: needs an id and an overlapSeconds of 0 or more", a.Carrier)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := accountKey{a.Carrier, a.ID}
	next := &account{Account: a}
	if old := s.all[key]; old != nil {
		next.previous, next.previousUntil = old.previous, old.previousUntil
		if a.Secret == "" {
			next.Secret = old.Secret
		} else if a.Secret != old.Secret {
			next.previous, next.previousUntil = old.Secret, s.clock.Now().Add(seconds(a.OverlapSeconds))
		}
	}
	if next.Secret == "" {
		return fmt.Errorf("account %s of %s: a new account needs a secret", a.ID, a.Carrier)
	}
	s.all[key] = next
	if a.RevokeTokens {
		s.revokeLocked(a.Carrier, a.ID)
	}
	return nil
}

func (s *accounts) remove(c Carrier, id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, found := s.all[accountKey{c, id}]
	delete(s.all, accountKey{c, id})
	s.revokeLocked(c, id)
	return found
}

// revoke ends tokens; an empty carrier or id means any. It returns how many.
func (s *accounts) revoke(c Carrier, id string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.revokeLocked(c, id)
}

func (s *accounts) revokeLocked(c Carrier, id string) int {
	before := len(s.tokens)
	for digest, t := range s.tokens {
		if (c == "" || t.of.carrier == c) && (id == "" || t.of.id == id) {
			delete(s.tokens, digest)
		}
	}
	return before - len(s.tokens)
}

func (s *accounts) list() []AccountInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, live := s.clock.Now(), map[accountKey]int{}
	for _, t := range s.tokens {
		if now.Before(t.expires) {
			live[t.of]++
		}
	}
	out := []AccountInfo{}
	for key, a := range s.all {
		info := AccountInfo{Carrier: a.Carrier, ID: a.ID, Disabled: a.Disabled, MerchantID: a.MerchantID,
			Operations: a.Operations, LiveTokens: live[key]}
		if now.Before(a.previousUntil) {
			info.PreviousValidUntil = &a.previousUntil
		}
		out = append(out, info)
	}
	slices.SortFunc(out, func(a, b AccountInfo) int {
		return cmp.Or(cmp.Compare(a.Carrier, b.Carrier), cmp.Compare(a.ID, b.ID))
	})
	return out
}

// verdict is the answer to "who is this".
type verdict int

const (
	accepted verdict = iota
	unknownClient
	wrongSecret
	disabled
	notEntitled
)

// login checks an id and a secret.
func (s *accounts) login(c Carrier, id, secret string) (Account, verdict) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.all[accountKey{c, id}]
	switch {
	case a == nil:
		return Account{}, unknownClient
	case !a.has(secret, s.clock.Now()):
		return a.Account, wrongSecret
	case a.Disabled:
		return a.Account, disabled
	}
	return a.Account, accepted
}

// loginByKey finds the account of an API key that comes without an id.
func (s *accounts) loginByKey(c Carrier, secret string) (Account, verdict) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, a := range s.all {
		if key.carrier == c && a.has(secret, s.clock.Now()) {
			if a.Disabled {
				return a.Account, disabled
			}
			return a.Account, accepted
		}
	}
	return Account{}, wrongSecret
}

func (a Account) may(operation string) bool {
	return len(a.Operations) == 0 || slices.Contains(a.Operations, operation)
}

func (a *account) has(secret string, now time.Time) bool {
	return same(secret, a.Secret) || now.Before(a.previousUntil) && same(secret, a.previous)
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// issue makes a bearer token, as long as the carriers' own ones (about 800 characters).
func (s *accounts) issue(a Account, life time.Duration) string {
	raw := make([]byte, 600)
	rand.Read(raw)
	bearer := base64.RawURLEncoding.EncodeToString(raw)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	for digest, t := range s.tokens {
		if !now.Before(t.expires) {
			delete(s.tokens, digest)
		}
	}
	s.tokens[sha256.Sum256([]byte(bearer))] = token{accountKey{a.Carrier, a.ID}, now.Add(life)}
	return bearer
}

// bearer checks a token for an operation.
func (s *accounts) bearer(c Carrier, bearer, operation string) (Account, verdict) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.tokens[sha256.Sum256([]byte(bearer))]
	if !ok || t.of.carrier != c || !s.clock.Now().Before(t.expires) {
		return Account{}, unknownClient
	}
	a := s.all[t.of]
	switch {
	case a == nil || a.Disabled:
		return Account{}, disabled
	case !a.may(operation):
		return a.Account, notEntitled
	}
	return a.Account, accepted
}

package carrier

import (
	"crypto/sha256"
	"encoding/hex"
	"sync"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

// refreshChain is the line of refresh tokens that begins with the one in a Secret (RFC 6749, section 6). Where the carrier replaces
// the token at each use, losing the newest one means that the merchant must consent again: each is written before anything is done
// with it, and only one request at a time uses the chain.
type refreshChain struct {
	store  *store
	file   string
	origin string
	first  string
	rotate bool

	use sync.Mutex // held for a whole token request

	mu      sync.Mutex
	newest  config.RefreshToken // Sequence 0: still the first
	unsaved bool
}

// chain returns the chain that begins with a refresh token, as the store has it. handed, which may be nil, is what the operator kept.
func (b *Broker) chain(clientID, first string, rotate bool, handed *config.RefreshToken) (c *refreshChain, advanced bool) {
	origin := refreshOrigin(clientID, first)
	b.mu.Lock()
	c = b.chains[origin]
	if c == nil {
		c = &refreshChain{store: b.store, file: "refresh-" + b.store.key([]string{"refresh", origin}) + ".json", origin: origin, first: first}
		var saved config.RefreshToken
		c.store.get(c.file, &saved)
		c.adopt(&saved)
		b.chains[origin] = c
	}
	b.mu.Unlock()
	c.mu.Lock()
	c.rotate = rotate
	c.mu.Unlock()
	return c, c.adopt(handed)
}

// refreshOrigin names a chain. Refresh tokens have more entropy than can be tried out, so a plain digest reveals nothing; it must
// come out the same in every pod.
func refreshOrigin(clientID, first string) string {
	h := sha256.New()
	for _, part := range []string{"carrier-operator refresh token", clientID, first} {
		sum := sha256.Sum256([]byte(part))
		h.Write(sum[:])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// adopt takes over a newer token of the same chain.
func (c *refreshChain) adopt(t *config.RefreshToken) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t == nil || t.Value == "" || t.Origin != c.origin || t.Sequence <= c.newest.Sequence {
		return false
	}
	c.newest = *t
	c.saveLocked()
	return true
}

// current is the token to use next.
func (c *refreshChain) current() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.saveLocked()
	if c.newest.Sequence == 0 {
		return c.first
	}
	return c.newest.Value
}

// replace notes the token that the carrier issued in place of the current one. It is kept before the access token that came with it
// is used.
func (c *refreshChain) replace(value string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.newest.Value
	if c.newest.Sequence == 0 {
		old = c.first
	}
	if !c.rotate || value == "" || value == old {
		return
	}
	c.newest = config.RefreshToken{Value: value, Origin: c.origin, Sequence: c.newest.Sequence + 1}
	c.unsaved = true
	c.saveLocked()
}

// saveLocked writes the newest token unless it is written. A full folder is tried again at each use; meanwhile memory holds the
// token, and the operator gets it from there.
func (c *refreshChain) saveLocked() {
	if c.unsaved {
		c.unsaved = c.store.putJSON(c.file, c.newest) != nil
	}
}

// issued is the newest token, if the carrier has replaced the first one.
func (c *refreshChain) issued() (config.RefreshToken, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.saveLocked()
	return c.newest, c.newest.Sequence > 0
}

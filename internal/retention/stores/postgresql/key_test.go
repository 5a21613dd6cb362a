package postgresql

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/carrier-operator/carrier-operator/internal/retention"
)

// What the server may show and log of a statement, its text and its parameters, does not hold the key.
func TestStatementsDoNotHoldTheKey(t *testing.T) {
	key := []byte("0123456789abcdef0123456789abcdef")
	hasher := retention.NewHasher(key)
	inner, outer := hasher.Pads()
	rule := &retention.Rule{Collection: "public.events", Key: []string{"id"}, Clock: retention.Clock{Field: "at", Unit: "TimestampTZ"}, Action: "Delete"}
	held := &table{schema: "public", name: "events", columns: map[string]column{"at": {}, "id": {}, "email": {}}, covered: map[string]coverage{"public.events": {all: true}}}
	holds := []retention.Hold{{Name: "case-1", Collection: "public.events",
		Subject: &retention.HeldSubject{Field: "email", KeyID: hasher.KeyID(), Hashes: []string{hasher.Value("ada@example.com")}}}}
	text, args := countSQL(rule, holds, time.Time{}, held)
	change, more := changeSQL(rule, holds, target{table: held, leaf: leaf{schema: "public", name: "events"}, to: 1})
	all := text + change + fmt.Sprint(args, more)
	if !strings.Contains(all, "sha256(") {
		t.Fatal("the statements do not check the subject:", all)
	}
	for _, secret := range [][]byte{key, inner, outer} {
		if strings.Contains(all, string(secret)) || strings.Contains(all, hex.EncodeToString(secret)) {
			t.Errorf("%q is in %s", secret, all)
		}
	}
}

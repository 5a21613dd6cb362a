package mysql

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/carrier-operator/carrier-operator/internal/retention"
)

// What the server may show and log of a statement, its text with its parameters, does not hold the key.
func TestStatementsDoNotHoldTheKey(t *testing.T) {
	key := []byte("0123456789abcdef0123456789abcdef")
	hasher := retention.NewHasher(key)
	inner, outer := hasher.Pads()
	rule := &retention.Rule{Collection: "events", Key: []string{"id"}, Clock: retention.Clock{Field: "at", Unit: "Timestamp"}, Action: "Delete"}
	held := &table{name: "events", columns: map[string]*column{"at": {kind: "datetime"}, "id": {kind: "bigint"}, "email": {kind: "varchar"}}}
	holds := []retention.Hold{{Name: "case-1", Collection: "events",
		Subject: &retention.HeldSubject{Field: "email", KeyID: hasher.KeyID(), Hashes: []string{hasher.Value("ada@example.com")}}}}
	change := held.deleteSQL(rule, holds, span{}, true)
	all := change.text + fmt.Sprint(change.args)
	if !strings.Contains(all, "SHA2(") {
		t.Fatal("the statement does not check the subject:", all)
	}
	for _, secret := range [][]byte{key, inner, outer} {
		if strings.Contains(all, string(secret)) || strings.Contains(strings.ToLower(all), hex.EncodeToString(secret)) {
			t.Errorf("%q is in %s", secret, all)
		}
	}
}

package redis

import (
	"errors"
	"testing"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
)

// The section is that of Redis 7's INFO memory.
func TestPendingFreesAreReadFromTheSection(t *testing.T) {
	got, err := parsePending(parseInfo("# Memory\r\nused_memory:1026552\r\nlazyfree_pending_objects:17\r\nlazyfreed_objects:3\r\n"))
	if err != nil || got.Value != 17 {
		t.Errorf("%+v, %v", got, err)
	}
	_, err = parsePending(parseInfo("# Memory\r\nused_memory:1026552\r\n"))
	if failure, ok := errors.AsType[*retention.Failure](err); !ok || failure.Reason != v1alpha1.ReasonSignalUnavailable {
		t.Errorf("a store without the field: %v", err)
	}
}

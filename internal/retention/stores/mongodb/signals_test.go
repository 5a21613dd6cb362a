package mongodb

import (
	"errors"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
)

// The reply has the form of the manual's page on serverStatus; FerretDB has no queues.
func TestQueuedOperationsAreReadFromServerStatus(t *testing.T) {
	read := func(reply bson.D) (retention.Reading, error) {
		encoded, err := bson.Marshal(reply)
		if err != nil {
			t.Fatal(err)
		}
		var status serverStatus
		if err := bson.Unmarshal(encoded, &status); err != nil {
			t.Fatal(err)
		}
		return status.queued()
	}
	for name, total := range map[string]any{"32 bits": int32(12), "64 bits": int64(12)} {
		got, err := read(bson.D{{Key: "globalLock", Value: bson.D{{Key: "totalTime", Value: int64(1)},
			{Key: "currentQueue", Value: bson.D{{Key: "total", Value: total}, {Key: "readers", Value: int32(2)}, {Key: "writers", Value: int32(10)}}}}}})
		if err != nil || got.Value != 12 {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	_, err := read(bson.D{{Key: "ok", Value: 1.0}})
	if failure, ok := errors.AsType[*retention.Failure](err); !ok || failure.Reason != v1alpha1.ReasonSignalUnavailable {
		t.Errorf("a store without queues: %v", err)
	}
}

package mongodb

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores"
)

// Measure returns what a signal shows now.
func (s *session) Measure(ctx context.Context, signal retention.Signal, rule *retention.Rule) (retention.Reading, error) {
	return stores.Gauges{retention.SignalQueuedOperations: s.queuedOperations}.Measure(ctx, signal, rule)
}

// serverStatus is what matters of the reply.
type serverStatus struct {
	GlobalLock struct {
		CurrentQueue struct {
			Total *int64 `bson:"total"`
		} `bson:"currentQueue"`
	} `bson:"globalLock"`
}

func (s *session) queuedOperations(ctx context.Context, _ *retention.Rule) (retention.Reading, error) {
	var reply serverStatus
	err := s.client.Database(admin).RunCommand(ctx, bson.D{{Key: "serverStatus", Value: 1}}).Decode(&reply)
	if err != nil && len(codesOf(err)) > 0 {
		return retention.Reading{}, stores.Ungranted(retention.SignalQueuedOperations, "grant the user the role clusterMonitor")
	}
	if err != nil {
		return retention.Reading{}, classify(ctx, err)
	}
	return reply.queued()
}

// queued reads the length of the queue for locks and tickets.
func (r *serverStatus) queued() (retention.Reading, error) {
	total := r.GlobalLock.CurrentQueue.Total
	if total == nil {
		return retention.Reading{}, stores.Unavailable(retention.SignalQueuedOperations, "its serverStatus has no globalLock.currentQueue")
	}
	return retention.Reading{Value: *total}, nil
}

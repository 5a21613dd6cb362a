package mongodb

import (
	"context"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/carrier-operator/carrier-operator/internal/retention"
)

// States of a replica set's member (replSetGetStatus).
const (
	statePrimary   = 1
	stateSecondary = 2
	stateArbiter   = 7
)

// member of a replica set.
type member struct {
	Name   string    `bson:"name"`
	State  int       `bson:"state"`
	Health float64   `bson:"health"`
	Optime time.Time `bson:"optimeDate"`
}

// Lag compares what the members have of the primary's log. A member that is delayed on purpose counts as being behind.
func (s *session) Lag(ctx context.Context) (retention.Lag, error) {
	if s.hello.SetName == "" {
		return retention.Lag{Unknown: "the host is no member of a replica set"}, nil
	}
	var reply struct {
		Members []member `bson:"members"`
	}
	err := s.client.Database(admin).RunCommand(ctx, bson.D{{Key: "replSetGetStatus", Value: 1}}).Decode(&reply)
	if err != nil && len(codesOf(err)) > 0 {
		return retention.Lag{Unknown: "the store refuses replSetGetStatus: grant the user the role clusterMonitor"}, nil
	}
	if err != nil {
		return retention.Lag{}, classify(ctx, err)
	}
	return behind(reply.Members), nil
}

// behind is the distance of the secondary furthest behind the primary.
func behind(members []member) (lag retention.Lag) {
	var primary, slowest time.Time
	for _, m := range members {
		switch {
		case m.State == stateArbiter:
		case m.Health != 1 || (m.State != statePrimary && m.State != stateSecondary):
			return retention.Lag{Unknown: fmt.Sprintf("member %s is down or not yet a secondary", m.Name)}
		case m.State == statePrimary:
			primary = m.Optime
		case slowest.IsZero() || m.Optime.Before(slowest):
			slowest = m.Optime
		}
	}
	switch {
	case primary.IsZero():
		return retention.Lag{Unknown: "the replica set has no primary"}
	case slowest.IsZero():
		return retention.Lag{Unknown: "the replica set has no secondary"}
	default:
		return retention.Lag{Behind: max(primary.Sub(slowest), 0)}
	}
}

package retention

import (
	"context"
	"errors"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// Reporter keeps a run's status where a restarted pod finds it: in the PurgeRun.
type Reporter interface {
	// Load returns the status as the last Report left it.
	Load(ctx context.Context) (*v1alpha1.PurgeRunStatus, error)
	// Report writes results, checkpoint, pause, outcome and evidence; where several pods share the run, the pod's own shard, and the rest
	// only for the pod that leads. It returns once they are durable. It fails with ErrMoved if they are Outdated.
	Report(ctx context.Context, status *v1alpha1.PurgeRunStatus) error
}

// HoldSource returns the legal holds that are in force now.
type HoldSource interface {
	Holds(ctx context.Context) ([]Hold, error)
}

// ErrGone is returned by Reporter and HoldSource if the run or its plan was deleted: no further try helps.
var ErrGone = errors.New("the run is gone")

// ErrMoved is returned by Reporter if what is reported does not know what other pods reported: load and decide anew.
var ErrMoved = errors.New("another pod reported meanwhile")

package retention

import (
	"context"
	"errors"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// Reporter keeps a run's status where a restarted pod finds it: in the PurgeRun.
type Reporter interface {
	// Take makes this pod the holder of its index: no other pod of that index can report from then on. It returns the status as the last
	// Report left it; after says that another pod held the index and did not Leave, so that it may still be at work. A run that has an outcome
	// is not taken.
	Take(ctx context.Context) (status *v1alpha1.PurgeRunStatus, after bool, err error)
	// Load returns the status as the last Report left it. It fails with ErrReplaced if another pod holds the index.
	Load(ctx context.Context) (*v1alpha1.PurgeRunStatus, error)
	// Report writes results, checkpoint, pause, outcome and evidence; where several pods share the run, the pod's own shard, and the rest
	// only for the pod that leads. It returns once they are durable. It fails with ErrMoved if they are Outdated, and with
	// ErrReplaced if another pod holds the index.
	Report(ctx context.Context, status *v1alpha1.PurgeRunStatus) error
	// Leave is the last Report of a pod that stops: it no longer holds its index.
	Leave(ctx context.Context, status *v1alpha1.PurgeRunStatus) error
}

// HoldSource returns the legal holds that are in force now.
type HoldSource interface {
	Holds(ctx context.Context) ([]Hold, error)
}

// ErrGone is returned by Reporter and HoldSource if the run or its plan was deleted: no further try helps.
var ErrGone = errors.New("the run is gone")

// ErrMoved is returned by Reporter if what is reported does not know what other pods reported: load and decide anew.
var ErrMoved = errors.New("another pod reported meanwhile")

// ErrReplaced is returned by Reporter if another pod of the same index took the run: this one stops.
var ErrReplaced = errors.New("another pod took the run over")

package purgerun

import (
	"context"
	"encoding/json"
	"fmt"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/datastore"
	"github.com/carrier-operator/carrier-operator/controllers/internal/ssa"
	"github.com/carrier-operator/carrier-operator/controllers/internal/storemap"
	"github.com/carrier-operator/carrier-operator/internal/retention"
)

// archive is the store that a run archives to.
type archive struct {
	name string
	// store is nil if it does not exist.
	store    *v1alpha1.DataStore
	caBundle string
	port     int32
	// problem is what is wrong with the store, its Secret or its CA bundle right now.
	problem *block
}

// readArchive reads the store that the run archives to; nil: it archives nothing.
func (c *Controller) readArchive(ctx context.Context, in *input) (*archive, error) {
	a := &archive{name: archiveName(in)}
	if a.name == "" {
		return nil, nil
	}
	var err error
	if a.store, err = ssa.Get(ctx, c.Client, in.run.Namespace, a.name, &v1alpha1.DataStore{}); err != nil {
		return nil, err
	}
	if a.store == nil {
		a.problem = &block{reason: v1alpha1.ReasonStoreNotFound, message: fmt.Sprintf("DataStore %q, which records are archived to, does not exist: create it", a.name)}
		return a, nil
	}
	connection, problem, err := datastore.ReadConnection(ctx, c.Live, a.store)
	if err != nil {
		return nil, err
	}
	a.caBundle, a.port = connection.CABundle, connection.Port
	switch {
	case !storemap.Ready(a.store):
		a.problem = &block{reason: v1alpha1.ReasonStoreNotReady, waiting: !storemap.Stalled(a.store),
			message: fmt.Sprintf("DataStore %q, which records are archived to, is not ready: see its conditions", a.name)}
	case problem != nil:
		a.problem = &block{reason: problem.Reason, message: problem.Message}
	}
	return a, nil
}

// archiveName is the archive of the plan that the run works by, else that of its policy.
func archiveName(in *input) string {
	var kept retention.Plan
	if in.job != nil && in.config != nil && json.Unmarshal([]byte(in.config.Data[retention.PlanFile]), &kept) == nil {
		if kept.Archive == nil {
			return ""
		}
		return kept.Archive.Name
	}
	if in.policy == nil {
		return ""
	}
	return storemap.ArchiveName(in.policy)
}

// planArchive describes the archive apart from its connection's secrets. A preview looks whether it is there, too.
func planArchive(a *archive) *retention.Store {
	if a == nil || a.store == nil {
		return nil
	}
	planned := planStore(a.store, a.caBundle)
	planned.Decided = nil // nobody looks for fields there
	return &planned
}

// storePorts are the TCP ports of store and archive; ok: all of them are known.
func storePorts(in *input) (ports []int32, ok bool) {
	ports = []int32{in.storePort}
	if in.archive != nil && in.archive.port != in.storePort {
		ports = append(ports, in.archive.port)
	}
	return ports, in.storePort != 0 && (in.archive == nil || in.archive.port != 0)
}

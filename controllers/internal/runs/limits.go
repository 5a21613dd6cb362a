package runs

import (
	"k8s.io/utils/ptr"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
)

// PauseLimits are the limits that a policy sets, as the purger takes them.
func PauseLimits(l *v1alpha1.PauseLimits) []retention.Limit {
	var set []retention.Limit
	for _, limit := range []retention.Limit{
		{Signal: retention.SignalWALBacklog, Above: int64(l.WALBacklogMebibytes)},
		{Signal: retention.SignalSlotRetained, Above: int64(l.SlotRetainedMebibytes)},
		{Signal: retention.SignalOldestTransaction, Above: int64(l.OldestTransactionSeconds)},
		{Signal: retention.SignalRunningVacuums, Above: int64(ptr.Deref(l.RunningVacuums, -1))},
		{Signal: retention.SignalDeadRows, Above: int64(l.DeadRowsPercent)},
		{Signal: retention.SignalHistoryList, Above: int64(l.HistoryListLength)},
		{Signal: retention.SignalActiveSessions, Above: int64(l.ActiveSessions)},
		{Signal: retention.SignalQueuedOperations, Above: int64(l.QueuedOperations)},
		{Signal: retention.SignalPendingFrees, Above: int64(l.PendingFrees)},
	} {
		if limit.Above > 0 || (limit.Above == 0 && limit.Signal == retention.SignalRunningVacuums) {
			set = append(set, limit)
		}
	}
	return set
}

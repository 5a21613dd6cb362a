package retention

import (
	"strings"
	"testing"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// What a kind of store cannot do is refused before a run is made.
func TestRulesThatAKindOfStoreCannotCarryOut(t *testing.T) {
	anonymize := v1alpha1.PurgeAction{Type: v1alpha1.ActionAnonymize, Fields: []v1alpha1.AnonymizeField{{Name: "email", Strategy: v1alpha1.AnonymizeNull}}}
	remove := v1alpha1.PurgeAction{Type: v1alpha1.ActionDelete}
	archive := v1alpha1.PurgeAction{Type: v1alpha1.ActionArchive}
	for name, tc := range map[string]struct {
		store  v1alpha1.DataStoreType
		field  string
		unit   v1alpha1.ClockUnit
		action v1alpha1.PurgeAction
		want   string // empty: it can
	}{
		"a timestamp of PostgreSQL":            {v1alpha1.StorePostgreSQL, "at", v1alpha1.ClockTimestampTZ, remove, ""},
		"PostgreSQL keeps no time of a row":    {v1alpha1.StorePostgreSQL, "at", v1alpha1.ClockStoreTime, remove, "has no clocks with unit StoreTime"},
		"a text clock of MySQL":                {v1alpha1.StoreMySQL, "at", v1alpha1.ClockRFC3339, anonymize, ""},
		"the time of an ObjectId":              {v1alpha1.StoreMongoDB, "_id", v1alpha1.ClockStoreTime, anonymize, ""},
		"the time of another field":            {v1alpha1.StoreMongoDB, "created", v1alpha1.ClockStoreTime, remove, `is "_id", not "created"`},
		"MongoDB has no calendar dates":        {v1alpha1.StoreMongoDB, "at", v1alpha1.ClockDate, remove, "has no clocks with unit Date"},
		"the last access of a key":             {v1alpha1.StoreRedis, "lastAccess", v1alpha1.ClockStoreTime, remove, ""},
		"anonymizing would be an access":       {v1alpha1.StoreRedis, "lastAccess", v1alpha1.ClockStoreTime, anonymize, "delete the records"},
		"anonymizing by a field of the hash":   {v1alpha1.StoreRedis, "at", v1alpha1.ClockEpochSeconds, anonymize, ""},
		"objects":                              {v1alpha1.StoreS3, "lastModified", v1alpha1.ClockStoreTime, remove, ""},
		"objects cannot be anonymized":         {v1alpha1.StoreS3, "lastModified", v1alpha1.ClockStoreTime, anonymize, "cannot be handled with action Anonymize"},
		"rows that are archived":               {v1alpha1.StorePostgreSQL, "at", v1alpha1.ClockTimestampTZ, archive, ""},
		"records of MySQL, too":                {v1alpha1.StoreMySQL, "at", v1alpha1.ClockTimestamp, archive, ""},
		"documents cannot be archived":         {v1alpha1.StoreMongoDB, "at", v1alpha1.ClockTimestampTZ, archive, "cannot be handled with action Archive"},
		"objects have no columns with a clock": {v1alpha1.StoreS3, "at", v1alpha1.ClockEpochSeconds, remove, "has no clocks with unit EpochSeconds"},
	} {
		t.Run(name, func(t *testing.T) {
			p := kindProblem(&v1alpha1.RetentionRule{Clock: v1alpha1.RetentionClock{Field: tc.field, Unit: tc.unit}, Action: tc.action}, tc.store)
			switch {
			case tc.want == "" && p != nil:
				t.Errorf("refused: %s", p.message)
			case tc.want != "" && (p == nil || p.reason != v1alpha1.ReasonRuleInvalid || !strings.Contains(p.message, tc.want)):
				t.Errorf("%+v, want %q", p, tc.want)
			}
		})
	}
}

// A limit that nobody could watch is refused before a run is made.
func TestSignalsThatAKindOfStoreDoesNotShow(t *testing.T) {
	for name, tc := range map[string]struct {
		store    v1alpha1.DataStoreType
		throttle v1alpha1.PurgeThrottle
		want     string // empty: it does
	}{
		"vacuums of PostgreSQL":     {v1alpha1.StorePostgreSQL, v1alpha1.PurgeThrottle{PauseAbove: v1alpha1.PauseLimits{RunningVacuums: new(int32(0))}}, ""},
		"transactions of MySQL":     {v1alpha1.StoreMySQL, v1alpha1.PurgeThrottle{PauseAbove: v1alpha1.PauseLimits{OldestTransactionSeconds: 60}}, ""},
		"MySQL archives nothing":    {v1alpha1.StoreMySQL, v1alpha1.PurgeThrottle{PauseAbove: v1alpha1.PauseLimits{WALBacklogMebibytes: 1}}, "does not show walBacklogMebibytes"},
		"Redis has no vacuums":      {v1alpha1.StoreRedis, v1alpha1.PurgeThrottle{PauseAbove: v1alpha1.PauseLimits{PendingFrees: 9, RunningVacuums: new(int32(0))}}, "does not show runningVacuums"},
		"the queue of MongoDB":      {v1alpha1.StoreMongoDB, v1alpha1.PurgeThrottle{PauseAbove: v1alpha1.PauseLimits{QueuedOperations: 9}}, ""},
		"S3 shows nothing":          {v1alpha1.StoreS3, v1alpha1.PurgeThrottle{PauseAbove: v1alpha1.PauseLimits{ActiveSessions: 9}}, "does not show activeSessions"},
		"S3 has no replicas to see": {v1alpha1.StoreS3, v1alpha1.PurgeThrottle{MaxReplicaLagSeconds: 9}, "cannot say how far its replicas are behind"},
		"no limits":                 {v1alpha1.StoreS3, v1alpha1.PurgeThrottle{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := throttleProblem(&tc.throttle, tc.store)
			switch {
			case tc.want == "" && p != nil:
				t.Errorf("refused: %s", p.message)
			case tc.want != "" && (p == nil || p.reason != v1alpha1.ReasonRuleInvalid || !strings.Contains(p.message, tc.want)):
				t.Errorf("%+v, want %q", p, tc.want)
			}
		})
	}
}

// Pods that cannot share a store's collections are refused before a run is made.
func TestStoresThatOnePodWorksOn(t *testing.T) {
	for name, tc := range map[string]struct {
		store       v1alpha1.DataStoreType
		parallelism int32
		want        string // empty: it can
	}{
		"several pods in PostgreSQL": {v1alpha1.StorePostgreSQL, 8, ""},
		"several pods in MySQL":      {v1alpha1.StoreMySQL, 2, ""},
		"one pod in MongoDB":         {v1alpha1.StoreMongoDB, 1, ""},
		"nothing is said":            {v1alpha1.StoreS3, 0, ""},
		"several pods in MongoDB":    {v1alpha1.StoreMongoDB, 2, "a store of type MongoDB is worked on by one pod: set parallelism to 1"},
		"several pods in Redis":      {v1alpha1.StoreRedis, 2, "a store of type Redis is worked on by one pod"},
		"several pods in one S3":     {v1alpha1.StoreS3, 2, "a store of type S3 is worked on by one pod"},
	} {
		t.Run(name, func(t *testing.T) {
			p := storeProblem(&v1alpha1.RetentionPolicy{Spec: v1alpha1.RetentionPolicySpec{Parallelism: tc.parallelism}}, nil,
				&v1alpha1.DataStore{Spec: v1alpha1.DataStoreSpec{Type: tc.store}})
			switch {
			case tc.want == "" && (p == nil || p.reason != v1alpha1.ReasonStoreNotReady): // what is asked last
				t.Errorf("refused: %+v", p)
			case tc.want != "" && (p == nil || p.reason != v1alpha1.ReasonParallelismUnsupported || !strings.Contains(p.message, tc.want)):
				t.Errorf("%+v, want %q", p, tc.want)
			}
		})
	}
}

func TestTheStoresOwnTimeNeedsNoDecision(t *testing.T) {
	store := &v1alpha1.DataStore{Spec: v1alpha1.DataStoreSpec{Type: v1alpha1.StoreRedis, Collections: []v1alpha1.Collection{{Name: "session:*", Key: []string{"key"}}}}}
	rule := &v1alpha1.RetentionRule{Name: "sessions", Collection: "session:*", Action: v1alpha1.PurgeAction{Type: v1alpha1.ActionDelete},
		Clock: v1alpha1.RetentionClock{Field: "lastAccess", Unit: v1alpha1.ClockStoreTime}}
	if p := ruleProblem(rule, store); p != nil {
		t.Errorf("refused: %s", p.message)
	}
	rule.Clock = v1alpha1.RetentionClock{Field: "at", Unit: v1alpha1.ClockEpochSeconds}
	if p := ruleProblem(rule, store); p == nil || p.reason != v1alpha1.ReasonFieldNotDecided {
		t.Errorf("a field of the hash without a decision: %+v", p)
	}
}

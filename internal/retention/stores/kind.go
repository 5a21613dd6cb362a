// Package stores says what each kind of store is reached with and what it can do. The drivers are in the folders below.
package stores

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
)

// Keys of a store's Secret.
const (
	KeyHost            = "host"
	KeyPort            = "port"
	KeyDatabase        = "database"
	KeyUsername        = "username"
	KeyPassword        = "password"
	KeyRegion          = "region"
	KeyAccessKeyID     = "accessKeyID"
	KeySecretAccessKey = "secretAccessKey"
	// KeyReplicas lists replicas whose lag only they can tell, as host or host:port with commas between.
	KeyReplicas = "replicas"
)

// CertificateKeys are the keys of a Secret with a client certificate, and their names in the purger's folder.
var CertificateKeys = []string{corev1.TLSCertKey, corev1.TLSPrivateKeyKey}

// Kind is what the operator and the purger know of a kind of store without asking one.
type Kind struct {
	// Port that a Secret without KeyPort means.
	Port uint16
	// Required keys of the Secret, and Optional ones.
	Required, Optional []string
	// Units of clocks, and Actions, that the kind has.
	Units   []v1alpha1.ClockUnit
	Actions []v1alpha1.PurgeActionType
	// StoreTime is the name of the clock that the store itself keeps; empty: it keeps none.
	StoreTime string
	// ReplicaLag says that the store can tell how far its replicas are behind.
	ReplicaLag bool
	// CertificateLogin says that a login may do without a password if it shows a client certificate.
	CertificateLogin bool
	// Signals that the store can show of its strain.
	Signals []retention.Signal
	// Shared says that several pods can work on a collection at once.
	Shared bool
	// SubjectHolds says that the store can check holds that name people by keyed hash inside of the change.
	SubjectHolds bool
}

var (
	login  = []string{KeyHost, KeyDatabase, KeyUsername, KeyPassword}
	epochs = []v1alpha1.ClockUnit{v1alpha1.ClockEpochSeconds, v1alpha1.ClockEpochMilliseconds, v1alpha1.ClockEpochMicroseconds}
	sql    = append([]v1alpha1.ClockUnit{v1alpha1.ClockTimestampTZ, v1alpha1.ClockTimestamp, v1alpha1.ClockDate}, epochs...)
	both   = []v1alpha1.PurgeActionType{v1alpha1.ActionDelete, v1alpha1.ActionAnonymize}
	all    = append(slices.Clip(both), v1alpha1.ActionArchive)
)

var kinds = map[v1alpha1.DataStoreType]Kind{
	v1alpha1.StorePostgreSQL: {CertificateLogin: true, Port: 5432, Required: login, Optional: []string{KeyPort}, Units: append(slices.Clip(sql), v1alpha1.ClockRFC3339), Actions: all, ReplicaLag: true, SubjectHolds: true, Shared: true,
		Signals: []retention.Signal{retention.SignalWALBacklog, retention.SignalSlotRetained, retention.SignalOldestTransaction, retention.SignalRunningVacuums,
			retention.SignalDeadRows, retention.SignalActiveSessions}},
	v1alpha1.StoreMySQL: {CertificateLogin: true, Port: 3306, Required: login, Optional: []string{KeyPort, KeyReplicas}, Units: append(slices.Clip(sql), v1alpha1.ClockRFC3339), Actions: all, ReplicaLag: true, SubjectHolds: true, Shared: true,
		Signals: []retention.Signal{retention.SignalOldestTransaction, retention.SignalHistoryList, retention.SignalActiveSessions}},
	v1alpha1.StoreMongoDB: {
		StoreTime: "_id", Port: 27017, Required: login, Optional: []string{KeyPort}, Actions: both, ReplicaLag: true,
		Units:   append([]v1alpha1.ClockUnit{v1alpha1.ClockTimestampTZ, v1alpha1.ClockRFC3339, v1alpha1.ClockStoreTime}, epochs...),
		Signals: []retention.Signal{retention.SignalQueuedOperations},
	},
	v1alpha1.StoreRedis: {
		StoreTime: "lastAccess", Port: 6379, Required: []string{KeyHost, KeyPassword}, Optional: []string{KeyPort, KeyUsername, KeyDatabase}, Actions: both,
		Units: append([]v1alpha1.ClockUnit{v1alpha1.ClockRFC3339, v1alpha1.ClockStoreTime}, epochs...), ReplicaLag: true,
		Signals: []retention.Signal{retention.SignalPendingFrees},
	},
	v1alpha1.StoreS3: {
		StoreTime: "lastModified", Port: 443, Required: []string{KeyHost, KeyAccessKeyID, KeySecretAccessKey}, Optional: []string{KeyPort, KeyRegion},
		Units: []v1alpha1.ClockUnit{v1alpha1.ClockStoreTime}, Actions: []v1alpha1.PurgeActionType{v1alpha1.ActionDelete},
	},
}

// Of returns what is known of a kind of store; false: nothing is.
func Of(t v1alpha1.DataStoreType) (Kind, bool) {
	k, ok := kinds[t]
	return k, ok
}

// For is the kind as far as the keys of a Secret are concerned whose login does, or does not, show a client certificate.
func (k Kind) For(clientCertificate bool) Kind {
	if clientCertificate && k.CertificateLogin {
		k.Required = slices.DeleteFunc(slices.Clone(k.Required), func(key string) bool { return key == KeyPassword })
		k.Optional = append(slices.Clip(k.Optional), KeyPassword)
	}
	return k
}

// HasUnit says whether the kind's clocks may have the unit.
func (k *Kind) HasUnit(unit v1alpha1.ClockUnit) bool { return slices.Contains(k.Units, unit) }

// HasAction says whether the kind's records can be handled so.
func (k *Kind) HasAction(action v1alpha1.PurgeActionType) bool {
	return slices.Contains(k.Actions, action)
}

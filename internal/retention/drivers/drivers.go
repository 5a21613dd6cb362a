// Package drivers chooses the driver of a store by its type.
package drivers

import (
	"context"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores/mongodb"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores/mysql"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores/postgresql"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores/redis"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores/s3"
)

// New returns what reaches the plan's store; dir holds the keys of its Secret. The hasher is for holds by subject; nil: the plan has no key.
func New(plan *retention.Plan, dir string, hasher *retention.Hasher) retention.Driver {
	switch v1alpha1.DataStoreType(plan.Store.Type) {
	case v1alpha1.StorePostgreSQL:
		return &postgresql.Driver{Dir: dir, Plan: plan, Hasher: hasher}
	case v1alpha1.StoreMySQL:
		return &mysql.Driver{Dir: dir, Plan: plan, Hasher: hasher}
	case v1alpha1.StoreMongoDB:
		return &mongodb.Driver{Dir: dir, Plan: plan}
	case v1alpha1.StoreRedis:
		return &redis.Driver{Dir: dir, Plan: plan}
	case v1alpha1.StoreS3:
		return &s3.Driver{Dir: dir, Plan: plan}
	}
	return unknown(plan.Store.Type)
}

// NewArchive returns what reaches the plan's archive; nil: it has none. dir holds the keys of its Secret.
func NewArchive(plan *retention.Plan, dir string) retention.Archiver {
	if plan.Archive == nil {
		return nil
	}
	return &s3.Archive{Dir: dir, Store: *plan.Archive}
}

// unknown is a type of store that this version does not know.
type unknown string

// Open always fails with a Failure, which ends the run.
func (u unknown) Open(context.Context) (retention.Session, error) {
	return nil, stores.WrongType(string(u))
}

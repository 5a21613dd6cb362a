package mongodb

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/auth"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores"
)

// Codes of MongoDB's error_codes.yml that mean something of their own here.
var (
	codesLogin      = []int{11, 18}
	codesPrivilege  = []int{13, 31, 8000}
	codesCollection = []int{26, 73}
	codesConstraint = []int{20, 121, 11000, 11001, 10334, 17419}
	codesType       = []int{2, 9, 14, 28, 40, 52, 66}
	// Network, shutdown, step-down, no primary, a write that the majority did not confirm.
	codesUnreachable = []int{6, 7, 64, 79, 89, 91, 100, 133, 189, 9001, 10058, 10107, 11600, 11602, 13435, 13436}
	// A snapshot that the store cannot make, or no longer has.
	codesSnapshot = []int{72, 239, 246}
)

// codesOf lists the codes of a server's error; none: it is another one. Errors of the login come in the driver's own type.
func codesOf(err error) []int {
	codes := mongo.ErrorCodes(err)
	var inner driver.Error
	if len(codes) == 0 && errors.As(err, &inner) {
		codes = []int{int(inner.Code)}
	}
	return slices.DeleteFunc(codes, func(code int) bool { return code == 0 })
}

func hasCode(err error, codes []int) bool {
	return slices.ContainsFunc(codesOf(err), func(code int) bool { return slices.Contains(codes, code) })
}

// classify turns an error of the store into what the engine understands. The store's own message is left out: it may quote records.
func classify(ctx context.Context, err error) error {
	var failure *retention.Failure
	if err == nil || errors.As(err, &failure) || errors.Is(err, retention.ErrBusy) || errors.Is(err, retention.ErrUnreachable) {
		return err
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	codes := codesOf(err)
	var refused *auth.Error
	switch {
	case hasCode(err, codesLogin), len(codes) == 0 && errors.As(err, &refused) && !mongo.IsNetworkError(err) && !mongo.IsTimeout(err):
		return errLogin
	case hasCode(err, codesPrivilege):
		return retention.Fail(v1alpha1.ReasonPrivilegeMissing, "the store refused for lack of a privilege (code %v): grant the user find, remove, update, listCollections and listIndexes, for example with role readWrite", codes)
	case hasCode(err, codesCollection):
		return retention.Fail(v1alpha1.ReasonTableNotFound, "there is no such collection (code %v): correct the collection", codes)
	case hasCode(err, codesConstraint):
		return retention.Fail(v1alpha1.ReasonConstraintViolated, "the store refused the change (code %v): see the collection's validator, unique indexes and options", codes)
	case hasCode(err, codesType):
		return retention.Fail(v1alpha1.ReasonColumnTypeMismatch, "the store cannot do this with what the fields hold (code %v): compare the rule with the collection", codes)
	case hasCode(err, codesUnreachable):
		return fmt.Errorf("%w (code %v)", retention.ErrUnreachable, codes)
	case len(codes) > 0:
		return fmt.Errorf("%w (code %v)", retention.ErrBusy, codes)
	case mongo.IsTimeout(err), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: it did not answer in time", retention.ErrBusy)
	default:
		return stores.Unreachable(err)
	}
}

// doubtful is classify for a statement that may have changed something: unless the store refused it, only a count can tell.
func doubtful(ctx context.Context, err error) error {
	err = classify(ctx, err)
	if errors.Is(err, retention.ErrBusy) {
		return fmt.Errorf("%w: a change may be half done", retention.ErrUnreachable)
	}
	return err
}

// connecting turns an error of the connection's start into what the engine understands.
func connecting(ctx context.Context, err error) error {
	if err == nil || errors.Is(ctx.Err(), context.Canceled) {
		return errors.Join(err, ctx.Err())
	}
	if stores.IsTLS(err) {
		return stores.TLSFailed(err)
	}
	return stores.Unreachable(err)
}

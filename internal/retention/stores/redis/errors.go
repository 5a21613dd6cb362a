package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores"
)

// errRefused is a command or a key that the login may not use.
var errRefused = retention.Fail(v1alpha1.ReasonPrivilegeMissing,
	"the store refused a command or a key for lack of a privilege: ACL SETUSER the login %s and the patterns of all collections", neededCommands)

// neededCommands are what a login needs besides its keys.
const neededCommands = "+info +select +scan +eval +evalsha +time +type +hmget +object|idletime +unlink +hset +hdel"

// busyCodes go away by waiting, on the same connection.
var busyCodes = []string{"BUSY", "LOADING", "OOM", "MISCONF", "NOREPLICAS", "TRYAGAIN"}

// code is the first word of a server's error. Before Redis 7 an error inside of a script has its code within the text; Redis 7 has none for
// a command that the script's user may not use.
func code(err redis.Error) string {
	text := err.Error()
	first, _, _ := strings.Cut(text, " ")
	if first == "ERR" {
		if strings.Contains(text, "user executing the script can't") || strings.Contains(text, "ACL failure in script") {
			return "NOPERM"
		}
		for _, known := range append([]string{"NOPERM", "READONLY"}, busyCodes...) {
			if strings.Contains(text, " -"+known+" ") {
				return known
			}
		}
	}
	return first
}

// classify turns an error of the store into what the engine understands. The store's own message is left out: it may quote keys.
func classify(ctx context.Context, err error) error {
	var failure *retention.Failure
	if err == nil || errors.As(err, &failure) || errors.Is(err, retention.ErrUnreachable) || errors.Is(err, retention.ErrBusy) {
		return err
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	var answer redis.Error
	if !errors.As(err, &answer) || errors.Is(err, redis.ErrPoolTimeout) {
		return fmt.Errorf("%w: %s", retention.ErrUnreachable, stores.Cause(err))
	}
	switch c := code(answer); c {
	case "NOPERM":
		return errRefused
	case "READONLY", "MASTERDOWN":
		// The name may lead to the new primary: another connection helps, waiting on this one does not.
		return fmt.Errorf("%w for writing: it is a replica (%s)", retention.ErrUnreachable, c)
	case "NOAUTH", "WRONGPASS":
		return refusedLogin(c)
	case "MOVED", "ASK", "CROSSSLOT", "CLUSTERDOWN":
		return errCluster
	case "ERR":
		if strings.Contains(answer.Error(), "LFU maxmemory policy") {
			return errFrequency
		}
		fallthrough
	default:
		return fmt.Errorf("%w (%s)", retention.ErrBusy, c)
	}
}

var errFrequency = retention.Fail(v1alpha1.ReasonClockTypeMismatch,
	"the store counts how often keys are used instead of when (an LFU maxmemory-policy), so that it knows no last access: use a clock in a field of the hash")

var errCluster = retention.Fail(v1alpha1.ReasonStoreUnreachable,
	"the store is a Redis Cluster, where one connection sees a part of the keys only: clusters are not supported yet")

func refusedLogin(code string) error {
	return retention.Fail(v1alpha1.ReasonLoginRefused, "the store refused the login (%s): check username and password in the store's Secret", code)
}

// connecting turns an error of the connection's start into what the engine understands.
func connecting(ctx context.Context, err error) error {
	if stores.IsTLS(err) {
		return stores.TLSFailed(err)
	}
	var answer redis.Error
	if !errors.As(err, &answer) || errors.Is(err, retention.ErrUnreachable) {
		return classify(ctx, err)
	}
	text := answer.Error()
	switch {
	case strings.Contains(text, "max number of clients"):
		return fmt.Errorf("%w: it has as many clients as it may have", retention.ErrUnreachable)
	case strings.Contains(text, "without any password configured"):
		return retention.Fail(v1alpha1.ReasonLoginRefused, "the store has no password for this login: set one in the store (requirepass or ACL SETUSER)")
	case strings.Contains(text, "DB index"), strings.Contains(text, "SELECT is not allowed"):
		return retention.Fail(v1alpha1.ReasonLoginRefused, "the store has no such database: check database in the store's Secret, or leave it out for 0")
	case strings.HasPrefix(text, "DENIED"):
		return refusedLogin("DENIED")
	}
	return classify(ctx, err)
}

// ignoreRefusal lets go what a login may do without.
func ignoreRefusal(err error) error {
	if f, ok := errors.AsType[*retention.Failure](err); ok && f.Reason == v1alpha1.ReasonPrivilegeMissing {
		return nil
	}
	return err
}

package mysql

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/go-sql-driver/mysql"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores"
)

// Numbers of the store's errors: MySQL's error reference, and from 1900 to 1999 and from 4000 on MariaDB's.
var (
	loginErrors       = []uint16{1045, 1130, 1251, 1698, 1820, 1862, 3118, 3159, 3955, 4151}
	databaseErrors    = []uint16{1044, 1049}
	privilegeErrors   = []uint16{1044, 1142, 1143, 1227, 1370}
	tableErrors       = []uint16{1051, 1146}
	columnErrors      = []uint16{1054}
	referenceErrors   = []uint16{1217, 1451}
	constraintErrors  = []uint16{1048, 1062, 1364, 1442, 1452, 1644, 1665, 3819, 4025}
	typeErrors        = []uint16{1139, 1253, 1264, 1265, 1267, 1270, 1271, 1292, 1366, 1367, 1406, 1411, 1441, 1525, 1690}
	readOnlyErrors    = []uint16{1290, 1792, 1836}
	unreachableErrors = []uint16{1040, 1047, 1053, 1077, 1079, 1129, 1152, 1153, 1158, 1159, 1160, 1161, 1184, 1203, 1226, 1927, 3169, 4031}
)

// is says whether the store answered with one of the numbers.
func is(err error, numbers []uint16) bool {
	var m *mysql.MySQLError
	return errors.As(err, &m) && slices.Contains(numbers, m.Number)
}

// classify turns an error of the store into what the engine understands. The store's own message is left out: it may quote records.
func classify(ctx context.Context, err error) error {
	var failure *retention.Failure
	if err == nil || errors.As(err, &failure) || errors.Is(err, retention.ErrArchive) || errors.Is(err, retention.ErrBusy) || errors.Is(err, retention.ErrUnreachable) {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var m *mysql.MySQLError
	switch {
	case !errors.As(err, &m):
		return stores.Unreachable(err)
	case is(err, referenceErrors):
		child, constraint := reference1451(m.Message)
		return retention.Fail(v1alpha1.ReasonReferenced, "constraint %q of table %q still refers to a due record: give that table a rule, or a hold to this one", constraint, child)
	case is(err, tableErrors):
		return retention.Fail(v1alpha1.ReasonTableNotFound, "a table went away while the run worked: correct the collection")
	case is(err, columnErrors):
		return retention.Fail(v1alpha1.ReasonColumnNotFound, "a column went away while the run worked: correct the rule")
	case is(err, privilegeErrors):
		return retention.Fail(v1alpha1.ReasonPrivilegeMissing, "the store refused for lack of a privilege: grant the user what the policy needs")
	case is(err, readOnlyErrors):
		return fmt.Errorf("%w for writing: it is read-only", retention.ErrUnreachable)
	case is(err, unreachableErrors):
		return fmt.Errorf("%w (error %d)", retention.ErrUnreachable, m.Number)
	}
	return classifyState(m)
}

func classifyState(m *mysql.MySQLError) error {
	state := string(m.SQLState[:2])
	switch {
	case slices.Contains(constraintErrors, m.Number), state == "23", state == "44", state == "45":
		return retention.Fail(v1alpha1.ReasonConstraintViolated, "the store refused the change (error %d): see its constraints, triggers and binlog_format", m.Number)
	case slices.Contains(typeErrors, m.Number), state == "22", state == "42":
		return retention.Fail(v1alpha1.ReasonColumnTypeMismatch, "the store cannot do this with the columns' types (error %d): compare the rule with the table", m.Number)
	case state == "08":
		return fmt.Errorf("%w (error %d)", retention.ErrUnreachable, m.Number)
	default: // 1205 lock wait, 1213 deadlock, 1969 and 3024 timeout, 1021 and 1114 full, and whatever else HY000 stands for
		return fmt.Errorf("%w (error %d)", retention.ErrBusy, m.Number)
	}
}

var childConstraint = regexp.MustCompile("\\((`(?:[^`]|``)+`\\.`(?:[^`]|``)+`), CONSTRAINT (`(?:[^`]|``)+`) ")

// reference1451 reads table and constraint from the message of error 1451, which quotes no records.
func reference1451(message string) (child, constraint string) {
	if found := childConstraint.FindStringSubmatch(message); found != nil {
		return found[1], found[2]
	}
	return "unknown", "unknown"
}

// connecting turns an error of the connection's start into what the engine understands.
func connecting(ctx context.Context, err error) error {
	var m *mysql.MySQLError
	switch {
	case stores.IsTLS(err),
		errors.Is(err, mysql.ErrNoTLS), is(err, []uint16{3159}):
		return stores.TLSFailed(err)
	case is(err, databaseErrors):
		return retention.Fail(v1alpha1.ReasonLoginRefused, "the store has no such database, or the user may not use it: check database in the store's Secret, and the user's grants")
	case errors.As(err, &m) && is(err, loginErrors):
		return retention.Fail(v1alpha1.ReasonLoginRefused, "the store refused the login (error %d): check username and password in the store's Secret, and from which hosts the user may come", m.Number)
	case errors.Is(err, mysql.ErrCleartextPassword), errors.Is(err, mysql.ErrOldPassword), errors.Is(err, mysql.ErrUnknownPlugin), errors.Is(err, mysql.ErrNativePassword):
		return retention.Fail(v1alpha1.ReasonLoginRefused, "the store wants a kind of login that is not supported or not safe: create the user with caching_sha2_password, mysql_native_password or ed25519")
	}
	return classify(ctx, err)
}

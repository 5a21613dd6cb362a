package postgresql

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores"
)

// SQLSTATE codes, PostgreSQL documentation, appendix A.
const (
	codeForeignKey        = "23503"
	codeUndefinedTable    = "42P01"
	codeUndefinedColumn   = "42703"
	codePrivilege         = "42501"
	codeUndefinedDatabase = "3D000"
	codeLockNotAvailable  = "55P03"
	codeQueryCanceled     = "57014"
	codeReadOnly          = "25006"
)

// rowSecurityRoutine is the function of the server that refuses a statement to which row security applies, where it is off; its code is
// that of a missing privilege.
const rowSecurityRoutine = "check_enable_rls"

// isData says whether the store refused a value or an operator for it, and not the work as such.
func isData(err error) bool {
	var p *pgconn.PgError
	return errors.As(err, &p) && (strings.HasPrefix(p.Code, "22") || strings.HasPrefix(p.Code, "23") || strings.HasPrefix(p.Code, "42")) && p.Code != codePrivilege
}

// classify turns an error of the store into what the engine understands. The store's own message is left out: it may quote records.
func classify(ctx context.Context, err error) error {
	var failure *retention.Failure
	if err == nil || errors.As(err, &failure) || errors.Is(err, retention.ErrArchive) || errors.Is(err, retention.ErrBusy) {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var p *pgconn.PgError
	if !errors.As(err, &p) {
		return stores.Unreachable(err)
	}
	switch p.Code {
	case codeForeignKey:
		return retention.Fail(v1alpha1.ReasonReferenced, "constraint %q of table %q still refers to a due record: give that table a rule, or a hold to this one", p.ConstraintName, p.TableName)
	case codeUndefinedTable:
		return retention.Fail(v1alpha1.ReasonTableNotFound, "a table went away while the run worked: correct the collection")
	case codeUndefinedColumn:
		return retention.Fail(v1alpha1.ReasonColumnNotFound, "a column went away while the run worked: correct the rule")
	case codePrivilege:
		if p.Routine == rowSecurityRoutine {
			return retention.Fail(v1alpha1.ReasonRowSecurity, "row security hides records from the role by now, so that no count would prove anything: use a role with BYPASSRLS")
		}
		return retention.Fail(v1alpha1.ReasonPrivilegeMissing, "the store refused for lack of a privilege: grant the role what the policy needs")
	case codeLockNotAvailable, codeQueryCanceled:
		return fmt.Errorf("%w (SQLSTATE %s)", retention.ErrBusy, p.Code)
	case codeReadOnly:
		return fmt.Errorf("%w for writing: it is read-only", retention.ErrUnreachable)
	}
	return classifyClass(p)
}

func classifyClass(p *pgconn.PgError) error {
	switch p.Code[:2] {
	case "23", "44", "P0", "55", "0A", "09":
		return retention.Fail(v1alpha1.ReasonConstraintViolated, "the store refused the change (SQLSTATE %s, table %q, constraint %q): see its constraints, triggers and rules",
			p.Code, p.TableName, p.ConstraintName)
	case "22", "42":
		return retention.Fail(v1alpha1.ReasonColumnTypeMismatch, "the store cannot do this with the columns' types (SQLSTATE %s, column %q): compare the rule with the table",
			p.Code, p.ColumnName)
	case "08", "57":
		return fmt.Errorf("%w (SQLSTATE %s)", retention.ErrUnreachable, p.Code)
	default: // 40 deadlock and serialization, 53 resources, 54, 58, XX
		return fmt.Errorf("%w (SQLSTATE %s)", retention.ErrBusy, p.Code)
	}
}

// connecting turns an error of the connection's start into what the engine understands.
func connecting(ctx context.Context, err error) error {
	var p *pgconn.PgError
	switch {
	case stores.IsTLS(err),
		strings.Contains(err.Error(), "server refused TLS connection"):
		return stores.TLSFailed(err)
	case errors.As(err, &p) && strings.HasPrefix(p.Code, "28"):
		return retention.Fail(v1alpha1.ReasonLoginRefused, "the store refused the login (SQLSTATE %s): check username and password in the store's Secret, and the store's pg_hba.conf", p.Code)
	case errors.As(err, &p) && p.Code == codeUndefinedDatabase:
		return retention.Fail(v1alpha1.ReasonLoginRefused, "the store has no such database: check database in the store's Secret")
	case errors.As(err, &p) && p.Code == codePrivilege:
		return retention.Fail(v1alpha1.ReasonLoginRefused, "the role may not connect to the database: GRANT CONNECT ON DATABASE")
	case errors.As(err, &p) && (strings.HasPrefix(p.Code, "53") || strings.HasPrefix(p.Code, "57")):
		return fmt.Errorf("%w (SQLSTATE %s)", retention.ErrUnreachable, p.Code)
	}
	return classify(ctx, err)
}

package mysql

import (
	"context"

	"github.com/carrier-operator/carrier-operator/internal/retention/discovery"
)

const catalogSQL = `SELECT c.TABLE_NAME, c.COLUMN_NAME, c.COLUMN_TYPE FROM information_schema.COLUMNS c
	JOIN information_schema.TABLES t ON t.TABLE_SCHEMA = c.TABLE_SCHEMA AND t.TABLE_NAME = c.TABLE_NAME AND t.TABLE_TYPE = 'BASE TABLE'
	WHERE c.TABLE_SCHEMA = DATABASE() ORDER BY c.TABLE_NAME, c.ORDINAL_POSITION`

// Catalog lists the columns of the database's tables, as far as the login has a privilege on them: the store hides the others.
func (s *session) Catalog(ctx context.Context) (fields []discovery.Field, err error) {
	rows, err := s.conn.QueryContext(ctx, catalogSQL)
	if err != nil {
		return nil, classify(ctx, err)
	}
	defer rows.Close()
	for rows.Next() {
		var f discovery.Field
		if err := rows.Scan(&f.Collection, &f.Name, &f.Type); err != nil {
			return nil, classify(ctx, err)
		}
		fields = append(fields, f)
	}
	return fields, classify(ctx, rows.Err())
}

// maxPosition is what a run's status can hold of a position.
const maxPosition = 256

// LogPosition is the set of transactions (GTIDs) that the store has, empty if it numbers none or the set is too long to tell.
func (s *session) LogPosition(ctx context.Context) (string, error) {
	text := "SELECT @@GLOBAL.gtid_executed"
	if s.mariaDB {
		text = "SELECT @@GLOBAL.gtid_current_pos"
	}
	var position string
	if err := s.conn.QueryRowContext(ctx, text).Scan(&position); err != nil {
		return "", classify(ctx, err)
	}
	if len(position) > maxPosition {
		return "", nil
	}
	return position, nil
}

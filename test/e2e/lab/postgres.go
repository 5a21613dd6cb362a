package lab

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
)

// PostgresHost is the database server's name inside of the cluster.
const PostgresHost = "postgres.example"

// Database is a PostgreSQL database on the internet side of the lab, as its owner sees it.
type Database struct {
	*pgx.Conn
	// CA is the PEM of the authority that signed the server's certificate.
	CA string
}

// StartPostgres starts the server, if it does not run, and makes an empty database.
func (l *Lab) StartPostgres(ctx context.Context, database string) (*Database, error) {
	if _, err := l.Run(ctx, nil, l.path("devcluster"), "postgres", "--name", l.Name); err != nil {
		return nil, err
	}
	admin, err := l.connect(ctx, "5432", "postgres")
	if err != nil {
		return nil, err
	}
	name := pgx.Identifier{database}.Sanitize()
	for _, statement := range []string{"DROP DATABASE IF EXISTS " + name + " WITH (FORCE)", "CREATE DATABASE " + name} {
		if _, err := admin.Exec(ctx, statement); err != nil {
			return nil, fmt.Errorf("%s: %w", statement, err)
		}
	}
	if err := admin.Close(ctx); err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(l.postgresCA())
	if err != nil {
		return nil, err
	}
	conn, err := l.connect(ctx, "5432", database)
	return &Database{Conn: conn, CA: string(ca)}, err
}

func (l *Lab) postgresCA() string { return filepath.Join(l.dir, "internet", "ca.crt") }

// connect comes from the host, by an address that the server's certificate does not name: the chain is verified, the name is not.
func (l *Lab) connect(ctx context.Context, port, database string) (*pgx.Conn, error) {
	password, err := os.ReadFile(filepath.Join(l.dir, "postgres", "password"))
	if err != nil {
		return nil, err
	}
	address := url.URL{
		Scheme: "postgres", User: url.UserPassword("postgres", strings.TrimSpace(string(password))),
		Host: l.Address(port), Path: database,
		RawQuery: url.Values{"sslmode": {"verify-ca"}, "sslrootcert": {l.postgresCA()}}.Encode(),
	}
	return pgx.Connect(ctx, address.String())
}

package main

import (
	"fmt"
	"strings"
	"time"
)

// The run is for slot; records whose clock lies before cutoff are due. One tenant of a hundred is held.
var (
	slot   = time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)
	cutoff = slot.AddDate(0, 0, -90)
)

const (
	seed       = 20261124
	heldTenant = "7"
	template   = "template_"
)

// shape is what the tables look like. Tables are in the order in which they are purged: children first.
type shape struct {
	key, name string
	tables    []table
}

// table is purged by the rule of its name.
type table struct {
	name string
	// filler is the length of a text that no rule looks at; parent is the table that each row refers to.
	filler  int
	parent  string
	indexed bool
}

var shapes = []shape{
	{"narrow", "narrow: four numbers and a time", []table{{name: "events"}}},
	{"wide", "wide: with 500 bytes of text", []table{{name: "events", filler: 500}}},
	{"indexed", "indexed: with 100 bytes of text and indexes on clock, tenant and clock, address", []table{{name: "events", filler: 100, indexed: true}}},
	{"child", "child: half of the rows refer to the other half (ON DELETE RESTRICT)", []table{{name: "items", parent: "events"}, {name: "events"}}},
}

// workload is a shape with its due rows at one place or all over the table.
type workload struct {
	shape
	scattered bool
	rows      int64
}

func (w workload) key() string {
	if w.scattered {
		return w.shape.key + "/scattered"
	}
	return w.shape.key + "/contiguous"
}

// perTable is how many rows each table has.
func (w workload) perTable() int64 { return w.rows / int64(len(w.tables)) }

func workloads(rows int64) (all []workload) {
	for _, s := range shapes {
		all = append(all, workload{s, true, rows}, workload{s, false, rows})
	}
	return all
}

// The columns of a row depend on its number n alone, so that a child is as old as its parent and of the same tenant. The products stay
// below 2^63 for numbers up to 10^9.
const (
	stepped = "((%[1]s * 2654435761 + %[2]d) %% 4294967296)"
	mixed   = "((" + stepped + " %% 1000003) * (" + stepped + " %% 1000003) %% 999983)"
	tenant  = "((%[1]s * 16807 + %[2]d) %% 2147483647 %% 100)"
	offset  = "((%[1]s * 48271 + %[2]d) %% 2147483647 %% 6000000)"
)

func formula(format, n string) string { return fmt.Sprintf(format, n, seed) }

// isDue is the condition that a row is made old: half of them.
func (w workload) isDue(n string) string {
	if w.scattered {
		return formula(mixed, n) + " < 499992"
	}
	return fmt.Sprintf("%s <= %d", n, w.perTable()/2)
}

// clock is the row's time as a whole number of seconds since 1970.
func (w workload) clock(n string) string {
	return fmt.Sprintf("CASE WHEN %s THEN %d - %s ELSE %d + %s END", w.isDue(n), cutoff.Unix()-60, formula(offset, n), cutoff.Unix()+60, formula(offset, n))
}

// values of a row after its number and its clock.
func (t table) values(n string) string {
	values := []string{formula(tenant, n), n + " % 1000", n + " % 7"}
	if t.parent != "" {
		values = append(values, n)
	}
	if t.filler > 0 {
		values = append(values, fmt.Sprintf("concat('person', %s %% 5000, '@example.com')", n), fmt.Sprintf("repeat('x', %d)", t.filler))
	}
	return strings.Join(values, ", ")
}

// columns after number and clock.
func (t table) columns() string {
	columns := "tenant integer NOT NULL, amount integer NOT NULL, state integer NOT NULL"
	if t.parent != "" {
		columns += ", parent bigint NOT NULL"
	}
	if t.filler > 0 {
		columns += ", email varchar(80) NOT NULL, note varchar(1000) NOT NULL"
	}
	return columns
}

// extras are the statements after a table was made: indexes and references.
func (t table) extras() (statements []string) {
	if t.indexed {
		statements = append(statements, "CREATE INDEX by_clock ON "+t.name+" (at)", "CREATE INDEX by_tenant ON "+t.name+" (tenant, at)", "CREATE INDEX by_email ON "+t.name+" (email)")
	}
	if t.parent != "" {
		statements = append(statements, "CREATE INDEX by_parent ON "+t.name+" (parent)",
			fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT of_parent FOREIGN KEY (parent) REFERENCES %s (id) ON DELETE RESTRICT", t.name, t.parent))
	}
	return statements
}

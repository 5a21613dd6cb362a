//go:build integration

package mysql_test

import (
	"testing"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

func TestStatementsOfOthersAreToldFromTheRunsOwn(t *testing.T) {
	for name, statements := range map[string]int64{"alone": 0, "beside others": 3} {
		t.Run(name, func(t *testing.T) {
			db := newDatabase(t)
			db.exec(small)
			r := newRunner(t, db, deleteRule("events", "events", "at", v1alpha1.ClockTimestamp, 90))
			counted, times := r.WorkOfOthers(50, func() {
				for range statements {
					db.int("SELECT count(*) FROM events")
				}
			})
			if want := statements * times; counted != want {
				t.Errorf("%d statements of others in %d windows, want %d", counted, times, want)
			}
		})
	}
}

//go:build integration

package postgresql_test

import (
	"testing"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

func TestTransactionsOfOthersAreToldFromTheRunsOwn(t *testing.T) {
	for name, writes := range map[string]int64{"alone": 0, "beside others": 3} {
		t.Run(name, func(t *testing.T) {
			db := newDatabase(t)
			db.exec(events)
			db.exec("CREATE TABLE orders (id int)")
			r := newRunner(t, db, deleteRule("events", "public.events", "at", v1alpha1.ClockTimestampTZ, 90))
			counted, times := r.WorkOfOthers(40, func() {
				for range writes {
					db.exec("INSERT INTO orders VALUES (1)")
				}
			})
			// The server's own housekeeping may write now and then.
			if want := writes * times; counted < want || counted > want+5 {
				t.Errorf("%d transactions of others, want %d or a few more", counted, want)
			}
		})
	}
}

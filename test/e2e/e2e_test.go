//go:build e2e

// Package e2e runs the stories of a user on a real cluster.
package e2e

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/carrier-operator/carrier-operator/test/e2e/lab"
	"github.com/carrier-operator/carrier-operator/test/e2e/story"
)

// TestStories walks through a shop's life with the operator. The steps build on each other, so they run in order on one cluster.
// E2E_CLUSTER names the cluster (default e2e); E2E_KEEP=yes leaves it running.
func TestStories(t *testing.T) {
	ctx, stop := signal.NotifyContext(t.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	name := os.Getenv("E2E_CLUSTER")
	if name == "" {
		name = "e2e"
	}
	l, err := lab.Up(ctx, name, t.Output())
	if err != nil {
		t.Fatalf("cluster: %v", err)
	}
	if os.Getenv("E2E_KEEP") == "" {
		t.Cleanup(func() {
			if err := l.Down(context.WithoutCancel(ctx)); err != nil {
				t.Errorf("the cluster left something behind: %v", err)
			}
		})
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(l.Describe(context.WithoutCancel(ctx), story.Namespace, story.StoresNamespace, lab.OperatorNamespace))
		}
	})

	carrier, db := open(ctx, t, l)
	shop, err := story.Open(ctx, l, carrier)
	if err != nil {
		t.Fatalf("shop: %v", err)
	}
	tell(ctx, t, []story.Check{{Name: "pods of the applications start", Run: func(ctx context.Context) (string, error) {
		return "", shop.StartApps(ctx)
	}}})
	tell(ctx, t, shop.EgressChecks())
	tell(ctx, t, shop.RotationChecks())
	tell(ctx, t, shop.IsolationChecks())

	orders, err := shop.OpenOrders(ctx, db)
	if err != nil {
		t.Fatalf("orders: %v", err)
	}
	tell(ctx, t, orders.Checks())
	stores, err := shop.OpenStores(ctx)
	if err != nil {
		t.Fatalf("stores: %v", err)
	}
	t.Cleanup(func() { stores.Close(context.WithoutCancel(ctx)) })
	tell(ctx, t, stores.Checks())
	tell(ctx, t, shop.MendingChecks())
	tell(ctx, t, shop.CanaryChecks())
	tell(ctx, t, shop.ClosingChecks())
}

// open brings the operator, the carrier and the database.
func open(ctx context.Context, t *testing.T, l *lab.Lab) (*lab.Carrier, *lab.Database) {
	t.Helper()
	if err := l.LoadImages(ctx); err != nil {
		t.Fatalf("images: %v", err)
	}
	if err := l.InstallOperator(ctx); err != nil {
		t.Fatalf("helm: %v", err)
	}
	carrier, err := l.StartCarrier(ctx)
	if err != nil {
		t.Fatalf("carrier: %v", err)
	}
	db, err := l.StartPostgres(ctx, "orders")
	if err != nil {
		t.Fatalf("database: %v", err)
	}
	t.Cleanup(func() { db.Close(context.WithoutCancel(ctx)) })
	return carrier, db
}

// tell performs checks as subtests.
func tell(ctx context.Context, t *testing.T, checks []story.Check) {
	t.Helper()
	for _, check := range checks {
		t.Run(check.Name, func(t *testing.T) {
			seen, err := check.Run(ctx)
			if err != nil {
				t.Fatal(err)
			}
			t.Log(seen)
		})
	}
}

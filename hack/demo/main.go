// Command demo starts a real cluster, installs cert-manager and carrier-operator, and shows on it that a CarrierIntegration and a
// RetentionPolicy do their job. It ends with exit code 0 only if every check passed; the cluster stays, to play with.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/carrier-operator/carrier-operator/test/e2e/lab"
	"github.com/carrier-operator/carrier-operator/test/e2e/story"
)

// clusterName keeps the demo apart from the cluster of `make cluster-up`.
const clusterName = "demo"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	n := newNarrator(os.Stdout)
	ok, err := demo(ctx, n)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "\ndemo:", err)
	}
	if !ok {
		os.Exit(1)
	}
}

// demo sets everything up, then performs the checks. A check that fails does not stop the others.
func demo(ctx context.Context, n *narrator) (bool, error) {
	if os.Getenv("KUBECONFIG") != "" {
		fmt.Fprintln(os.Stdout, "KUBECONFIG is ignored here: the demo needs an internet of its own, so it starts a cluster of its own.")
	}
	var (
		l       *lab.Lab
		carrier *lab.Carrier
		db      *lab.Database
		shop    *story.Shop
		orders  *story.Orders
	)
	steps := []struct {
		title string
		run   func() error
	}{
		{"A real Kubernetes cluster, built from its Go modules, with cert-manager and NetworkPolicy enforcement", func() (err error) {
			l, err = lab.Up(ctx, clusterName, n.progress())
			return err
		}},
		{"Images of the operator's three programs, built without a container engine", func() error { return l.LoadImages(ctx) }},
		{"carrier-operator, installed with Helm", func() error { return l.InstallOperator(ctx) }},
		{"A carrier on the internet side: a server that behaves like UPS, under UPS's host names", func() (err error) {
			carrier, err = l.StartCarrier(ctx)
			return err
		}},
		{"A shop: its CarrierCredential and its CarrierIntegration with the shipped UPS profile", func() (err error) {
			shop, err = story.Open(ctx, l, carrier)
			return err
		}},
		{"The shop's applications, which know the gateway and nothing of the carrier's secrets", func() error { return shop.StartApps(ctx) }},
		{"The shop's database, PostgreSQL, with 2,000 shipments; its DataStore, RetentionPolicy and LegalHolds", func() (err error) {
			if db, err = l.StartPostgres(ctx, "orders"); err == nil {
				orders, err = shop.OpenOrders(ctx, db)
			}
			return err
		}},
	}
	for i, step := range steps {
		if err := n.step(fmt.Sprintf("%d/%d  %s", i+1, len(steps), step.title), step.run); err != nil {
			return false, err
		}
	}
	defer db.Close(context.WithoutCancel(ctx))
	checks := append(shop.EgressChecks(), shop.RotationChecks()...)
	passed := n.checks(ctx, append(checks, orders.Checks()...))
	n.farewell(l)
	return n.table() && passed, nil
}

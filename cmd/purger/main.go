// Command purger carries out one PurgeRun: it counts what is due in the store, deletes or anonymizes it, and reports to the run's status.
// It exits with 0 once an outcome is recorded, good or bad, and with 1 if another pod should go on from the checkpoint.
package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/utils/clock"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/cluster"
	"github.com/carrier-operator/carrier-operator/internal/retention/drivers"
)

// options are where the pod's files are. The operator sets none of them but the pod's name; Kubernetes sets the index of a Job's pod.
type options struct {
	plan, connectionDir, archiveDir, hashKey, signingKey, kubeconfig, pod string
	level                                                                 slog.Level
	// index of the pod in its Job.
	index uint
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		slog.Error("the run stops without an outcome", "error", err.Error())
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}

func run(ctx context.Context, args []string) error {
	o := options{}
	f := flag.NewFlagSet("purger", flag.ExitOnError)
	f.StringVar(&o.plan, "plan", filepath.Join(retention.PlanDir, retention.PlanFile), "`file` with the run's plan")
	f.StringVar(&o.connectionDir, "connection-dir", retention.ConnectionDir, "`folder` with the keys of the store's Secret")
	f.StringVar(&o.archiveDir, "archive-dir", retention.ArchiveDir, "`folder` with the keys of the archive's Secret, if the plan has one")
	f.StringVar(&o.hashKey, "hash-key", retention.HashKeyFile, "`file` with the hash key, if the plan has one")
	f.StringVar(&o.signingKey, "signing-key", retention.SigningKeyFile, "`file` with the key that evidence is signed with, if the plan has one")
	f.StringVar(&o.kubeconfig, "kubeconfig", "", "`file` to reach the Kubernetes API with; empty: as the pod's service account")
	f.StringVar(&o.pod, "pod", cmp.Or(os.Getenv(retention.PodNameVariable), "purger"), "`name` of the pod, for people who read who holds the run; default: "+retention.PodNameVariable)
	f.UintVar(&o.index, "index", 0, "`number` of the pod among those that share the run, from 0; default: JOB_COMPLETION_INDEX")
	f.TextVar(&o.level, "log-level", slog.LevelInfo, "DEBUG, INFO, WARN or ERROR")
	if index := os.Getenv("JOB_COMPLETION_INDEX"); index != "" {
		if err := f.Set("index", index); err != nil {
			return fmt.Errorf("JOB_COMPLETION_INDEX is %q: %w", index, err)
		}
	}
	_ = f.Parse(args) // exits on an error
	if f.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	handler := slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{Level: o.level})
	slog.SetDefault(slog.New(handler))
	ctrllog.SetLogger(logr.FromSlogHandler(handler))
	return purge(ctx, o)
}

func purge(ctx context.Context, o options) error {
	encoded, err := os.ReadFile(o.plan)
	if err != nil {
		return fmt.Errorf("reading the plan: %w", err)
	}
	plan, refusal := retention.ParsePlan(encoded)
	if refusal != nil {
		plan = &retention.Plan{}
		_ = json.Unmarshal(encoded, plan) // as far as it goes: whose run it is
		if plan.RunUID == "" {
			return refusal
		}
	}
	if o.index > 0 && o.index >= uint(max(plan.Parallelism, 1)) && refusal == nil {
		return fmt.Errorf("the pod has index %d, and %d pods share the run: Job and plan do not go together", o.index, max(plan.Parallelism, 1))
	}
	plan.Index = int32(min(o.index, retention.MaxParallelism-1))
	key, signer, err := readKeys(plan, o)
	if refusal == nil {
		refusal = err
	}
	config, err := restConfig(o.kubeconfig)
	if err != nil {
		return err
	}
	status, err := cluster.New(config, plan, holder(o.pod))
	if err != nil {
		return err
	}
	hasher := retention.NewHasher(key)
	engine := &retention.Engine{
		Plan: plan, Store: drivers.New(plan, o.connectionDir, hasher), Holds: status, Reporter: status,
		Hasher: hasher, Archive: drivers.NewArchive(plan, o.archiveDir), Signer: signer, Clock: clock.RealClock{},
		Log: slog.Default().With("namespace", plan.Namespace, "run", plan.Run, "policy", plan.Policy, "mode", plan.Mode),
	}
	if failure, ok := errors.AsType[*retention.Failure](refusal); ok {
		return engine.Refuse(ctx, failure)
	}
	return engine.Run(ctx)
}

// holder is a name for this process alone: a pod's name may come again.
func holder(pod string) string { return pod[:min(len(pod), 63)] + "/" + rand.Text()[:8] }

func restConfig(kubeconfig string) (*rest.Config, error) {
	if kubeconfig == "" {
		return rest.InClusterConfig()
	}
	return clientcmd.BuildConfigFromFlags("", kubeconfig)
}

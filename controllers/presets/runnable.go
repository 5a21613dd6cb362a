package presets

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	apiac "github.com/carrier-operator/carrier-operator/api/applyconfiguration/api/v1alpha1"
	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	profiles "github.com/carrier-operator/carrier-operator/config/profiles"
	"github.com/carrier-operator/carrier-operator/controllers/internal/ssa"
)

// FieldManager owns what the operator says in a preset. What someone else adds stays, what someone else changes is set right at the
// next start: who needs another profile makes one under another name.
const FieldManager = "carrier-operator-presets"

// +kubebuilder:rbac:groups=carrier-operator.io,resources=carrierprofiles,verbs=get;create;patch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// retry is how long a start waits after a failure: from a second to a minute, for as long as it takes.
var retry = wait.Backoff{Duration: time.Second, Factor: 2, Jitter: 0.1, Steps: 10, Cap: time.Minute}

// Add has the manager apply the shipped profiles once it leads. Mode Ignore adds nothing.
func Add(mgr ctrl.Manager, mode Mode) error {
	if mode == Ignore {
		return nil
	}
	if _, err := Load(profiles.FS); err != nil {
		return err
	}
	return mgr.Add(&Runnable{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Events: mgr.GetEventRecorder(FieldManager), Profiles: profiles.FS,
	})
}

// Runnable applies profiles when it starts, and ends.
type Runnable struct {
	Client client.Client
	// Live reads past the cache: a few reads at a start are no reason to watch.
	Live   client.Reader
	Events events.EventRecorder
	// Profiles is a folder of profiles, see Load.
	Profiles fs.FS
}

// NeedLeaderElection keeps two managers of different versions from taking turns.
func (r *Runnable) NeedLeaderElection() bool { return true }

// Start applies the profiles and tries again what failed, until the context ends. It never fails: the operator works without presets.
func (r *Runnable) Start(ctx context.Context) error {
	logger := log.FromContext(ctx).WithName("presets")
	_ = retry.DelayFunc().Until(ctx, true, true, func(ctx context.Context) (bool, error) {
		err := r.ApplyAll(ctx)
		if err != nil && ctx.Err() == nil {
			logger.Error(err, "applying the shipped profiles, trying again later")
		}
		return err == nil, nil
	})
	return nil
}

// ApplyAll applies every profile once. An unchanged one is not written; one that is not a preset is left alone and reported.
func (r *Runnable) ApplyAll(ctx context.Context) error {
	// Read anew each time: an apply writes the server's answer into what it was given.
	wanted, err := Load(r.Profiles)
	if err != nil {
		return err
	}
	var failures []error
	for _, profile := range wanted {
		if err := r.apply(ctx, profile); err != nil {
			failures = append(failures, fmt.Errorf("CarrierProfile %s: %w", *profile.GetName(), err))
		}
	}
	return errors.Join(failures...)
}

func (r *Runnable) apply(ctx context.Context, want *apiac.CarrierProfileApplyConfiguration) error {
	live, err := ssa.Get(ctx, r.Live, "", *want.GetName(), &v1alpha1.CarrierProfile{})
	if err != nil {
		return err
	}
	if live != nil && live.Labels[labelManagedBy] != managedBy {
		log.FromContext(ctx).Info("leaving a profile alone that has the name of a preset and is not one", "carrierProfile", live.Name)
		r.Events.Eventf(live, nil, corev1.EventTypeWarning, v1alpha1.ReasonNameConflict, "ApplyPreset",
			"the operator ships a profile of this name and leaves this one alone: to get the shipped one, delete this one or label it %s=%s, and restart the operator",
			labelManagedBy, managedBy)
		return nil
	}
	return ssa.Apply(ctx, r.Client, FieldManager, want, live, apiac.ExtractCarrierProfile)
}

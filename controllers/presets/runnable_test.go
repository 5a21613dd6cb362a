//go:build envtest

package presets

import (
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	profiles "github.com/carrier-operator/carrier-operator/config/profiles"
)

// writes counts the requests that change something, and fails the next ones on demand.
type writes struct {
	next  http.RoundTripper
	count atomic.Int64
	fail  atomic.Int64
}

func (w *writes) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodGet {
		return w.next.RoundTrip(r)
	}
	if w.fail.Add(-1) >= 0 {
		return nil, http.ErrHandlerTimeout
	}
	w.count.Add(1)
	return w.next.RoundTrip(r)
}

func TestPresets(t *testing.T) {
	env := &envtest.Environment{CRDDirectoryPaths: []string{filepath.Join("..", "..", "config", "crd", "bases")}, ErrorIfCRDPathMissing: true}
	config, err := env.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := env.Stop(); err != nil {
			t.Error(err)
		}
	})
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	user, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	wire := &writes{}
	observed := rest.CopyConfig(config)
	observed.Wrap(func(next http.RoundTripper) http.RoundTripper { wire.next = next; return wire })
	c, err := client.New(observed, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	recorder := events.NewFakeRecorder(10)
	r := &Runnable{Client: c, Live: c, Events: recorder, Profiles: profiles.FS}
	ctx := t.Context()
	get := func(name string) *v1alpha1.CarrierProfile {
		t.Helper()
		profile := &v1alpha1.CarrierProfile{}
		if err := user.Get(ctx, client.ObjectKey{Name: name}, profile); err != nil {
			t.Fatal(err)
		}
		return profile
	}
	start := func() int64 {
		t.Helper()
		before := wire.count.Load()
		if err := r.ApplyAll(ctx); err != nil {
			t.Fatal(err)
		}
		return wire.count.Load() - before
	}

	// Someone else's profile has the name of a preset before the operator comes.
	foreign := &v1alpha1.CarrierProfile{}
	foreign.Name = "fedex"
	foreign.Spec = v1alpha1.CarrierProfileSpec{
		Title:        "Our own",
		Environments: []v1alpha1.Environment{{Name: "Production", Endpoints: []v1alpha1.Endpoint{{Role: v1alpha1.EndpointAPI, URL: "https://api.example.com"}}}},
		Authentication: v1alpha1.Authentication{Type: v1alpha1.AuthenticationBasic,
			Basic: v1alpha1.BasicAuthentication{UsernameKey: "username"}},
		Operations: []v1alpha1.Operation{{Name: "rate", Requests: []v1alpha1.RequestMatch{{Method: "GET", Path: "/"}}}},
	}
	if err := user.Create(ctx, foreign); err != nil {
		t.Fatal(err)
	}
	shipped, err := Load(profiles.FS)
	if err != nil {
		t.Fatal(err)
	}
	if got := start(); got != int64(len(shipped)-1) {
		t.Errorf("the first start wrote %d times, want %d: all but fedex", got, len(shipped)-1)
	}
	if diff := cmp.Diff(foreign.Spec, get("fedex").Spec); diff != "" {
		t.Errorf("someone else's profile was changed (-before +after):\n%s", diff)
	}
	if event := <-recorder.Events; !strings.Contains(event, v1alpha1.ReasonNameConflict) {
		t.Errorf("event %q does not say %s", event, v1alpha1.ReasonNameConflict)
	}
	if got := get("ups"); got.Spec.Title != "UPS" || got.Labels[labelManagedBy] != managedBy {
		t.Errorf("ups: title %q, labels %v", got.Spec.Title, got.Labels)
	}
	if got := start(); got != 0 {
		t.Errorf("a restart wrote %d times, want 0", got)
	}

	// Its owner gives the name back.
	if err := user.Delete(ctx, foreign); err != nil {
		t.Fatal(err)
	}
	// The first write fails on the wire: Start tries again by itself.
	wire.fail.Store(1)
	if err := r.Start(ctx); err != nil {
		t.Fatal(err)
	}
	if got := get("fedex").Spec.Title; got != "FedEx" {
		t.Errorf("title of fedex is %q", got)
	}

	// A preset that was edited is set right; what others added to it stays.
	edited := get("ups")
	edited.Spec.Title, edited.Annotations = "Ups", map[string]string{"team": "shipping"}
	if err := user.Update(ctx, edited); err != nil {
		t.Fatal(err)
	}
	if got := start(); got != 1 {
		t.Errorf("a start after an edit wrote %d times, want 1", got)
	}
	if got := get("ups"); got.Spec.Title != "UPS" || got.Annotations["team"] != "shipping" {
		t.Errorf("ups after an edit: title %q, annotations %v", got.Spec.Title, got.Annotations)
	}
	if got := start(); got != 0 {
		t.Errorf("a restart after that wrote %d times, want 0", got)
	}
}

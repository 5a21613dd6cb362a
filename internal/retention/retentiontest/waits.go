package retentiontest

import (
	"context"
	"strings"
	"testing"
	"time"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// Await polls for half a minute, as long as the run has not ended.
func Await(t *testing.T, ended <-chan error, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !done(); time.Sleep(20 * time.Millisecond) {
		select {
		case err := <-ended:
			t.Fatalf("the run ended before %s: %v", what, err)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatal("waited in vain for", what)
		}
	}
}

// WaitsFor runs until the run waits with a reason, and says so with certain words. Nothing of what is left may go then, until relieve was called:
// with it the run completes.
func (r *Runner) WaitsFor(reason, words string, left func() int64, relieve func()) {
	r.T.Helper()
	ended := make(chan error, 1)
	go func() { ended <- r.Try(context.WithoutCancel(r.T.Context())) }()
	pause := func() v1alpha1.RunPause {
		r.Mu.Lock()
		defer r.Mu.Unlock()
		return r.Status.Pause
	}
	Await(r.T, ended, "the run to wait: "+words, func() bool { return pause().Reason == reason && strings.Contains(pause().Message, words) })
	before := left()
	time.Sleep(1500 * time.Millisecond) // longer than the run looks away
	if n := left(); n != before || n == 0 {
		r.T.Errorf("%d due records while the run waits, %d before", n, before)
	}
	relieve()
	if err := <-ended; err != nil || r.Status.Outcome.Reason != v1alpha1.ReasonCompleted || r.Status.Pause.Reason != "" {
		r.T.Errorf("%v, %+v, %+v", err, r.Status.Outcome, r.Status.Pause)
	}
}

package retention

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

func TestPurgeDeletesWhatIsDueAndKeepsWhatIsHeld(t *testing.T) {
	w := newWorld(t, "events", "orders")
	w.holds = []Hold{{Name: "case-4711", Collection: "public.events"}}
	w.held["events"] = []int{7, 8}
	w.run(v1alpha1.ReasonCompleted)
	if len(w.due["events"]) != 2 || len(w.due["orders"]) != 0 {
		t.Errorf("left are %v", w.due)
	}
	if want := "events: 98 of 100 due records deleted, 2 held by case-4711; orders: 100 of 100 due records deleted"; w.status.Outcome.Message != want {
		t.Errorf("message %q, want %q", w.status.Outcome.Message, want)
	}
	if w.status.Evidence.Digest == "" || w.status.Evidence.RecordsDigest == "" {
		t.Errorf("evidence %+v", w.status.Evidence)
	}
}

func TestEvidenceSaysThatRecordsAreCountedAlone(t *testing.T) {
	w := newWorld(t, "events")
	w.plan.Records = "Count"
	w.run(v1alpha1.ReasonCompleted)
	if e := w.status.Evidence; e.Records != v1alpha1.RecordsCount || e.RecordsDigest != "" || w.status.Results[0].Done != 100 {
		t.Errorf("evidence %+v, result %+v", e, w.status.Results[0])
	}
	if want := "events: 100 of 100 due records deleted. Records are counted, their keys are not digested (evidence.records: Count)"; w.status.Outcome.Message != want {
		t.Errorf("message %q, want %q", w.status.Outcome.Message, want)
	}
}

func TestPreviewOpensNoWindow(t *testing.T) {
	w := newWorld(t, "events")
	w.plan.Mode = "Preview"
	w.run(v1alpha1.ReasonCompleted)
	if len(w.windows) != 0 || w.status.Results[0].Due != 100 || w.status.Results[0].Verification != v1alpha1.VerificationNotApplicable {
		t.Errorf("%d windows, result %+v", len(w.windows), w.status.Results[0])
	}
}

func TestNothingDueIsAnOutcomeOfItsOwn(t *testing.T) {
	w := newWorld(t, "events")
	w.due["events"] = nil
	w.run(v1alpha1.ReasonNothingDue)
}

func TestCapsAreCheckedForAllRulesBeforeTheFirstChange(t *testing.T) {
	for name, change := range map[string]func(*world){
		"rows":  func(w *world) { w.plan.Caps.MaxRows = 99 },
		"share": func(w *world) { w.total = 199 },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "few", "many")
			w.due["few"] = w.due["few"][:1]
			change(w)
			w.run(v1alpha1.ReasonCapExceeded)
			if len(w.windows) != 0 {
				t.Errorf("%d windows before the cap stopped the run", len(w.windows))
			}
		})
	}
}

func TestStoreThatIsAnotherOneIsNotTouched(t *testing.T) {
	w := newWorld(t, "events")
	w.plan.ExpectedIdentity = "1/1"
	w.run(v1alpha1.ReasonStoreIdentityChanged)
	if w.inspections+len(w.windows) != 0 || w.status.Evidence.StoreIdentity != w.identity {
		t.Errorf("%d inspections, %d windows, identity %q", w.inspections, len(w.windows), w.status.Evidence.StoreIdentity)
	}
}

func TestStoreOfAnotherDataStoreIsNotTouched(t *testing.T) {
	w := newWorld(t, "events")
	w.plan.OtherStores = map[string]string{"1/1": "books", w.identity: "shop"}
	w.run(v1alpha1.ReasonStoreDuplicate)
	if w.inspections+len(w.windows) != 0 || !strings.Contains(w.status.Outcome.Message, "DataStore shop") {
		t.Errorf("%d inspections, %d windows: %s", w.inspections, len(w.windows), w.status.Outcome.Message)
	}
}

func TestStoreThatStaysDownEndsTheRunAfterTwoMinutes(t *testing.T) {
	w := newWorld(t, "events")
	w.openErr = func() error { return ErrUnreachable }
	begun := w.clock.Now()
	w.run(v1alpha1.ReasonStoreUnreachable)
	if took := w.clock.Since(begun); took < 2*time.Minute || took > 3*time.Minute {
		t.Errorf("it gave up after %s", took)
	}
	if !w.paused(v1alpha1.ReasonStoreUnreachable) {
		t.Error("the status never said that the run waits")
	}
}

func TestConnectionThatBreaksIsOpenedAgainAndTheRunGoesOn(t *testing.T) {
	w := newWorld(t, "events")
	w.windowErr = func(Window) error {
		if len(w.windows) == 2 {
			return ErrUnreachable
		}
		return nil
	}
	w.run(v1alpha1.ReasonCompleted)
	if r := w.status.Results[0]; r.Done != 100 || r.Inferred != 0 {
		t.Errorf("result %+v", r)
	}
}

func TestBusyStoreGetsSmallerWindows(t *testing.T) {
	w := newWorld(t, "events")
	w.windowErr = func(window Window) error {
		if window.Size > 4 {
			return ErrBusy
		}
		return nil
	}
	w.run(v1alpha1.ReasonCompleted)
	if w.status.Results[0].Done != 100 || w.status.Pause.Reason != "" {
		t.Errorf("result %+v, pause %+v", w.status.Results[0], w.status.Pause)
	}
}

func TestRunWaitsForReplicasWhoseLagIsUnknown(t *testing.T) {
	w := newWorld(t, "events")
	w.plan.Throttle.MaxReplicaLagSeconds = 5
	asked := 0
	w.lag = func() Lag {
		if asked++; asked < 10 {
			return Lag{Unknown: "no replica is connected"}
		}
		if len(w.windows) == 0 && asked < 20 {
			return Lag{Behind: 6 * time.Second}
		}
		return Lag{Behind: 5 * time.Second}
	}
	w.run(v1alpha1.ReasonCompleted)
	if asked < 20 || !w.paused(v1alpha1.ReasonReplicaLag) || w.status.Pause.Reason != "" {
		t.Errorf("asked %d times, paused %t, pause at the end %+v", asked, w.paused(v1alpha1.ReasonReplicaLag), w.status.Pause)
	}
}

func TestWithoutHoldsNothingIsTouched(t *testing.T) {
	w := newWorld(t, "events")
	w.holdsErr = func() error { return errAPI }
	if err := w.engine().Run(t.Context()); !errors.Is(err, errAPI) {
		t.Fatalf("error %v, want %v", err, errAPI)
	}
	if w.inspections+len(w.windows) != 0 || w.status.Outcome.Reason != "" {
		t.Errorf("%d inspections, %d windows, outcome %+v", w.inspections, len(w.windows), w.status.Outcome)
	}
}

func TestHoldMadeMidRunBindsFromTheNextWindow(t *testing.T) {
	w := newWorld(t, "events")
	w.held["events"] = []int{1, 99}
	w.plan.Throttle.PauseMilliseconds = 600 // longer than holds that were read stay good
	w.windowErr = func(window Window) error {
		if len(w.windows) == 2 && len(window.Holds) != 1 {
			t.Error("the second window does not know the hold that was made after the first")
		}
		w.holds = []Hold{{Name: "late", Collection: "public.events"}}
		return nil
	}
	// Made while the first window works, so that the window that is under way may already be past number 1.
	w.run(v1alpha1.ReasonCompleted)
	if len(w.due["events"]) == 0 || w.due["events"][len(w.due["events"])-1] != 99 || w.inspections < 2 {
		t.Errorf("left are %v after %d inspections", w.due["events"], w.inspections)
	}
}

func TestPodThatDiesBetweenCommitAndCheckpointIsCountedHonestly(t *testing.T) {
	w := newWorld(t, "events")
	crash := errors.Join(ErrGone, errors.New("killed"))
	w.reportErr = func(*v1alpha1.PurgeRunStatus) error {
		if len(w.windows) > 0 {
			return crash
		}
		return nil
	}
	if err := w.engine().Run(t.Context()); !errors.Is(err, ErrGone) {
		t.Fatal(err)
	}
	w.reportErr = nil
	if w.status.Results[0].Done != 0 || len(w.due["events"]) != 0 {
		t.Fatalf("the crash came too early or too late: %+v", w.status.Results[0])
	}
	w.run(v1alpha1.ReasonCompleted)
	if r := w.status.Results[0]; r.Done != 100 || r.Inferred != 100 || r.Verification != v1alpha1.VerificationAgreed {
		t.Errorf("result %+v", r)
	}
	if !strings.Contains(w.status.Outcome.Message, "counted by comparison after a break") {
		t.Errorf("message %q does not tell", w.status.Outcome.Message)
	}
}

func TestPodThatIsToldToStopLeavesACheckpoint(t *testing.T) {
	w := newWorld(t, "events")
	ctx, stop := context.WithCancel(t.Context())
	w.windowErr = func(Window) error { stop(); return nil }
	if err := w.engine().Run(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if w.status.Results[0].Done != 32 || w.status.Outcome.Reason != "" {
		t.Fatalf("result %+v, outcome %+v", w.status.Results[0], w.status.Outcome)
	}
	w.windowErr = nil
	w.run(v1alpha1.ReasonCompleted)
	if r := w.status.Results[0]; r.Done != 100 || r.Inferred != 0 {
		t.Errorf("result %+v", r)
	}
}

func TestRunWithAnOutcomeIsNotRunAgain(t *testing.T) {
	w := newWorld(t, "events")
	w.status.Outcome.Reason = v1alpha1.ReasonCompleted
	w.run(v1alpha1.ReasonCompleted)
	if err := w.engine().Refuse(t.Context(), Fail(v1alpha1.ReasonPlanInvalid, "late")); err != nil {
		t.Fatal(err)
	}
	w.wantReason(v1alpha1.ReasonCompleted)
	if len(w.reports)+w.inspections != 0 {
		t.Errorf("%d reports, %d inspections", len(w.reports), w.inspections)
	}
}

func TestRecordsThatComeBackAreADisagreement(t *testing.T) {
	w := newWorld(t, "events")
	w.stubborn = true
	w.run(v1alpha1.ReasonVerificationDisagreed)
	if r := w.status.Results[0]; r.Remaining != 100 || r.Done != 0 || r.Verification != v1alpha1.VerificationDisagreed {
		t.Errorf("result %+v", r)
	}
}

func TestRefusedRunEndsWithReasonAndEvidence(t *testing.T) {
	w := newWorld(t, "events")
	if err := w.engine().Refuse(t.Context(), Fail(v1alpha1.ReasonPlanInvalid, "the plan is not sound")); err != nil {
		t.Fatal(err)
	}
	w.wantReason(v1alpha1.ReasonPlanInvalid)
	if w.status.Evidence.Digest == "" {
		t.Error("a refused run is a link of the chain too, but has no evidence")
	}
}

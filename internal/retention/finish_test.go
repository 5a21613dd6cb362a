package retention

import (
	"context"
	"errors"
	"testing"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// stamp signs with a word.
type stamp struct{ err error }

func (s stamp) Sign(_ context.Context, record Record) (string, error) {
	digest, err := record.Digest()
	return "stamped " + digest, errors.Join(err, s.err)
}

func (w *world) runSigned(t *testing.T, signer Signer) error {
	t.Helper()
	engine := w.engine()
	engine.Signer = signer
	return engine.Run(t.Context())
}

func TestSignedIntentIsDurableBeforeTheFirstChange(t *testing.T) {
	w := newWorld(t, "events")
	w.windowErr = func(Window) error {
		if w.status.Evidence.IntentEnvelope == "" {
			t.Error("a window was opened before the intent was recorded")
		}
		return nil
	}
	if err := w.runSigned(t, stamp{}); err != nil {
		t.Fatal(err)
	}
	e := w.status.Evidence
	if e.IntentEnvelope != "stamped "+e.IntentDigest || e.OutcomeEnvelope != "stamped "+e.Digest || e.IntentDigest == "" {
		t.Errorf("evidence %+v", e)
	}
	if w.status.Outcome.Reason != v1alpha1.ReasonCompleted {
		t.Errorf("outcome %+v", w.status.Outcome)
	}
}

func TestPreviewHasASignedOutcomeAndNoIntent(t *testing.T) {
	w := newWorld(t, "events")
	w.plan.Mode = string(v1alpha1.RunPreview)
	if err := w.runSigned(t, stamp{}); err != nil {
		t.Fatal(err)
	}
	if e := w.status.Evidence; e.IntentEnvelope != "" || e.OutcomeEnvelope == "" {
		t.Errorf("evidence %+v", e)
	}
}

func TestNothingIsChangedIfTheIntentCannotBeSigned(t *testing.T) {
	w := newWorld(t, "events")
	broken := errors.New("no key")
	if err := w.runSigned(t, stamp{err: broken}); !errors.Is(err, broken) || len(w.windows) != 0 {
		t.Errorf("error %v, %d windows", err, len(w.windows))
	}
}

func TestWithoutASignerEvidenceHasDigestsAlone(t *testing.T) {
	w := newWorld(t, "events")
	w.run(v1alpha1.ReasonCompleted)
	if e := w.status.Evidence; e.IntentDigest != "" || e.OutcomeEnvelope != "" || e.Digest == "" {
		t.Errorf("evidence %+v", e)
	}
}

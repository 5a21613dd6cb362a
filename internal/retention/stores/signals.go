package stores

import (
	"context"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
)

// Gauges are how a session measures its signals.
type Gauges map[retention.Signal]func(context.Context, *retention.Rule) (retention.Reading, error)

// Measure measures a signal. One that has no gauge ends the run: a limit is never ignored.
func (g Gauges) Measure(ctx context.Context, signal retention.Signal, rule *retention.Rule) (retention.Reading, error) {
	if read := g[signal]; read != nil {
		return read(ctx, rule)
	}
	return retention.Reading{}, Unavailable(signal, "a store of this kind does not know it")
}

// Unavailable is the Failure of a signal that the store does not show to anyone.
func Unavailable(signal retention.Signal, why string) error {
	return retention.Fail(v1alpha1.ReasonSignalUnavailable, "the store does not show %s: %s. Leave it out of throttle.pauseAbove", signal, why)
}

// Ungranted is the Failure of a signal that the store does not show to the login.
func Ungranted(signal retention.Signal, grant string) error {
	return retention.Fail(v1alpha1.ReasonPrivilegeMissing, "the store does not show %s to the login: %s, or leave it out of throttle.pauseAbove", signal, grant)
}

package mysql

import (
	"context"

	"github.com/carrier-operator/carrier-operator/internal/retention"
)

// Lag says that it is not known.
func (s *session) Lag(context.Context) (retention.Lag, error) {
	return retention.Lag{Unknown: "the store does not tell it"}, nil
}

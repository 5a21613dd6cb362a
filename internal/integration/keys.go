package integration

import (
	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

// Keys that a profile's authentication takes out of the credential's Secret, each once.
func Keys(a *v1alpha1.Authentication) []config.Key {
	c := Authentication(a)
	return c.Keys()
}

package carrier

import (
	"encoding/json"
	"errors"
	"fmt"

	"k8s.io/utils/clock"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
	"github.com/carrier-operator/carrier-operator/internal/minimize"
)

// Check says what keeps an authentication from working whatever the content of the credential: a path, a template, two values at one
// place. The operator asks here, so that a mistake in a profile is told by it and not by a gateway that cannot start. The error holds
// nothing but what the profile says.
func Check(a config.Authentication) error {
	if needs(a) {
		return fmt.Errorf("authentication %s needs its settings", a.Type)
	}
	values := map[string][]byte{}
	for _, k := range a.Keys() {
		values[k.Name] = []byte("x")
	}
	example := NewCredential("example", values)
	if _, err := newParts(a, example, clock.RealClock{}); err != nil {
		return err
	}
	var settings config.TokenSettings
	switch {
	case a.OAuth2 != nil:
		settings = a.OAuth2.TokenSettings
	case a.Login != nil:
		settings = a.Login.TokenSettings
		if _, err := newLogin(a.Login, example); err != nil {
			return err
		}
	default:
		return nil
	}
	if err := checkPlacement(settings.Placement); err != nil {
		return err
	}
	if err := checkResponse(settings.Response); err != nil || a.Chained == nil {
		return err
	}
	return checkChained(a.Chained, settings.Placement, example)
}

func checkPlacement(p config.TokenPlacement) error {
	if _, err := newPlacement(p); err != nil || p.BodyPath == "" {
		return err
	}
	path, err := parsePath(p.BodyPath)
	if err == nil {
		_, err = newSetter(minimize.FormatXML, []place{{path, "x"}})
	}
	if err != nil {
		return fmt.Errorf("token placement: %w", err)
	}
	return nil
}

func checkResponse(r config.TokenResponse) error {
	for _, path := range []string{r.TokenPath, r.ExpiryPath, r.RefreshTokenPath} {
		if path == "" {
			continue
		}
		if _, err := parsePath(path); err != nil {
			return fmt.Errorf("token response: %w", err)
		}
	}
	return nil
}

func checkChained(c *config.ChainedToken, first config.TokenPlacement, example *Credential) error {
	body, err := fill(c.Template, example, escapeJSON)
	switch {
	case err != nil:
		return err
	case !json.Valid([]byte(body)):
		return errors.New("the template of the chained token's request is not JSON: write one value, with each {key} inside of a string")
	case first.BodyPath != "":
		return errors.New("a chained token needs a first token that goes into a header")
	}
	return checkResponse(c.Response)
}

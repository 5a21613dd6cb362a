package story

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/carrier-operator/carrier-operator/test/carriersim"
)

// RotationChecks show that certificates and credentials change while requests go on.
func (s *Shop) RotationChecks() []Check {
	return []Check{
		{"a rotated certificate and a changed credential, without a failed request", s.rotateUnderLoad},
	}
}

// summary is what the application's load counted, see test/e2e/cmd/app.
type summary struct {
	Requests     int
	Failed       int
	Errors       map[string]int
	Certificates []string
}

type loadResult struct {
	summary summary
	err     error
}

// startLoad sends rate requests from the client's pod until stop is called.
func (s *Shop) startLoad(ctx context.Context) (stop func() (summary, error), err error) {
	address, err := s.address(ctx)
	if err != nil {
		return nil, err
	}
	body, err := manifests.ReadFile("manifests/rate.json")
	if err != nil {
		return nil, err
	}
	flag := "/tmp/stop-" + rand.Text()
	done := make(chan loadResult, 1)
	go func() {
		var r loadResult
		r.err = s.Lab.Exec(ctx, Namespace, "checkout", body, &r.summary, "load", "--url", address+ratePath,
			"--ca", "/etc/carrier/trust/ca.crt", "--cert-dir", "/etc/carrier/certificate", "--interval", "50ms", "--duration", "4m", "--stop", flag, "--at-least", "150")
		done <- r
	}()
	return func() (summary, error) {
		if err := s.Lab.Exec(ctx, Namespace, "checkout", nil, &struct{}{}, "touch", flag); err != nil {
			return summary{}, err
		}
		r := <-done
		return r.summary, r.err
	}, nil
}

func (s *Shop) rotateUnderLoad(ctx context.Context) (string, error) {
	if err := s.Carrier.ClearReceived(ctx); err != nil {
		return "", err
	}
	stop, err := s.startLoad(ctx)
	if err != nil {
		return "", err
	}
	rotated := errors.Join(s.rotateCertificates(ctx), s.rotateCredential(ctx))
	total, err := stop()
	if err := errors.Join(rotated, err); err != nil {
		return "", err
	}
	if total.Failed > 0 || total.Requests < 100 {
		return "", fmt.Errorf("%d of %d requests failed (want 0 of at least 100): %v", total.Failed, total.Requests, total.Errors)
	}
	if len(total.Certificates) < 2 {
		return "", fmt.Errorf("the client saw %d server certificates, want the old and the new one", len(total.Certificates))
	}
	return fmt.Sprintf("%d requests, 0 failed; new certificate %.8s and new credential in use", total.Requests, total.Certificates[len(total.Certificates)-1]), nil
}

// fingerprints are those of the certificates that the integration's status says are served.
func (s *Shop) fingerprints(ctx context.Context) (map[string]string, error) {
	var ci struct {
		Status struct {
			Certificates struct {
				Issued []struct{ Name, Fingerprint string }
			}
		}
	}
	err := s.Lab.Get(ctx, &ci, "-n", Namespace, "carrierintegration", "ups")
	all := map[string]string{}
	for _, c := range ci.Status.Certificates.Issued {
		all[c.Name] = c.Fingerprint
	}
	return all, err
}

// rotateCertificates has cert-manager issue the gateway's and the client's certificate anew, as `cmctl renew` does, and waits until the
// integration serves them.
func (s *Shop) rotateCertificates(ctx context.Context) error {
	before, err := s.fingerprints(ctx)
	if err != nil {
		return err
	}
	names := []string{"ups-gateway-tls", "ups-client-checkout"}
	for _, name := range names {
		patch := fmt.Sprintf(`{"status":{"conditions":[{"type":"Issuing","status":"True","reason":"ManuallyTriggered","message":"renewed by hand","lastTransitionTime":%q}]}}`,
			time.Now().UTC().Format(time.RFC3339))
		if _, err := s.Lab.Kubectl(ctx, "-n", Namespace, "patch", "certificate", name, "--subresource=status", "--type=merge", "-p", patch); err != nil {
			return err
		}
	}
	return s.Lab.Wait(ctx, 90*time.Second, "the new certificates to be served", func(ctx context.Context) (bool, string, error) {
		now, err := s.fingerprints(ctx)
		if err != nil {
			return false, "", err
		}
		if i := slices.IndexFunc(names, func(n string) bool { return now[n] == "" || now[n] == before[n] }); i >= 0 {
			return false, names[i] + " is still the old one", nil
		}
		return s.serving(ctx)
	})
}

// serving says whether every replica acknowledged the current revision.
func (s *Shop) serving(ctx context.Context) (bool, string, error) {
	status, reason, message, err := s.Lab.Condition(ctx, Namespace, "carrierintegration/ups", "GatewayReady")
	return status == "True", reason + ": " + message, err
}

// rotateCredential changes the secret at the carrier, with an overlap as carriers offer it, then in the cluster, and waits until the
// carrier sees token requests with the new one.
func (s *Shop) rotateCredential(ctx context.Context) error {
	s.secret = rand.Text()
	s.secrets = append(s.secrets, s.secret)
	account := map[string]any{"carrier": "ups", "id": s.clientID, "secret": s.secret, "overlapSeconds": 120}
	if err := s.Carrier.PutAccount(ctx, account); err != nil {
		return err
	}
	before, err := s.credentialVersion(ctx)
	if err != nil {
		return err
	}
	if err := s.applySecret(ctx); err != nil {
		return err
	}
	return s.Lab.Wait(ctx, 90*time.Second, "the new credential to be served", func(ctx context.Context) (bool, string, error) {
		now, err := s.credentialVersion(ctx)
		if err != nil || now == before {
			return false, "the credential's version is still the old one", err
		}
		if ok, said, err := s.serving(ctx); !ok {
			return false, said, err
		}
		tokens, err := s.Carrier.Received(ctx, "token")
		used := slices.ContainsFunc(tokens, func(r carriersim.Request) bool { return basicPassword(r.Header) == s.secret })
		return used, "no token request with the new secret yet", err
	})
}

func basicPassword(header http.Header) string {
	_, password, _ := (&http.Request{Header: header}).BasicAuth()
	return password
}

func (s *Shop) credentialVersion(ctx context.Context) (string, error) {
	text, err := s.Lab.Kubectl(ctx, "-n", Namespace, "get", "carrierintegration", "ups", "-o", "jsonpath={.status.credentials}")
	if err != nil {
		return "", err
	}
	var all []struct{ Name, Version string }
	if err := json.Unmarshal([]byte(text), &all); err != nil || len(all) == 0 {
		return "", fmt.Errorf("status.credentials of carrierintegration ups: %q", strings.TrimSpace(text))
	}
	return all[0].Version, nil
}

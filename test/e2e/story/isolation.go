package story

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	apiv1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/test/carriersim"
	"github.com/carrier-operator/carrier-operator/test/e2e/lab"
)

const (
	upsHost   = "onlinetools.ups.com"
	trackPath = "/api/track/v1/details/1Z0000000000000000"
)

// IsolationChecks show that each client gets what it may have, and that the gateway stays with its carrier whatever DNS, the carrier's
// answers or the cluster's network do.
func (s *Shop) IsolationChecks() []Check {
	return []Check{
		{"two clients have different operations", s.clientsDiffer},
		{"the carrier moves to another address while requests go on, and none fails", s.carrierMoves},
		{"DNS that answers private addresses moves nothing", s.poisonedDNS},
		{"a hijacked redirect is not followed", s.hijackedRedirect},
		{"a cluster that does not enforce policies is told so", s.notEnforced},
	}
}

func (s *Shop) clientsDiffer(ctx context.Context) (string, error) {
	fulfillment := pod{"fulfillment", "fulfillment", "ups-client-fulfillment"}
	if err := s.applyFile(ctx, "pods.yaml", []pod{fulfillment}); err != nil {
		return "", err
	}
	if err := s.Lab.WaitCondition(ctx, time.Minute, Namespace, "pod/fulfillment", "Ready", "True"); err != nil {
		return "", err
	}
	rate, err := manifests.ReadFile("manifests/rate.json")
	if err != nil {
		return "", err
	}
	var seen []string
	for _, want := range []struct {
		pod, method, path string
		body              []byte
		status            int
	}{
		{"checkout", http.MethodPost, ratePath, rate, http.StatusOK},
		{"checkout", http.MethodGet, trackPath, nil, http.StatusForbidden},
		{"fulfillment", http.MethodPost, ratePath, rate, http.StatusOK},
		{"fulfillment", http.MethodGet, trackPath, nil, http.StatusOK},
	} {
		got, err := s.call(ctx, want.pod, want.method, want.path, want.body, withCertificate...)
		if err != nil {
			return "", err
		}
		if got.Status != want.status {
			return "", fmt.Errorf("%s %s by %s: status %d, want %d: %s %.300s", want.method, want.path, want.pod, got.Status, want.status, got.Error, got.Body)
		}
		seen = append(seen, fmt.Sprintf("%s %s %d", want.pod, want.method, got.Status))
	}
	return strings.Join(seen, ", "), nil
}

// network is what the integration's status says of the carrier's addresses, and the revision that the gateways are to serve.
func (s *Shop) network(ctx context.Context) (addresses []string, revision string, err error) {
	var ci apiv1.CarrierIntegration
	if err := s.Lab.Get(ctx, &ci, "-n", Namespace, "carrierintegration", "ups"); err != nil {
		return nil, "", err
	}
	for _, h := range ci.Status.Network.Hosts {
		if h.Host == upsHost {
			addresses = h.Addresses
		}
	}
	return addresses, ci.Status.Gateway.Revision, nil
}

// resolveTo lets the carrier's name answer these addresses and waits until they are published and all gateways serve them: they are
// published first, and until the next revision GatewayReady speaks of the one before.
func (s *Shop) resolveTo(ctx context.Context, want ...string) error {
	_, before, err := s.network(ctx)
	if err != nil {
		return err
	}
	if err := s.Lab.SetAddresses(upsHost, want...); err != nil {
		return err
	}
	return s.Lab.Wait(ctx, 2*time.Minute, "the addresses to be published and served", func(ctx context.Context) (bool, string, error) {
		got, revision, err := s.network(ctx)
		if err != nil || !slices.Equal(got, want) || revision == before {
			return false, fmt.Sprintf("%v are published in revision %s, want %v in another one than %s", got, revision, want, before), err
		}
		return s.serving(ctx)
	})
}

// carrierMoves lets the name resolve to both addresses, then closes the old one, then takes it out of DNS.
func (s *Shop) carrierMoves(ctx context.Context) (string, error) {
	if err := s.Carrier.ClearReceived(ctx); err != nil {
		return "", err
	}
	stop, err := s.startLoad(ctx)
	if err != nil {
		return "", err
	}
	moved := errors.Join(
		s.resolveTo(ctx, lab.UPSAddress, lab.UPSNewAddress),
		s.Carrier.Leave(ctx, lab.UPSAddress),
		s.Lab.SetAddresses(upsHost, lab.UPSNewAddress),
		s.Lab.Wait(ctx, time.Minute, "requests at the new address", func(ctx context.Context) (bool, string, error) {
			n, err := s.receivedAt(ctx, lab.UPSNewAddress)
			return n > 20, fmt.Sprintf("%d requests came there", n), err
		}))
	total, err := stop()
	if err := errors.Join(moved, err); err != nil {
		return "", err
	}
	if total.Failed > 0 {
		return "", fmt.Errorf("%d of %d requests failed: %v", total.Failed, total.Requests, total.Errors)
	}
	before, err := s.receivedAt(ctx, lab.UPSAddress)
	if err != nil || before == 0 {
		return "", errors.Join(err, errors.New("no request came to the old address, so nothing moved"))
	}
	after, err := s.receivedAt(ctx, lab.UPSNewAddress)
	return fmt.Sprintf("%d requests, 0 failed: %d at %s, then %d at %s", total.Requests, before, lab.UPSAddress, after, lab.UPSNewAddress), err
}

func (s *Shop) receivedAt(ctx context.Context, address string) (n int, _ error) {
	received, err := s.Carrier.Received(ctx, "rate")
	for _, r := range received {
		if strings.HasPrefix(r.LocalAddr, address+":") {
			n++
		}
	}
	return n, err
}

// poisonedDNS has the name answer a private address, alone and beside a right one. What was published stays.
func (s *Shop) poisonedDNS(ctx context.Context) (string, error) {
	before, _, err := s.network(ctx)
	if err != nil {
		return "", err
	}
	var said string
	for _, poison := range [][]string{{"10.96.0.1"}, {lab.UPSNewAddress, "169.254.169.254"}} {
		if err := s.Lab.SetAddresses(upsHost, poison...); err != nil {
			return "", err
		}
		err := s.Lab.Wait(ctx, 2*time.Minute, "the answer to be refused", func(ctx context.Context) (bool, string, error) {
			status, reason, message, err := s.Lab.Condition(ctx, Namespace, "carrierintegration/ups", apiv1.ConditionNetworkReady)
			said = message
			return status == "False" && reason == apiv1.ReasonAddressRefused && strings.Contains(message, poison[len(poison)-1]), reason + ": " + message, err
		})
		if err != nil {
			return "", err
		}
		got, _, err := s.network(ctx)
		if err != nil || !slices.Equal(got, before) {
			return "", errors.Join(err, fmt.Errorf("%v are published, %v were before", got, before))
		}
		if rate, err := s.rate(ctx); err != nil || rate.Status != http.StatusOK {
			return "", errors.Join(err, fmt.Errorf("the gateway stopped serving: status %d, %s %.200s", rate.Status, rate.Error, rate.Body))
		}
	}
	if err := s.Lab.SetAddresses(upsHost, lab.UPSNewAddress); err != nil {
		return "", err
	}
	return said, s.Lab.WaitCondition(ctx, 2*time.Minute, Namespace, "carrierintegration/ups", apiv1.ConditionReady, "True")
}

// hijackedRedirect lets the carrier's answer, then its token endpoint, send the gateway to a server that is reachable for others.
func (s *Shop) hijackedRedirect(ctx context.Context) (string, error) {
	if err := s.Carrier.ClearReceived(ctx); err != nil {
		return "", err
	}
	redirect := carriersim.Fault{Path: ratePath, Body: carriersim.FaultRedirect, Status: http.StatusTemporaryRedirect, RedirectTo: "https://" + lab.ElsewhereAddress + ratePath}
	if err := s.Carrier.SetFaults(ctx, redirect); err != nil {
		return "", err
	}
	got, err := s.rate(ctx)
	err = errors.Join(err, s.Carrier.SetFaults(ctx))
	if err != nil {
		return "", err
	}
	if got.Status != http.StatusTemporaryRedirect || got.Header.Get("Location") != "" {
		return "", fmt.Errorf("status %d, Location %q; want the carrier's 307 without the way to elsewhere", got.Status, got.Header.Get("Location"))
	}
	received, err := s.Carrier.Received(ctx, "")
	if err != nil {
		return "", err
	}
	for _, r := range received {
		if strings.HasPrefix(r.LocalAddr, lab.ElsewhereAddress+":") {
			return "", fmt.Errorf("%s %s came to %s", r.Method, r.Path, lab.ElsewhereAddress)
		}
	}
	return fmt.Sprintf("307 passed on without Location; nothing came to %s", lab.ElsewhereAddress), nil
}

// notEnforced stops the network plugin's enforcement, has the operator look, and brings it back.
func (s *Shop) notEnforced(ctx context.Context) (string, error) {
	if err := s.Lab.WaitCondition(ctx, 2*time.Minute, Namespace, "carrierintegration/ups", apiv1.ConditionNetworkEnforced, "True"); err != nil {
		return "", err
	}
	if err := s.Lab.Enforce(ctx, "off"); err != nil {
		return "", err
	}
	var said string
	err := errors.Join(s.newRevision(ctx, 41), s.Lab.Wait(ctx, 2*time.Minute, "the probe to get through", func(ctx context.Context) (bool, string, error) {
		status, reason, message, err := s.Lab.Condition(ctx, Namespace, "carrierintegration/ups", apiv1.ConditionNetworkEnforced)
		said = message
		return status == "False" && reason == apiv1.ReasonNotEnforced, reason + ": " + message, err
	}))
	if err := errors.Join(err, s.Lab.Enforce(ctx, "on"), s.newRevision(ctx, 42)); err != nil {
		return "", err
	}
	return said, s.Lab.WaitCondition(ctx, 2*time.Minute, Namespace, "carrierintegration/ups", apiv1.ConditionNetworkEnforced, "True")
}

// newRevision changes the gateway's configuration, after which the operator probes anew.
func (s *Shop) newRevision(ctx context.Context, timeoutSeconds int) error {
	_, err := s.Lab.Kubectl(ctx, "-n", Namespace, "patch", "carrierintegration", "ups", "--type=merge", "-p",
		fmt.Sprintf(`{"spec":{"gateway":{"timeoutSeconds":%d}}}`, timeoutSeconds))
	return err
}

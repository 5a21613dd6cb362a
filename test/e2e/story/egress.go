package story

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carrier-operator/carrier-operator/test/carriersim"
	"github.com/carrier-operator/carrier-operator/test/e2e/lab"
)

// answer is what the application saw of a call, see test/e2e/cmd/app.
type answer struct {
	Status      int
	Header      http.Header
	Body        string
	Certificate string
	Error       string
}

// EgressChecks show that the integration does its job. They leave the cluster as they found it.
func (s *Shop) EgressChecks() []Check {
	return []Check{
		{"the integration becomes Ready", s.becomesReady},
		{"a pod with the client certificate gets a rate", s.getsRate},
		{"the carrier received only the allowed fields", s.carrierReceivedOnlyAllowed},
		{"an operation that the client may not call is refused", s.operationRefused},
		{"the application's pod holds no carrier secret", s.appHoldsNoSecret},
		{"a pod that is not a client cannot connect", s.strangerRefused},
		{"a connection without client certificate fails", s.noCertificateRefused},
		{"the gateway's pod reaches the carrier and nothing else", s.gatewayReachesOnlyCarrier},
	}
}

func (s *Shop) becomesReady(ctx context.Context) (string, error) {
	if err := s.Lab.WaitCondition(ctx, 2*time.Minute, Namespace, "carrierintegration/ups", "Ready", "True"); err != nil {
		return "", err
	}
	return s.line(ctx, "carrierintegration", "ups")
}

// line is what kubectl get prints for an object, as people see it.
func (s *Shop) line(ctx context.Context, kind, name string) (string, error) {
	text, err := s.Lab.Kubectl(ctx, "-n", Namespace, "get", kind, name, "--no-headers")
	return strings.Join(strings.Fields(text), "  "), err
}

func (s *Shop) call(ctx context.Context, pod, method, path string, body []byte, flags ...string) (answer, error) {
	address, err := s.address(ctx)
	if err != nil {
		return answer{}, err
	}
	command := append([]string{
		"call", "--method", method, "--url", address + path, "--ca", "/etc/carrier/trust/ca.crt",
		"--header", "transId: 1001", "--header", "transactionSrc: shop",
	}, flags...)
	var got answer
	err = s.Lab.Exec(ctx, Namespace, pod, body, &got, command...)
	if got.Status >= http.StatusBadRequest {
		s.refusals = append(s.refusals, got)
	}
	return got, err
}

const ratePath = "/api/rating/v2409/Rate"

var withCertificate = []string{"--cert-dir", "/etc/carrier/certificate"}

func (s *Shop) rate(ctx context.Context) (answer, error) {
	body, err := manifests.ReadFile("manifests/rate.json")
	if err != nil {
		return answer{}, err
	}
	return s.call(ctx, "checkout", http.MethodPost, ratePath, body, withCertificate...)
}

func (s *Shop) getsRate(ctx context.Context) (string, error) {
	if err := s.Carrier.ClearReceived(ctx); err != nil {
		return "", err
	}
	got, err := s.rate(ctx)
	if err != nil {
		return "", err
	}
	var rate struct {
		RateResponse struct {
			RatedShipment []struct {
				TotalCharges struct{ CurrencyCode, MonetaryValue string }
			}
		}
	}
	if got.Status != http.StatusOK || json.Unmarshal([]byte(got.Body), &rate) != nil || len(rate.RateResponse.RatedShipment) == 0 {
		return "", fmt.Errorf("no rate: status %d, error %q, body %.300s", got.Status, got.Error, got.Body)
	}
	charge := rate.RateResponse.RatedShipment[0].TotalCharges
	want := carriersim.Quote{FromCountry: "US", FromPostalCode: "21093", ToCountry: "US", ToPostalCode: "30005", Grams: 2268, Service: "03"}.Amount()
	if charge.MonetaryValue != want {
		return "", fmt.Errorf("the rate is %s, the carrier's price list says %s", charge.MonetaryValue, want)
	}
	return fmt.Sprintf("%s %s for 5 lb from 21093 to 30005", charge.MonetaryValue, charge.CurrencyCode), nil
}

func (s *Shop) carrierReceivedOnlyAllowed(ctx context.Context) (string, error) {
	received, err := s.Carrier.Received(ctx, "rate")
	if err != nil {
		return "", err
	}
	if len(received) != 1 {
		return "", fmt.Errorf("the carrier received %d rate requests, want the one that was sent", len(received))
	}
	sent, want, got, err := s.bodies(received[0])
	if err != nil {
		return "", err
	}
	if diff := cmp.Diff(want, got); diff != "" {
		return "", fmt.Errorf("the carrier received other fields than allowed (-want +got):\n%s", diff)
	}
	before, after := leaves(sent, "$"), leaves(got, "$")
	removed := slices.DeleteFunc(slices.Clone(before), func(path string) bool { return slices.Contains(after, path) })
	return fmt.Sprintf("%d fields sent, %d received; removed: %s", len(before), len(after), strings.Join(shorten(removed), ", ")), nil
}

func (s *Shop) bodies(received carriersim.Request) (sent, want, got any, err error) {
	for name, into := range map[string]*any{"rate.json": &sent, "rate-minimized.json": &want} {
		content, readErr := manifests.ReadFile("manifests/" + name)
		err = errors.Join(err, readErr, json.Unmarshal(content, into))
	}
	return sent, want, got, errors.Join(err, json.Unmarshal(received.JSON, &got))
}

// leaves are the paths of all values that are not objects or lists, sorted.
func leaves(value any, path string) []string {
	var all []string
	switch v := value.(type) {
	case map[string]any:
		for name, member := range v {
			all = append(all, leaves(member, path+"."+name)...)
		}
	case []any:
		for _, element := range v {
			all = append(all, leaves(element, path+"[*]")...)
		}
	default:
		all = []string{path}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// shorten keeps the last two names of each path, for people.
func shorten(paths []string) []string {
	short := make([]string, 0, len(paths))
	for _, path := range paths {
		names := strings.Split(path, ".")
		short = append(short, strings.Join(names[max(0, len(names)-2):], "."))
	}
	return short
}

func (s *Shop) operationRefused(ctx context.Context) (string, error) {
	got, err := s.call(ctx, "checkout", http.MethodGet, "/api/track/v1/details/1Z0000000000000000", nil, withCertificate...)
	if err != nil {
		return "", err
	}
	if got.Status != http.StatusForbidden {
		return "", fmt.Errorf("client checkout asked for track: status %d, want 403: %.200s", got.Status, got.Body)
	}
	received, err := s.Carrier.Received(ctx, "track")
	if err != nil {
		return "", err
	}
	if len(received) != 0 {
		return "", errors.New("the carrier received the refused request")
	}
	return "403 " + problem(got.Body), nil
}

// problem is the title of a problem+json answer (RFC 9457).
func problem(body string) string {
	var p struct{ Title, Detail string }
	if json.Unmarshal([]byte(body), &p) != nil || p.Title == "" {
		return "without a title: " + body
	}
	return p.Title
}

func (s *Shop) appHoldsNoSecret(ctx context.Context) (string, error) {
	var got struct {
		FilesRead int
		Found     []string
	}
	// The control: the search finds what the pod does hold.
	if err := s.Lab.Exec(ctx, Namespace, "checkout", []byte("BEGIN CERTIFICATE\n"), &got, "search"); err != nil {
		return "", err
	}
	if len(got.Found) == 0 {
		return "", errors.New("the search does not even find the pod's own certificate")
	}
	if err := s.Lab.Exec(ctx, Namespace, "checkout", []byte(s.clientID+"\n"+s.secret+"\n"), &got, "search"); err != nil {
		return "", err
	}
	if len(got.Found) != 0 {
		return "", fmt.Errorf("the credential is in %s", strings.Join(got.Found, ", "))
	}
	return fmt.Sprintf("neither client ID nor secret in environment or %d files", got.FilesRead), nil
}

func (s *Shop) strangerRefused(ctx context.Context) (string, error) {
	got, err := s.call(ctx, "stranger", http.MethodPost, ratePath, []byte("{}"), append(slices.Clone(withCertificate), "--timeout", "4s")...)
	if err != nil {
		return "", err
	}
	if got.Error == "" {
		return "", fmt.Errorf("a pod without the client's label got an answer: status %d", got.Status)
	}
	return "no connection, though it holds the certificate of a client", nil
}

func (s *Shop) noCertificateRefused(ctx context.Context) (string, error) {
	got, err := s.call(ctx, "checkout-without-certificate", http.MethodPost, ratePath, []byte("{}"))
	if err != nil {
		return "", err
	}
	if got.Error == "" {
		return "", fmt.Errorf("a client without certificate got an answer: status %d", got.Status)
	}
	if !strings.Contains(got.Error, "certificate required") {
		return "", fmt.Errorf("the connection failed for another reason than the missing certificate: %s", got.Error)
	}
	return "TLS alert: certificate required", nil
}

func (s *Shop) gatewayReachesOnlyCarrier(ctx context.Context) (string, error) {
	carrier, elsewhere, fedex := lab.UPSAddress+":443", lab.ElsewhereAddress+":443", lab.FedExAddress+":443"
	targets := []string{"dial", carrier, elsewhere, fedex}
	// The control: these servers can be reached from a pod that no policy limits.
	var free map[string]string
	if err := s.Lab.Exec(ctx, Namespace, "stranger", nil, &free, targets...); err != nil {
		return "", err
	}
	pod, err := s.gatewayPod(ctx)
	if err != nil {
		return "", err
	}
	var got map[string]string
	if err := s.Lab.Inside(ctx, Namespace, pod, &got, targets...); err != nil {
		return "", err
	}
	switch {
	case free[carrier] != "open" || free[elsewhere] != "open" || free[fedex] != "open":
		return "", fmt.Errorf("a free pod cannot reach the servers either: %v", free)
	case got[carrier] != "open":
		return "", fmt.Errorf("the gateway's pod cannot reach the carrier: %s", got[carrier])
	case got[elsewhere] == "open" || got[fedex] == "open":
		return "", fmt.Errorf("the gateway's pod reaches more than its carrier: %v", got)
	}
	return fmt.Sprintf("%s opens; %s and %s, open to a free pod, do not", carrier, fedex, elsewhere), nil
}

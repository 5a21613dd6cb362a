package story

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/carrier-operator/carrier-operator/test/e2e/lab"
)

// personal are values of the shop's customers that the stories have sent through gateway and database.
var personal = []string{
	"Jane", "jane.roe", "@example.com", "Sample Street", "202 555", "000-00-0000", "door code", "Warehouse Way",
}

// CanaryChecks search everything that the programs have said for every secret and personal value of the run.
func (s *Shop) CanaryChecks() []Check {
	return []Check{{"no secret and no personal value is in logs, metrics, events, statuses, configuration or error answers", s.nothingLeaked}}
}

// planted are the values that must not show, with a word for each that may be printed.
func (s *Shop) planted(ctx context.Context) (map[string]string, error) {
	values := map[string]string{}
	for i, v := range personal {
		values[v] = fmt.Sprintf("personal value %d (%.4s...)", i+1, v)
	}
	for i, v := range s.secrets {
		values[v] = fmt.Sprintf("secret %d", i+1)
	}
	received, err := s.Carrier.Received(ctx, "")
	for _, r := range received {
		if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && len(token) > 8 {
			values[token] = "a value of Authorization: " + scheme
		}
	}
	return values, err
}

// output is what one source said, and a text that must be in it: an empty source would prove nothing.
type output struct{ text, control string }

func (s *Shop) nothingLeaked(ctx context.Context) (string, error) {
	planted, err := s.planted(ctx)
	if err != nil {
		return "", err
	}
	outputs, err := s.outputs(ctx)
	if err != nil {
		return "", err
	}
	var leaks []string
	size := 0
	for _, source := range slices.Sorted(maps.Keys(outputs)) {
		out := outputs[source]
		size += len(out.text)
		if !strings.Contains(out.text, out.control) {
			return "", fmt.Errorf("%s: %d bytes, but not %q: the search would prove nothing", source, len(out.text), out.control)
		}
		for value, word := range planted {
			if strings.Contains(out.text, value) {
				leaks = append(leaks, source+" shows "+word)
			}
		}
	}
	if len(leaks) > 0 {
		slices.Sort(leaks)
		return "", errors.New(strings.Join(leaks, "; "))
	}
	return fmt.Sprintf("%d values, searched in %d sources, %d KiB: 0 hits", len(planted), len(outputs), size>>10), nil
}

func (s *Shop) outputs(ctx context.Context) (map[string]output, error) {
	all := map[string]output{}
	kubectl := func(source, control string, args ...string) error {
		text, err := s.Lab.Kubectl(ctx, args...)
		all[source] = output{text, control}
		return err
	}
	refusals, err := json.Marshal(s.refusals)
	all["error answers"] = output{string(refusals), "carrier-operator.io/problems/"}
	kinds := "carriers,pods,jobs,deployments,services,configmaps,networkpolicies,certificates,serviceaccounts"
	err = errors.Join(err,
		kubectl("log of the manager", `"msg"`, "-n", lab.OperatorNamespace, "logs", "-l", "app.kubernetes.io/name=carrier-operator", "--tail=-1", "--all-containers"),
		kubectl("log of the gateways", `"operation":"rate"`, "-n", Namespace, "logs", "-l", "carrier-operator.io/component=gateway", "--tail=-1", "-c", "gateway"),
		kubectl("log of the purgers", `"msg"`, "-n", Namespace, "logs", "-l", "carrier-operator.io/component=purger", "--tail=-1", "--all-containers"),
		kubectl("events", `"CarrierIntegration"`, "get", "events.events.k8s.io", "-A", "-o", "json"),
		kubectl("objects and statuses", "lastTransitionTime", "-n", Namespace, "get", kinds, "-o", "json"),
		kubectl("objects of the operator", "lastTransitionTime", "-n", lab.OperatorNamespace, "get", "pods,deployments,configmaps", "-o", "json"),
		s.metrics(ctx, all, "manager", lab.OperatorNamespace, "app.kubernetes.io/name=carrier-operator", "8080", "controller_runtime_reconcile_total"),
		s.metrics(ctx, all, "gateway", Namespace, "carrier-operator.io/component=gateway", "9090", "carrier_gateway_requests_total"))
	return all, err
}

// metrics reads those of each pod from the node, whom no policy keeps out.
func (s *Shop) metrics(ctx context.Context, all map[string]output, program, namespace, selector, port, control string) error {
	ips, err := s.Lab.Kubectl(ctx, "-n", namespace, "get", "pods", "-l", selector, "--field-selector=status.phase=Running", "-o", "jsonpath={.items[*].status.podIP}")
	if err != nil {
		return err
	}
	for ip := range strings.FieldsSeq(ips) {
		text, err := s.Lab.FromNode(ctx, "call", "--method", http.MethodGet, "--url", "http://"+ip+":"+port+"/metrics")
		if err != nil {
			return err
		}
		all["metrics of "+program+" "+ip] = output{text, control}
	}
	return nil
}

// Package story tells what a user does with the operator, step by step, on a real cluster. The demo shows the stories to a person, the
// end-to-end tests assert them.
package story

import (
	"bytes"
	"context"
	"crypto/rand"
	"embed"
	"fmt"
	"strings"
	"text/template"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/carrier-operator/carrier-operator/test/e2e/lab"
)

//go:embed manifests
var manifests embed.FS

// Namespace of the shop.
const Namespace = "shop"

// A Check is one thing that is performed and seen. It returns what was seen, or an error that says what was wrong.
type Check struct {
	Name string
	Run  func(ctx context.Context) (string, error)
}

// Shop is a shop on a lab with a carrier.
type Shop struct {
	Lab     *lab.Lab
	Carrier *lab.Carrier

	clientID, secret string
	// secrets are all that were ever used, refusals the answers with an error status: what the last story searches for, and in.
	secrets  []string
	refusals []answer
}

// Open sets up the shop: its namespace, a private CA, the carrier's credential and CA bundle, and the integration; then the pods of its
// applications.
func Open(ctx context.Context, l *lab.Lab, carrier *lab.Carrier) (*Shop, error) {
	s := &Shop{Lab: l, Carrier: carrier, clientID: "shop-" + rand.Text()[:8], secret: rand.Text()}
	s.secrets = []string{s.clientID, s.secret}
	account := map[string]any{"carrier": "ups", "id": s.clientID, "secret": s.secret}
	if err := carrier.PutAccount(ctx, account); err != nil {
		return nil, err
	}
	for _, name := range []string{"issuer.yaml", "namespace.yaml"} {
		if err := s.applyFile(ctx, name, nil); err != nil {
			return nil, err
		}
	}
	if err := s.applySecret(ctx); err != nil {
		return nil, err
	}
	if err := s.applyConfigMap(ctx, "ups-ca", map[string]string{"ca.crt": carrier.CA}); err != nil {
		return nil, err
	}
	return s, s.applyFile(ctx, "integration.yaml", nil)
}

// applySecret writes the carrier's credential as the platform's secret store would.
func (s *Shop) applySecret(ctx context.Context) error {
	return s.applyObject(ctx, map[string]any{
		"apiVersion": "v1", "kind": "Secret",
		"metadata": map[string]any{
			"name": "ups-shipping", "namespace": Namespace,
			"annotations": map[string]string{"carrier-operator.io/allowed-hosts": "onlinetools.ups.com"},
		},
		"stringData": map[string]string{"clientID": s.clientID, "clientSecret": s.secret},
	})
}

func (s *Shop) applyConfigMap(ctx context.Context, name string, data map[string]string) error {
	return s.applyObject(ctx, map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": map[string]any{"name": name, "namespace": Namespace},
		"data":     data,
	})
}

func (s *Shop) applyObject(ctx context.Context, object map[string]any) error {
	content, err := yaml.Marshal(object)
	if err != nil {
		return err
	}
	return s.Lab.Apply(ctx, content)
}

func (s *Shop) applyFile(ctx context.Context, name string, data any) error {
	content, err := manifests.ReadFile("manifests/" + name)
	if err != nil {
		return err
	}
	t, err := template.New(name).Parse(string(content))
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := t.Execute(&out, data); err != nil {
		return err
	}
	return s.Lab.Apply(ctx, out.Bytes())
}

type pod struct{ Name, App, Certificate string }

// StartApps starts the shop's pods: two clients, one of which lost its certificate, and a stranger who found one.
func (s *Shop) StartApps(ctx context.Context) error {
	pods := []pod{
		{"checkout", "checkout", "ups-client-checkout"},
		{"checkout-without-certificate", "checkout", ""},
		{"stranger", "stranger", "ups-client-checkout"},
	}
	if err := s.applyFile(ctx, "pods.yaml", pods); err != nil {
		return err
	}
	for _, p := range pods {
		if err := s.Lab.WaitCondition(ctx, time.Minute, Namespace, "pod/"+p.Name, "Ready", "True"); err != nil {
			return err
		}
	}
	return nil
}

// address is where clients call the gateway, as the integration's status says.
func (s *Shop) address(ctx context.Context) (string, error) {
	address, err := s.Lab.Kubectl(ctx, "-n", Namespace, "get", "carrierintegration", "ups", "-o", "jsonpath={.status.gateway.address}")
	if err == nil && address == "" {
		err = fmt.Errorf("status.gateway.address of carrierintegration ups is empty")
	}
	return strings.TrimSuffix(address, "/"), err
}

// gatewayPod is one of the gateway's running pods.
func (s *Shop) gatewayPod(ctx context.Context) (string, error) {
	pods, err := s.Lab.Pods(ctx, Namespace, "carrier-operator.io/integration=ups,carrier-operator.io/component=gateway")
	if err == nil && len(pods) == 0 {
		err = fmt.Errorf("no gateway pod of carrierintegration ups is running")
	}
	if err != nil {
		return "", err
	}
	return pods[0], nil
}

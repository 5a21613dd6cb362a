package story

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	apiv1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// A mistake is a thing that users get wrong: how it is made, what the integration says, and how it is mended.
type mistake struct {
	name      string
	spoil     func(ctx context.Context) error
	condition string
	reason    string
	mentions  string
	mend      func(ctx context.Context) error
}

// MendingChecks make mistakes on the running integration, read what it says, and mend them; the integration recovers by itself.
func (s *Shop) MendingChecks() []Check {
	patch := func(body string) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := s.Lab.Kubectl(ctx, "-n", Namespace, "patch", "carrierintegration", "ups", "--type=merge", "-p", body)
			return err
		}
	}
	annotate := func(value string) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := s.Lab.Kubectl(ctx, "-n", Namespace, "annotate", "--overwrite", "secret", "ups-shipping", apiv1.AnnotationAllowedHosts+"="+value)
			return err
		}
	}
	mistakes := []mistake{
		{
			name: "a profile that does not exist", condition: apiv1.ConditionProfileResolved, reason: apiv1.ReasonProfileNotFound, mentions: "usp",
			spoil: patch(`{"spec":{"profileRef":{"name":"usp"}}}`), mend: patch(`{"spec":{"profileRef":{"name":"ups"}}}`),
		},
		{
			name: "an environment that the profile does not have", condition: apiv1.ConditionProfileResolved, reason: apiv1.ReasonEnvironmentNotFound, mentions: "Staging",
			spoil: patch(`{"spec":{"environment":"Staging"}}`), mend: patch(`{"spec":{"environment":"Production"}}`),
		},
		{
			name: "a credential that may not be sent to the carrier", condition: apiv1.ConditionCredentialsReady, reason: apiv1.ReasonHostNotAllowed, mentions: "onlinetools.ups.com",
			spoil: annotate("elsewhere.example"), mend: annotate("onlinetools.ups.com"),
		},
		{
			name: "a credential Secret that is gone", condition: apiv1.ConditionCredentialsReady, reason: apiv1.ReasonSecretNotFound, mentions: "ups-shipping",
			spoil: func(ctx context.Context) error {
				_, err := s.Lab.Kubectl(ctx, "-n", Namespace, "delete", "secret", "ups-shipping")
				return err
			},
			mend: s.applySecret,
		},
	}
	checks := make([]Check, 0, len(mistakes))
	for _, m := range mistakes {
		checks = append(checks, Check{"a mistake is explained and mended: " + m.name, func(ctx context.Context) (string, error) { return s.mistake(ctx, m) }})
	}
	return append(checks, Check{"children that are deleted by hand come back", s.childrenComeBack})
}

func (s *Shop) mistake(ctx context.Context, m mistake) (string, error) {
	if err := m.spoil(ctx); err != nil {
		return "", err
	}
	var said string
	err := s.Lab.Wait(ctx, 30*time.Second, "the mistake to be reported", func(ctx context.Context) (bool, string, error) {
		status, reason, message, err := s.Lab.Condition(ctx, Namespace, "carrierintegration/ups", m.condition)
		said = message
		return status == "False" && reason == m.reason, fmt.Sprintf("%s=%s %s: %s", m.condition, status, reason, message), err
	})
	if err != nil {
		return "", err
	}
	if !strings.Contains(said, m.mentions) {
		return "", fmt.Errorf("the message does not mention %q: %s", m.mentions, said)
	}
	// What was served before goes on: a mistake in the declaration does not stop the shop.
	got, err := s.rate(ctx)
	if err != nil || got.Status != 200 {
		return "", errors.Join(err, fmt.Errorf("the gateway stopped serving: status %d, %s", got.Status, got.Error))
	}
	if err := m.mend(ctx); err != nil {
		return "", err
	}
	return said, s.Lab.WaitCondition(ctx, time.Minute, Namespace, "carrierintegration/ups", apiv1.ConditionReady, "True")
}

// childrenComeBack deletes what the operator made and waits for it.
func (s *Shop) childrenComeBack(ctx context.Context) (string, error) {
	children := []string{"networkpolicy/ups-gateway", "configmap/ups-gateway", "service/ups-gateway", "poddisruptionbudget/ups-gateway"}
	for _, child := range children {
		if _, err := s.Lab.Kubectl(ctx, "-n", Namespace, "delete", child); err != nil {
			return "", err
		}
	}
	err := s.Lab.Wait(ctx, 30*time.Second, "the children to come back", func(ctx context.Context) (bool, string, error) {
		said, err := s.Lab.Kubectl(ctx, append([]string{"-n", Namespace, "get"}, children...)...)
		return err == nil, said, err
	})
	if err != nil {
		return "", err
	}
	return strings.Join(children, ", "), s.Lab.WaitCondition(ctx, time.Minute, Namespace, "carrierintegration/ups", apiv1.ConditionReady, "True")
}

// ClosingChecks take the integration away while the carrier is down.
func (s *Shop) ClosingChecks() []Check {
	return []Check{{"deleting the integration works while the carrier is down, and leaves nothing", s.deleteWhileCarrierDown}}
}

func (s *Shop) deleteWhileCarrierDown(ctx context.Context) (string, error) {
	if err := s.Lab.StopCarrier(ctx); err != nil {
		return "", err
	}
	if _, err := s.Lab.Kubectl(ctx, "-n", Namespace, "delete", "carrierintegration", "ups", "--timeout=60s"); err != nil {
		return "", err
	}
	kinds := "deployments,services,configmaps,secrets,networkpolicies,serviceaccounts,poddisruptionbudgets,certificates"
	err := s.Lab.Wait(ctx, time.Minute, "the children to go", func(ctx context.Context) (bool, string, error) {
		left, err := s.Lab.Kubectl(ctx, "-n", Namespace, "get", kinds, "-l", apiv1.LabelIntegration+"=ups", "-o", "name")
		return left == "", left, err
	})
	return "no " + kinds + " of the integration is left", err
}

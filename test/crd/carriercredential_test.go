//go:build envtest

package crd_test

import "testing"

var carrierCredentials = table{
	kind: "CarrierCredential",
	base: `
apiVersion: carrier-operator.io/v1alpha1
kind: CarrierCredential
metadata: {name: ups-shipping, namespace: default}
spec:
  secretRef: {name: ups-shipping}
`,
	rules: []rule{
		{
			name:     "a strategy without rotation has no interval",
			message:  "strategy None has no interval: leave intervalDays out or choose strategy Portal",
			accepted: []string{`spec: {rotation: {strategy: None}}`, `spec: {rotation: {strategy: Portal, intervalDays: 90}}`},
			refused:  []string{`spec: {rotation: {strategy: None, intervalDays: 90}}`},
		},
		{
			name:     "strategies are known",
			message:  `supported values: "None", "Portal"`,
			accepted: []string{`spec: {rotation: {strategy: Portal}}`},
			refused:  []string{`spec: {rotation: {strategy: Automatic}}`, `spec: {rotation: {strategy: portal}}`},
		},
		{
			name:     "a rotation has a strategy",
			message:  `spec.rotation.strategy: Required value`,
			accepted: []string{`spec: {rotation: {strategy: Portal, minimumOverlapMinutes: 30}}`},
			refused:  []string{`spec: {rotation: {}}`},
		},
		{
			name:     "intervals are at least a day",
			message:  `spec.rotation.intervalDays in body should be greater than or equal to 1`,
			accepted: []string{`spec: {rotation: {strategy: Portal, intervalDays: 1}}`, `spec: {rotation: {strategy: Portal, intervalDays: 3650}}`},
			refused:  []string{`spec: {rotation: {strategy: Portal, intervalDays: 0}}`},
		},
		{
			name:     "windows stay open for a week at most",
			message:  `durationMinutes in body should be less than or equal to 10080`,
			accepted: []string{`spec: {rotation: {strategy: Portal, windows: [{schedule: "0 2 * * 2", durationMinutes: 10080, timeZone: Europe/Berlin}]}}`},
			refused:  []string{`spec: {rotation: {strategy: Portal, windows: [{schedule: "0 2 * * 2", durationMinutes: 10081}]}}`},
		},
		{
			name:     "a credential names its Secret",
			message:  `spec.secretRef.name`,
			accepted: []string{`spec: {secretRef: {name: other}}`},
			refused:  []string{`spec: {secretRef: {name: ""}}`, `spec: {secretRef: {name: null}}`},
		},
	},
}

func TestCarrierCredential(t *testing.T) { carrierCredentials.run(t) }

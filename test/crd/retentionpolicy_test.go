//go:build envtest

package crd_test

import "testing"

// ruleWith is a policy whose only rule has a name and the members given.
func ruleWith(members string) string {
	return `spec: {rules: [{name: events, collection: public.tracking_events, ` + members + `}]}`
}

// anonymize is a policy with a hash key that anonymizes one field.
func anonymize(field string) string {
	return `spec: {hashKeyRef: {name: key}, rules: [{name: events, collection: c, ` + clock + `, ` + keep + `, action: {type: Anonymize, fields: [` + field + `]}}]}`
}

const (
	clock  = `clock: {field: occurred_at, unit: TimestampTZ, whenNull: Keep}`
	keep   = `keep: {days: 90}`
	action = `action: {type: Delete}`
)

var retentionPolicies = table{
	kind: "RetentionPolicy",
	base: `
apiVersion: carrier-operator.io/v1alpha1
kind: RetentionPolicy
metadata: {name: shipments, namespace: default}
spec:
  schedule: "0 3 * * *"
  mode: Purge
  storeRef: {name: orders}
  rules:
  - {name: events, collection: public.tracking_events, ` + clock + `, ` + keep + `, ` + action + `}
`,
	rules: []rule{
		{
			name:     "the name fits into its runs' names",
			message:  "the name becomes part of the runs' names: use at most 40 characters",
			accepted: []string{`metadata: {name: a234567890123456789012345678901234567890}`},
			refused:  []string{`metadata: {name: a2345678901234567890123456789012345678901}`},
		},
		{
			name:    "what is computed with a key has one",
			message: "strategies KeyedHash and Fake need a key: set hashKeyRef to a Secret of this namespace",
			accepted: []string{
				`spec: {hashKeyRef: {name: key}, rules: [{name: a, collection: c, ` + clock + `, ` + keep + `, action: {type: Anonymize, fields: [{name: mail, strategy: KeyedHash}]}}]}`,
				ruleWith(clock + `, ` + keep + `, action: {type: Anonymize, fields: [{name: mail, strategy: "Null"}]}`),
			},
			refused: []string{
				ruleWith(clock + `, ` + keep + `, action: {type: Anonymize, fields: [{name: mail, strategy: KeyedHash}]}`),
				ruleWith(clock + `, ` + keep + `, action: {type: Anonymize, fields: [{name: mail, strategy: Fake, form: Email}]}`),
			},
		},
		{
			name:     "Archive goes with a target",
			message:  "type Archive goes with archive: say where to for this type and for no other",
			accepted: []string{ruleWith(clock + `, ` + keep + `, action: {type: Archive, archive: {storeRef: {name: cold}, collection: archive/a/, lockDays: 30}}`)},
			refused: []string{
				ruleWith(clock + `, ` + keep + `, action: {type: Archive}`),
				ruleWith(clock + `, ` + keep + `, action: {type: Delete, archive: {storeRef: {name: cold}, collection: archive}}`),
			},
		},
		{
			name:     "an archive is a bucket or a prefix",
			message:  "write a bucket, or bucket/prefix/ with a slash at the end",
			accepted: []string{archives("cold", "cold", "archive"), archives("cold", "cold", "archive/a b/c/")},
			refused:  []string{archives("cold", "cold", "archive/a"), archives("cold", "cold", "/a/"), archives("cold", "cold", "archive//")},
		},
		{
			name:     "an archive is locked for a century at most",
			message:  "lockDays in body should be less than or equal to 36500",
			accepted: []string{ruleWith(clock + `, ` + keep + `, action: {type: Archive, archive: {storeRef: {name: cold}, collection: a, lockDays: 36500}}`)},
			refused:  []string{ruleWith(clock + `, ` + keep + `, action: {type: Archive, archive: {storeRef: {name: cold}, collection: a, lockDays: 36501}}`)},
		},
		{
			name:     "rules archive to one store",
			message:  "rules of one policy archive to one store: use one storeRef, or another policy",
			accepted: []string{archives("cold", "cold", "archive")},
			refused:  []string{archives("cold", "colder", "archive")},
		},
		{
			name:    "Truncate and CoarsenPostcode go with length",
			message: "strategies Truncate and CoarsenPostcode go with length: set it for these and for no other",
			accepted: []string{
				anonymize(`{name: zip, strategy: CoarsenPostcode, length: 2}`), anonymize(`{name: street, strategy: Truncate, length: 255}`),
			},
			refused: []string{
				anonymize(`{name: zip, strategy: CoarsenPostcode}`), anonymize(`{name: street, strategy: Truncate}`), anonymize(`{name: street, strategy: "Null", length: 2}`),
			},
		},
		{
			name:     "something is kept",
			message:  "length in body should be greater than or equal to 1",
			accepted: []string{anonymize(`{name: street, strategy: Truncate, length: 1}`)},
			refused:  []string{anonymize(`{name: street, strategy: Truncate, length: 0}`)},
		},
		{
			name:     "CoarsenDate goes with precision",
			message:  "strategy CoarsenDate goes with precision: set it for this strategy and for no other",
			accepted: []string{anonymize(`{name: born, strategy: CoarsenDate, precision: Month}`), anonymize(`{name: born, strategy: CoarsenDate, precision: Year}`)},
			refused:  []string{anonymize(`{name: born, strategy: CoarsenDate}`), anonymize(`{name: born, strategy: "Null", precision: Year}`)},
		},
		{
			name:     "Fake goes with form",
			message:  "strategy Fake goes with form: set it for this strategy and for no other",
			accepted: []string{anonymize(`{name: mail, strategy: Fake, form: Email}`), anonymize(`{name: phone, strategy: Fake, form: Text}`)},
			refused:  []string{anonymize(`{name: mail, strategy: Fake}`), anonymize(`{name: mail, strategy: KeyedHash, form: Email}`)},
		},
		{
			name:     "Anonymize goes with fields",
			message:  "type Anonymize goes with fields: list the fields for this type and for no other",
			accepted: []string{ruleWith(clock + `, ` + keep + `, action: {type: Anonymize, fields: [{name: mail, strategy: "Null"}]}`)},
			refused: []string{
				ruleWith(clock + `, ` + keep + `, action: {type: Anonymize}`),
				ruleWith(clock + `, ` + keep + `, action: {type: Delete, fields: [{name: mail, strategy: "Null"}]}`),
			},
		},
		{
			name:    "Constant goes with value",
			message: "strategy Constant goes with value: set it for this strategy and for no other",
			accepted: []string{
				ruleWith(clock + `, ` + keep + `, action: {type: Anonymize, fields: [{name: street, strategy: Constant, value: removed}]}`),
				ruleWith(clock + `, ` + keep + `, action: {type: Anonymize, fields: [{name: street, strategy: Constant, value: ""}]}`),
			},
			refused: []string{
				ruleWith(clock + `, ` + keep + `, action: {type: Anonymize, fields: [{name: street, strategy: Constant}]}`),
				ruleWith(clock + `, ` + keep + `, action: {type: Anonymize, fields: [{name: street, strategy: "Null", value: removed}]}`),
			},
		},
		{
			name:    "a period has one unit",
			message: "say how long in exactly one unit: days, months or years",
			accepted: []string{
				ruleWith(clock + `, keep: {days: 30}, ` + action), ruleWith(clock + `, keep: {months: 6}, ` + action), ruleWith(clock + `, keep: {years: 10}, ` + action),
			},
			refused: []string{ruleWith(clock + `, keep: {}, ` + action), ruleWith(clock + `, keep: {days: 30, months: 6}, ` + action)},
		},
		{
			name:     "a period is not nothing",
			message:  "keep.days in body should be greater than or equal to 1",
			accepted: []string{ruleWith(clock + `, keep: {days: 1}, ` + action)},
			refused:  []string{ruleWith(clock + `, keep: {days: 0}, ` + action), ruleWith(clock + `, keep: {days: -30}, ` + action)},
		},
		{
			name:     "a minimum has one unit",
			message:  "say how long in exactly one unit: days, months or years",
			accepted: []string{ruleWith(clock + `, ` + keep + `, ` + action + `, minimum: {keep: {days: 30}, basis: {kind: Contract}, fields: [amount]}`)},
			refused:  []string{ruleWith(clock + `, ` + keep + `, ` + action + `, minimum: {keep: {days: 30, years: 1}, basis: {kind: Contract}}`)},
		},
		{
			name:     "a minimum has a basis in law",
			message:  "minimum.basis.kind: Required value",
			accepted: []string{ruleWith(clock + `, ` + keep + `, ` + action + `, minimum: {keep: {years: 10}, basis: {kind: LegalObligation, note: tax law}}`)},
			refused:  []string{ruleWith(clock + `, ` + keep + `, ` + action + `, minimum: {keep: {years: 10}, basis: {note: tax law}}`)},
		},
		{
			name:     "a minimum says how long",
			message:  "minimum.keep: Required value",
			accepted: []string{ruleWith(clock + `, ` + keep + `, ` + action + `, minimum: {keep: {months: 6}, basis: {kind: Consent}}`)},
			refused:  []string{ruleWith(clock + `, ` + keep + `, ` + action + `, minimum: {basis: {kind: Consent}}`)},
		},
		{
			name:     "names of rules",
			message:  "use lower-case letters, digits and '-', starting with a letter, for example events",
			accepted: []string{`spec: {rules: [{name: e-2, collection: c, ` + clock + `, ` + keep + `, ` + action + `}]}`},
			refused:  []string{`spec: {rules: [{name: Events, collection: c, ` + clock + `, ` + keep + `, ` + action + `}]}`},
		},
		filterRule(func(filter string) string {
			return ruleWith(clock + `, ` + keep + `, ` + action + `, where: [` + filter + `]`)
		}),
		filterOperators(func(filter string) string {
			return ruleWith(clock + `, ` + keep + `, ` + action + `, where: [` + filter + `]`)
		}),
		{
			name:     "the time zone has a field of its own",
			message:  "a time zone inside of the schedule is not supported: use the field timeZone",
			accepted: []string{`spec: {timeZone: Europe/Berlin}`},
			refused:  []string{`spec: {schedule: "TZ=Europe/Berlin 0 3 * *"}`, `spec: {schedule: "CRON_TZ=UTC 0 3 * * *"}`},
		},
		{
			name:     "a schedule has five fields",
			message:  "a schedule has five fields: minute hour day-of-month month day-of-week, for example 0 3 * * *",
			accepted: []string{`spec: {schedule: "*/15 0-6 1,15 * 1-5"}`},
			refused:  []string{`spec: {schedule: "0 0 3 * * *"}`, `spec: {schedule: "@every 24h"}`},
		},
		{
			name:     "modes",
			message:  `supported values: "Preview", "Purge"`,
			accepted: []string{`spec: {mode: Preview, firstRun: Purge}`},
			refused:  []string{`spec: {mode: Delete}`, `spec: {firstRun: Never}`},
		},
		{
			name:     "units of a clock",
			message:  `supported values: "TimestampTZ", "Timestamp", "Date", "EpochSeconds", "EpochMilliseconds", "EpochMicroseconds"`,
			accepted: []string{ruleWith(`clock: {field: at, unit: EpochMilliseconds, whenNull: Keep}, ` + keep + `, ` + action)},
			refused:  []string{ruleWith(`clock: {field: at, unit: Seconds, whenNull: Keep}, ` + keep + `, ` + action)},
		},
		{
			name:     "what happens without a clock is said",
			message:  "clock.whenNull: Required value",
			accepted: []string{ruleWith(`clock: {field: at, unit: Date, whenNull: Keep}, ` + keep + `, ` + action)},
			refused:  []string{ruleWith(`clock: {field: at, unit: Date}, ` + keep + `, ` + action)},
		},
		{
			name:     "a share is at most all",
			message:  "spec.caps.maxSharePercent in body should be less than or equal to 100",
			accepted: []string{`spec: {caps: {maxSharePercent: 100, maxRows: 10000000000}}`},
			refused:  []string{`spec: {caps: {maxSharePercent: 101}}`},
		},
		{
			name:     "rows of a cap",
			message:  "spec.caps.maxRows in body should be less than or equal to 10000000000",
			accepted: []string{`spec: {caps: {maxRows: 10000000000}}`},
			refused:  []string{`spec: {caps: {maxRows: 10000000001}}`},
		},
		{
			name:     "a limit of no signal is none",
			message:  "spec.throttle.pauseAbove in body should have at least 1 properties",
			accepted: []string{`spec: {throttle: {pauseAbove: {runningVacuums: 0, oldestTransactionSeconds: 900}}}`},
			refused:  []string{`spec: {throttle: {pauseAbove: {}}}`},
		},
		{
			name:     "times of a work window",
			message:  "a time of day has hours and minutes, 00:00 to 23:59",
			accepted: []string{`spec: {throttle: {workWindows: [{days: [Friday, Saturday], from: "22:00", to: "05:00"}, {from: "00:00", to: "23:59"}]}}`},
			refused: []string{
				`spec: {throttle: {workWindows: [{from: "24:00", to: "05:00"}]}}`,
				`spec: {throttle: {workWindows: [{from: "22:00", to: "05:60"}]}}`,
			},
		},
		{
			name:     "a share of dead rows is below all",
			message:  "spec.throttle.pauseAbove.deadRowsPercent in body should be less than or equal to 99",
			accepted: []string{`spec: {throttle: {pauseAbove: {deadRowsPercent: 30}}}`},
			refused:  []string{`spec: {throttle: {pauseAbove: {deadRowsPercent: 100}}}`},
		},
		{
			name:     "a run yields or does not",
			message:  `supported values: "WhenBusy", "Never"`,
			accepted: []string{`spec: {throttle: {yield: WhenBusy}}`, `spec: {throttle: {yield: Never}}`},
			refused:  []string{`spec: {throttle: {yield: Always}}`},
		},
		{
			name:     "a run has at most eight pods",
			message:  "spec.parallelism in body should be less than or equal to 8",
			accepted: []string{`spec: {parallelism: 1}`, `spec: {parallelism: 8}`},
			refused:  []string{`spec: {parallelism: 9}`},
		},
		{
			name:     "a run has at least one pod",
			message:  "spec.parallelism in body should be greater than or equal to 1",
			accepted: []string{`spec: {parallelism: 1}`},
			refused:  []string{`spec: {parallelism: -1}`},
		},
		{
			name:     "something goes",
			message:  "spec.rules in body should have at least 1 items",
			accepted: []string{`spec: {state: Suspended}`},
			refused:  []string{`spec: {rules: []}`},
		},
	},
}

// archives has two rules that archive to two stores, or one.
func archives(a, b, collection string) string {
	rule := func(name, store string) string {
		return `{name: ` + name + `, collection: c, ` + clock + `, ` + keep + `, action: {type: Archive, archive: {storeRef: {name: ` + store + `}, collection: "` + collection + `"}}}`
	}
	return `spec: {rules: [` + rule("a", a) + `, ` + rule("b", b) + `]}`
}

func TestRetentionPolicy(t *testing.T) { retentionPolicies.run(t) }

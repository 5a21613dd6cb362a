package retention

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

func TestWindowsFollowTheTimeThatTheyTake(t *testing.T) {
	const target = 100 * time.Millisecond
	for name, test := range map[string]struct {
		size int64
		took time.Duration
		want int64
	}{
		"very fast grows by eight":       {64, time.Millisecond, 512},
		"fast grows to half the target":  {64, 10 * time.Millisecond, 320},
		"faster than half doubles":       {64, 40 * time.Millisecond, 128},
		"on target stays":                {64, target, 64},
		"somewhat slow shrinks":          {64, 2 * target, 32},
		"very slow shrinks to a quarter": {64, 100 * target, 16},
		"never below one":                {1, 100 * target, minWindow},
		"never above the largest":        {maxWindow, time.Millisecond, maxWindow},
	} {
		t.Run(name, func(t *testing.T) {
			p := &pace{target: target, size: test.size}
			if p.took(test.took); p.size != test.want {
				t.Errorf("size %d, want %d", p.size, test.want)
			}
		})
	}
}

// A store to which every window takes a fixed time, and some more for each record.
func TestWindowsOverASlowLinkDoNotShrinkToNothing(t *testing.T) {
	for name, test := range map[string]struct {
		fixed, record time.Duration
		target        int32
		least, most   int64         // of the size in the end
		longest       time.Duration // of a window in the end
	}{
		"a fast one":                    {time.Millisecond, 100 * time.Microsecond, 100, 800, 1200, 120 * time.Millisecond},
		"slower than the target":        {150 * time.Millisecond, 100 * time.Microsecond, 100, 1000, 2000, 350 * time.Millisecond},
		"slower than twice the target":  {40 * time.Millisecond, 100 * time.Microsecond, 10, 200, 600, 100 * time.Millisecond},
		"as slow as a statement may be": {800 * time.Millisecond, 100 * time.Microsecond, 100, 1, 32, 900 * time.Millisecond},
		"where records hardly count":    {30 * time.Millisecond, 10 * time.Nanosecond, 10, 10_000, maxWindow, 70 * time.Millisecond},
		"where nothing is fixed":        {0, time.Millisecond, 100, 80, 120, 120 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPace(Throttle{TargetBatchMilliseconds: test.target})
			cost := func(size int64) time.Duration { return test.fixed + time.Duration(size)*test.record }
			for range 50 {
				p.took(cost(p.size))
			}
			if took := cost(p.size); p.size < test.least || p.size > test.most || took > test.longest {
				t.Errorf("windows of %d records, which take %s", p.size, took)
			}
		})
	}
}

// A link that becomes slow, and fast again.
func TestWindowsFollowALinkThatChanges(t *testing.T) {
	p := newPace(Throttle{TargetBatchMilliseconds: 20})
	sizes := map[time.Duration]int64{}
	for _, fixed := range []time.Duration{time.Millisecond, 60 * time.Millisecond, 0} {
		for range 50 {
			p.took(fixed + time.Duration(p.size)*100*time.Microsecond)
		}
		sizes[fixed] = p.size
	}
	if sizes[time.Millisecond] < 150 || sizes[60*time.Millisecond] < 100 || sizes[0] < 150 || sizes[0] > 250 {
		t.Errorf("sizes by what is fixed: %v", sizes)
	}
}

func TestPositionSurvivesTheCheckpointAndGarbageIsTheStart(t *testing.T) {
	for _, p := range []position{{pass: 1}, {pass: 2, place: "16385:4096"}, {pass: 3, end: true}} {
		if got := parsePosition(p.String()); got != p {
			t.Errorf("%+v became %+v", p, got)
		}
	}
	for _, s := range []string{"", "x", "0/5", "-1/end"} {
		if got := parsePosition(s); got != (position{pass: 1}) {
			t.Errorf("%q is %+v, want the start", s, got)
		}
	}
}

func TestRulesOfOneCollectionShareItsCap(t *testing.T) {
	p := &Plan{Caps: Caps{MaxSharePercent: 20, MaxRows: 1000}}
	result := func(rule string, due, held int64) v1alpha1.RuleResult {
		return v1alpha1.RuleResult{Rule: rule, Collection: "public.events", Total: 1000, Due: due, Held: held}
	}
	if f := checkCaps(p, []v1alpha1.RuleResult{result("a", 150, 50), result("b", 100, 0)}); f != nil {
		t.Errorf("exactly the cap, held records not counted: %v", f)
	}
	if f := checkCaps(p, []v1alpha1.RuleResult{result("a", 100, 0), result("b", 101, 0)}); f == nil || f.Reason != v1alpha1.ReasonCapExceeded {
		t.Errorf("one above the cap: %v", f)
	}
}

func TestClockValuesThatDoNotFitTheirUnit(t *testing.T) {
	for name, test := range map[string]struct {
		unit   string
		counts Counts
		stops  bool
	}{
		"sound":                                {"EpochSeconds", Counts{Sound: 10}, false},
		"empty table":                          {"EpochSeconds", Counts{}, false},
		"seconds read as milliseconds":         {"EpochMilliseconds", Counts{Early: 10}, true},
		"some of an epoch are in 1970":         {"EpochMilliseconds", Counts{Early: 1, Sound: 9}, true},
		"milliseconds read as seconds":         {"EpochSeconds", Counts{Far: 10}, true},
		"one far value among sound ones":       {"EpochSeconds", Counts{Far: 1, Sound: 9}, false},
		"a timestamp of 1970 among sound ones": {"TimestampTZ", Counts{Early: 1, Sound: 9}, false},
	} {
		t.Run(name, func(t *testing.T) {
			rule := &Rule{Name: "events", Collection: "public.events", Clock: Clock{Field: "at", Unit: test.unit}}
			f := checkClocks(rule, test.counts)
			if (f != nil) != test.stops || (f != nil && f.Reason != v1alpha1.ReasonClockUnitImplausible) {
				t.Errorf("failure %v, want one: %t", f, test.stops)
			}
		})
	}
}

func TestPlanThatIsNotSoundIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Plan)
		says   string
	}{
		"no run":               {func(p *Plan) { p.RunUID = "" }, "whose run"},
		"unknown mode":         {func(p *Plan) { p.Mode = "Dry" }, "mode"},
		"no rules":             {func(p *Plan) { p.Rules = nil }, "no rules"},
		"no caps":              {func(p *Plan) { p.Caps = Caps{} }, "caps"},
		"evidence of records":  {func(p *Plan) { p.Records = "Guess" }, `evidence of records "Guess"`},
		"no target":            {func(p *Plan) { p.Throttle.TargetBatchMilliseconds = 0 }, "throttle"},
		"cutoff after slot":    {func(p *Plan) { p.Rules[0].Before = p.Slot.Add(time.Second) }, "cutoff"},
		"no cutoff":            {func(p *Plan) { p.Rules[0].Before = time.Time{} }, "cutoff"},
		"unknown unit":         {func(p *Plan) { p.Rules[0].Clock.Unit = "Fortnights" }, "unit"},
		"no key":               {func(p *Plan) { p.Rules[0].Key = nil }, "key"},
		"unknown action":       {func(p *Plan) { p.Rules[0].Action = "Shred" }, "action"},
		"anonymize nothing":    {func(p *Plan) { p.Rules[0].Action = "Anonymize" }, "fields"},
		"two rules of a name":  {func(p *Plan) { p.Rules = append(p.Rules, p.Rules[0]) }, "twice"},
		"unknown operator":     {func(p *Plan) { p.Rules[0].Where = []Filter{{Field: "shop", Operator: "Like", Values: []string{"%"}}} }, "filter"},
		"In without values":    {func(p *Plan) { p.Rules[0].Where = []Filter{{Field: "shop", Operator: "In"}} }, "filter"},
		"hold that is unsound": {func(p *Plan) { p.Holds = []Hold{{Name: "case-1"}} }, "hold"},
		"key anonymized": {func(p *Plan) {
			p.Rules[0].Action, p.Rules[0].Fields = "Anonymize", []Anonymize{{Name: "id", Strategy: "Null"}}
		}, "key and clock"},
		"hash without a key": {func(p *Plan) {
			p.Rules[0].Action, p.Rules[0].Fields = "Anonymize", []Anonymize{{Name: "email", Strategy: "KeyedHash"}}
		}, "hashKeyRef"},
		"fake without a key": {func(p *Plan) {
			p.Rules[0].Action, p.Rules[0].Fields = "Anonymize", []Anonymize{{Name: "email", Strategy: "Fake", Form: "Email"}}
		}, "hashKeyRef"},
		"fake without a form": {func(p *Plan) {
			p.HashKey, p.Rules[0].Action, p.Rules[0].Fields = true, "Anonymize", []Anonymize{{Name: "email", Strategy: "Fake"}}
		}, "form"},
		"nothing kept": {func(p *Plan) {
			p.Rules[0].Action, p.Rules[0].Fields = "Anonymize", []Anonymize{{Name: "email", Strategy: "Truncate"}}
		}, "length 0"},
		"date to the week": {func(p *Plan) {
			p.Rules[0].Action, p.Rules[0].Fields = "Anonymize", []Anonymize{{Name: "born", Strategy: "CoarsenDate", Precision: "Week"}}
		}, "precision"},
	} {
		t.Run(name, func(t *testing.T) {
			plan := newWorld(t, "events").plan
			test.change(plan)
			encoded, err := json.Marshal(plan)
			if err != nil {
				t.Fatal(err)
			}
			_, err = ParsePlan(encoded)
			var f *Failure
			if !errors.As(err, &f) || f.Reason != v1alpha1.ReasonPlanInvalid || !strings.Contains(f.Message, test.says) {
				t.Errorf("error %v, want one that speaks of %q", err, test.says)
			}
		})
	}
	for name, encoded := range map[string]string{"empty": "", "no JSON": "rules:", "unknown field": `{"skipHolds": true}`} {
		if _, err := ParsePlan([]byte(encoded)); err == nil {
			t.Errorf("%s passes for a plan", name)
		}
	}
}

func TestLongMessagesEndBetweenCharacters(t *testing.T) {
	if got := truncate(strings.Repeat("ü", 20), 10); got != "üüü…" {
		t.Errorf("%q", got)
	}
	if got := truncate("short", 10); got != "short" {
		t.Errorf("%q", got)
	}
}

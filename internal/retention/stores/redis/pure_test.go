package redis

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores"
)

func TestPatternsMatchAsTheStoresDo(t *testing.T) {
	for _, tc := range []struct {
		pattern, key string
		want         bool
	}{
		{"order:*", "order:", true}, {"order:*", "order:1", true}, {"order:*", "orderly:1", false}, {"*", "", true}, {"*", "x", true}, {"a*b*c", "a1b2b3c", true},
		{"a*b*c", "a1b2b3", false}, {"?", "", false}, {"??", "ä", true}, {"?", "ä", false}, {"[a-c]x", "bx", true}, {"[c-a]x", "bx", true}, {"[^a-c]x", "bx", false},
		{"[^a-c]x", "dx", true}, {"[abc", "b", true}, {"[abc", "bc", false}, {`\*`, "*", true}, {`\*`, "x", false}, {`[\]]`, "]", true}, {`a\`, `a\`, true}, {"order:1", "order:1", true},
		{"order:1", "order:12", false}, {"", "", true}, {"", "x", false}, {"[]a", "a", false}, {"**", "x", true}, {"a**", "a", true}, {"[a-]", "b", false},
		{strings.Repeat("a*", 60) + "b", strings.Repeat("a", 4000), false},
	} {
		if got := match(tc.pattern, tc.key); got != tc.want {
			t.Errorf("pattern %q, key %.20q: %t", tc.pattern, tc.key, got)
		}
	}
}

func TestOnlyPatternsThatDifferAtTheirBeginningsAreKnownToBeApart(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		want bool
	}{
		{"order:*", "session:*", false}, {"order:*", "order:eu:*", true}, {"order:*", "*:1", true}, {"order:1", "order:2", false}, {"order:", "order:*", true}, {"[a]*", "b*", true},
	} {
		if got := mayOverlap(tc.a, tc.b); got != tc.want || mayOverlap(tc.b, tc.a) != tc.want {
			t.Errorf("%q and %q: %t", tc.a, tc.b, got)
		}
	}
}

func TestPositionsOfAnotherProcessAreTheStart(t *testing.T) {
	for at, want := range map[string]uint64{
		"": 0, "end": 0, "run-1:7": 7, "run-2:7": 0, "run-1:": 0, "run-1:-7": 0, "run-1:x": 0, position("run-1", 1<<63): 1 << 63, position("run-1", 0): 0, "7": 0,
	} {
		if got := parsePosition("run-1", at); got != want {
			t.Errorf("%q is %d, want %d", at, got, want)
		}
	}
}

// hostile are names and values that would break out of a script if they were written into it.
const hostile = `x'] = 1 end redis.call("FLUSHALL") --"\`

func TestWhatAUserWroteIsDataOfTheScript(t *testing.T) {
	rule := &retention.Rule{
		Name: "r", Collection: "order:*", Key: []string{"key"}, Clock: retention.Clock{Field: hostile, Unit: "EpochSeconds"},
		Before: time.Unix(1e9, 999), Where: []retention.Filter{{Field: hostile, Operator: "In", Values: []string{hostile}}}, Action: "Anonymize",
		Fields: []retention.Anonymize{{Name: hostile, Strategy: "Constant", Value: hostile}},
	}
	d := &decision{rule: rule, slot: time.Unix(-1, 0), holds: []retention.Hold{
		{Name: "all", Collection: "order:*"}, {Name: "elsewhere", Collection: "session:*"}, {Name: "narrow", Collection: "order:1*", Where: rule.Where}}}
	args, err := d.args(modeCount, []string{"order:1", "order:2"})
	if err != nil {
		t.Fatal(err)
	}
	var got spec
	if err := json.Unmarshal([]byte(args[0].(string)), &got); err != nil {
		t.Fatal(err)
	}
	want := spec{Mode: "count", Clock: hostile, Unit: "EpochSeconds", Before: "1000000000000000", Slot: "-1000000", Where: rule.Where,
		Holds: [][]retention.Filter{{}, {}, rule.Where}, Action: "Anonymize", Fields: rule.Fields}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("spec", diff)
	}
	if diff := cmp.Diff([]any{"1,3", "1"}, args[1:]); diff != "" {
		t.Error("holds that cover the keys", diff)
	}
	empty, err := (&decision{rule: &retention.Rule{}}).script(modeRead)
	if err != nil || strings.Contains(empty, "null") {
		t.Errorf("the script cannot loop over null: %s, %v", empty, err)
	}
}

func TestHashesAreComparedWithWhatWasRead(t *testing.T) {
	hasher := retention.NewHasher([]byte("0123456789abcdef0123456789abcdef"))
	done := hasher.Value("x")
	for _, tc := range []struct {
		value     any
		old, hash string
	}{{nil, "-", ""}, {"", "=", hasher.Value("")}, {"x", "=x", done}, {"-", "=-", hasher.Value("-")}, {done, "=" + done, done}} {
		f := &retention.Anonymize{Strategy: "KeyedHash"}
		if old, hash, err := replacement(f, hasher, tc.value); err != nil || old != tc.old || hash != tc.hash {
			t.Errorf("%v: %q, %q, %v", tc.value, old, hash, err)
		}
	}
}

func TestRulesThatRedisCannotCarryOut(t *testing.T) {
	now := time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)
	sound := retention.Rule{Name: "r", Collection: "order:*", Key: []string{"key"}, Clock: retention.Clock{Field: "at", Unit: "RFC3339"}, Before: now.AddDate(-10, 0, 0), Action: "Delete"}
	access := sound
	access.Clock, access.Before = retention.Clock{Field: "lastAccess", Unit: "StoreTime"}, now.AddDate(0, 0, -190)
	change := func(rule retention.Rule, f func(*retention.Rule)) retention.Rule { f(&rule); return rule }
	for name, tc := range map[string]struct {
		rule   retention.Rule
		policy string
		want   string
	}{
		"a field":                  {rule: sound},
		"last access":              {rule: access, policy: "allkeys-lru"},
		"last access, key filter":  {rule: change(access, func(r *retention.Rule) { r.Where = []retention.Filter{{Field: "key", Operator: "Exists"}} })},
		"last access, LFU":         {rule: access, policy: "volatile-lfu", want: v1alpha1.ReasonClockTypeMismatch},
		"last access, too long":    {rule: change(access, func(r *retention.Rule) { r.Before = now.AddDate(0, 0, -195) }), want: v1alpha1.ReasonClockTypeMismatch},
		"last access, field":       {rule: change(access, func(r *retention.Rule) { r.Clock.Field = "at" }), want: v1alpha1.ReasonClockTypeMismatch},
		"last access, filter":      {rule: change(access, func(r *retention.Rule) { r.Where = []retention.Filter{{Field: "shop", Operator: "Exists"}} }), want: v1alpha1.ReasonClockTypeMismatch},
		"last access, anonymize":   {rule: change(access, func(r *retention.Rule) { r.Action = "Anonymize" }), want: v1alpha1.ReasonClockTypeMismatch},
		"the key as clock":         {rule: change(sound, func(r *retention.Rule) { r.Clock.Field = "key" }), want: v1alpha1.ReasonClockTypeMismatch},
		"another key":              {rule: change(sound, func(r *retention.Rule) { r.Key = []string{"id"} }), want: v1alpha1.ReasonColumnNotFound},
		"more than one key":        {rule: change(sound, func(r *retention.Rule) { r.Key = []string{"key", "at"} }), want: v1alpha1.ReasonColumnNotFound},
		"no policy and no trouble": {rule: access},
	} {
		err := checkRule(&tc.rule, map[string]string{"maxmemory_policy": tc.policy}, now)
		if (tc.want == "") != (err == nil) {
			t.Errorf("%s: %v", name, err)
		}
		if tc.want != "" {
			checkError(t, name, err, tc.want)
		}
	}
	other := change(sound, func(r *retention.Rule) { r.Name, r.Collection = "other", "order:eu:*" })
	checkError(t, "rule that resets the clock", checkTogether(&access, []retention.Rule{access, other}, nil), v1alpha1.ReasonClockTypeMismatch)
	hold := retention.Hold{Name: "h", Collection: "order:*", Where: []retention.Filter{{Field: "shop", Operator: "Exists"}}}
	checkError(t, "hold that resets the clock", checkTogether(&access, []retention.Rule{access}, []retention.Hold{hold}), v1alpha1.ReasonHoldInvalid)
	hold.Where[0].Field = "key"
	if err := checkTogether(&access, []retention.Rule{access}, []retention.Hold{hold}); err != nil {
		t.Error(err)
	}
}

// answer is an error that a server gave.
type answer string

func (a answer) Error() string { return string(a) }
func (answer) RedisError()     {}

func TestErrorsOfTheStoreBecomeWhatTheEngineUnderstands(t *testing.T) {
	for text, want := range map[string]any{
		"BUSY Redis is busy running a script": retention.ErrBusy, "LOADING Redis is loading": retention.ErrBusy, "OOM command not allowed": retention.ErrBusy,
		"MISCONF Redis is configured to save": retention.ErrBusy, "NOREPLICAS Not enough good replicas": retention.ErrBusy, "ERR of person@example.com": retention.ErrBusy,
		"ERR An LFU maxmemory policy is selected, idle time not tracked.": v1alpha1.ReasonClockTypeMismatch,
		"READONLY You can't write": retention.ErrUnreachable, "MASTERDOWN Link is down": retention.ErrUnreachable,
		"NOPERM this user has no permissions": v1alpha1.ReasonPrivilegeMissing, "NOAUTH Authentication required.": v1alpha1.ReasonLoginRefused,
		"WRONGPASS invalid username-password pair": v1alpha1.ReasonLoginRefused, "MOVED 3999 127.0.0.1:6381": v1alpha1.ReasonStoreUnreachable,
		"ERR Error running script (call to f_1): @user_script:1: -NOPERM person@example.com":                     v1alpha1.ReasonPrivilegeMissing,
		"ERR The user executing the script can't run this command or subcommand script: 1, on @user_script:184.": v1alpha1.ReasonPrivilegeMissing,
		"ERR ACL failure in script: User purger has no permissions to run the 'unlink' command":                  v1alpha1.ReasonPrivilegeMissing,
		"ERR Error running script (call to f_1): @user_script:1: -READONLY You can't write":                      retention.ErrUnreachable,
	} {
		err := classify(t.Context(), fmt.Errorf("window: %w", answer(text)))
		checkError(t, text, err, want)
		if strings.Contains(err.Error(), "person@") {
			t.Errorf("%s: the error quotes a record: %v", text, err)
		}
	}
	checkError(t, "broken connection", classify(t.Context(), io.ErrUnexpectedEOF), retention.ErrUnreachable)
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	checkError(t, "told to stop", classify(stopped, io.ErrUnexpectedEOF), context.Canceled)
}

func TestErrorsOfConnectingSayWhatToMend(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		want any
	}{
		"unknown CA":       {x509.UnknownAuthorityError{}, v1alpha1.ReasonStoreTLSFailed},
		"another host":     {x509.HostnameError{Certificate: &x509.Certificate{}, Host: "db"}, v1alpha1.ReasonStoreTLSFailed},
		"wrong password":   {answer("WRONGPASS invalid"), v1alpha1.ReasonLoginRefused},
		"no password":      {answer("ERR AUTH <password> called without any password configured for the default user."), v1alpha1.ReasonLoginRefused},
		"no such database": {answer("ERR DB index is out of range"), v1alpha1.ReasonLoginRefused},
		"protected mode":   {answer("DENIED Redis is running in protected mode"), v1alpha1.ReasonLoginRefused},
		"too many clients": {answer("ERR max number of clients reached"), retention.ErrUnreachable},
		"starting up":      {answer("LOADING Redis is loading the dataset in memory"), retention.ErrBusy},
		"refused":          {errors.New("connection refused"), retention.ErrUnreachable},
	} {
		checkError(t, name, connecting(t.Context(), fmt.Errorf("failed to connect: %w", test.err)), test.want)
	}
}

func TestServersThatCannotBeWorkedOn(t *testing.T) {
	for text, want := range map[string]any{
		"redis_version:6.2.0\r\nredis_mode:standalone\r\nrole:master\r\n":      nil,
		"# Server\r\nredis_version:7.2.4\r\nserver_name:valkey\r\nrole:master": nil,
		"redis_version:6.0.16\r\nrole:master":                                  v1alpha1.ReasonStoreUnreachable,
		"redis_version:7.0.15\r\nredis_mode:sentinel":                          v1alpha1.ReasonStoreUnreachable,
		"redis_version:7.0.15\r\nrole:slave":                                   retention.ErrUnreachable,
		"anything":                                                             v1alpha1.ReasonStoreUnreachable,
	} {
		err := checkServer(parseInfo(text))
		if want == nil {
			if err != nil {
				t.Errorf("%q: %v", text, err)
			}
			continue
		}
		checkError(t, text, err, want)
	}
}

func TestDatabaseIsANumber(t *testing.T) {
	for text, want := range map[string]int{"": 0, "0": 0, " 3\n": 3, "-1": -1, "orders": -1} {
		c := &stores.Connection{Host: "redis", Port: 6379, Values: map[string]string{stores.KeyDatabase: text}}
		options, err := connectOptions(c, retention.Store{TLSMode: "VerifyFull"})
		if want < 0 {
			checkError(t, text, err, v1alpha1.ReasonLoginRefused)
			continue
		}
		if err != nil || options.DB != want || options.MaxRetries != -1 {
			t.Errorf("%q: %+v, %v", text, options, err)
		}
	}
	if long := identity(strings.Repeat("a", 253)+":6379", 0); len(long) > maxIdentity {
		t.Errorf("identity %q has %d characters", long, len(long))
	}
}

// checkError wants an error of the kind, or a failure with the reason.
func checkError(t *testing.T, name string, err error, want any) {
	t.Helper()
	var failure *retention.Failure
	switch want := want.(type) {
	case error:
		if !errors.Is(err, want) {
			t.Errorf("%s: error %v, want %v", name, err, want)
		}
	case string:
		if !errors.As(err, &failure) || failure.Reason != want || failure.Message == "" {
			t.Errorf("%s: error %v, want a failure with reason %s", name, err, want)
		}
	}
}

func TestLagIsTheAgeOfWhatTheSlowestReplicaHasAcknowledged(t *testing.T) {
	start := time.Unix(1e9, 0)
	var tracker stores.LagTracker
	step := func(seconds int, offset int64, replicas ...string) retention.Lag {
		info := map[string]string{"master_repl_offset": fmt.Sprint(offset), "connected_slaves": fmt.Sprint(len(replicas))}
		for i, r := range replicas {
			info[fmt.Sprintf("slave%d", i)] = "ip=127.0.0.1,port=6380," + r
		}
		at, parsed := parseReplication(info)
		return behind(&tracker, start.Add(time.Duration(seconds)*time.Second), at, parsed)
	}
	for _, unknown := range [][]string{nil, {"state=wait_bgsave,offset=0,lag=0"}, {"state=online,offset=100,lag=0", "state=send_bulk,offset=0,lag=0"}, {"nothing"}} {
		if got := step(0, 100, unknown...); got.Unknown == "" {
			t.Errorf("%v, yet the lag is known", unknown)
		}
	}
	if got := step(2, 100, "state=online,offset=100,lag=0"); got != (retention.Lag{}) {
		t.Errorf("all is acknowledged, yet the lag is %+v", got)
	}
	if got := step(3, 100, "state=online,offset=100,lag=60"); got.Behind != time.Minute {
		t.Errorf("a replica is silent for a minute, yet the lag is %+v", got)
	}
	step(4, 200, "state=online,offset=100,lag=0")
	if got := step(14, 300, "state=online,offset=100,lag=1", "state=online,offset=300,lag=0"); got.Behind < 10*time.Second {
		t.Errorf("a replica stands still for ten seconds, yet the lag is %+v", got)
	}
	if got := step(15, 300, "state=online,offset=300,lag=0"); got.Behind != 0 {
		t.Errorf("the replica caught up, yet the lag is %+v", got)
	}
}

package redis

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
)

var (
	//go:embed records.lua
	recordsSource string
	//go:embed survey.lua
	surveySource string

	recordsScript = redis.NewScript(recordsSource)
	surveyScript  = redis.NewScript(surveySource)
)

// Modes of the records script.
const (
	modeCount  = "count"
	modeRead   = "read"
	modeChange = "change"
)

// keyField is the name of the field that is the key's name.
const keyField = "key"

// spec is what the records script decides by. Its text is data to the script, never a part of it. Instants are microseconds since 1970.
type spec struct {
	Mode   string                `json:"mode"`
	Clock  string                `json:"clock"`
	Unit   string                `json:"unit"`
	Before string                `json:"before"`
	Slot   string                `json:"slot"`
	Where  []retention.Filter    `json:"where"`
	Holds  [][]retention.Filter  `json:"holds"`
	Action string                `json:"action"`
	Fields []retention.Anonymize `json:"fields"`
}

// decision is a rule, with the holds that may cover its keys, in the script's terms.
type decision struct {
	rule  *retention.Rule
	holds []retention.Hold
	slot  time.Time
}

// script encodes the rule for a mode.
func (d *decision) script(mode string) (string, error) {
	s := spec{
		Mode: mode, Clock: d.rule.Clock.Field, Unit: d.rule.Clock.Unit, Before: micros(d.rule.Before), Slot: micros(d.slot),
		Where: append([]retention.Filter{}, d.rule.Where...), Holds: make([][]retention.Filter, len(d.holds)),
		Action: d.rule.Action, Fields: append([]retention.Anonymize{}, d.rule.Fields...),
	}
	for i := range d.holds {
		s.Holds[i] = append([]retention.Filter{}, d.holds[i].Where...)
	}
	encoded, err := json.Marshal(s)
	return string(encoded), err
}

// micros cuts off what is below a microsecond.
func micros(at time.Time) string { return strconv.FormatInt(at.UnixMicro(), 10) }

// covers says whether a hold's pattern matches one of the rule's keys. These matched the rule's pattern in the store.
func (d *decision) covers(hold int, key string) bool {
	pattern := d.holds[hold].Collection
	return pattern == d.rule.Collection || match(pattern, key)
}

// covering lists the holds that cover a key: their numbers from 1, with commas.
func (d *decision) covering(key string) string {
	var covering []string
	for i := range d.holds {
		if d.covers(i, key) {
			covering = append(covering, strconv.Itoa(i+1))
		}
	}
	return strings.Join(covering, ",")
}

// args are the script's arguments for keys.
func (d *decision) args(mode string, keys []string) ([]any, error) {
	encoded, err := d.script(mode)
	if err != nil {
		return nil, err
	}
	args := make([]any, 0, 1+len(keys))
	args = append(args, encoded)
	for _, key := range keys {
		args = append(args, d.covering(key))
	}
	return args, nil
}

// count adds up what the script says of keys.
func (s *session) count(ctx context.Context, d *decision, keys []string, c *retention.Counts) error {
	args, err := d.args(modeCount, keys)
	if err != nil {
		return err
	}
	numbers, err := recordsScript.Run(ctx, s.client, keys, args...).Int64Slice()
	if err != nil {
		return err
	}
	sums := []*int64{&c.Total, &c.Due, &c.Held, &c.NullClock, &c.FutureClock, &c.Early, &c.Far, &c.Sound}
	if len(numbers) != len(sums) {
		return errAnswer
	}
	for i, sum := range sums {
		*sum += numbers[i]
	}
	return nil
}

// errAnswer is an answer that no Redis gives.
var errAnswer = retention.Fail(v1alpha1.ReasonStoreUnreachable, "the store gives answers that are not understood: it must be Redis or Valkey")

// change changes the due records of keys, and adds those that it changed to records.
func (s *session) change(ctx context.Context, d *decision, hasher *retention.Hasher, keys []string, records *retention.RecordsDigest) error {
	var replacements []any
	if fields := retention.Computed(d.rule.Fields); len(fields) > 0 {
		var err error
		if keys, replacements, err = s.compute(ctx, d, hasher, keys, fields); err != nil || len(keys) == 0 {
			return err
		}
	}
	args, err := d.args(modeChange, keys)
	if err != nil {
		return err
	}
	places, err := recordsScript.Run(ctx, s.client, keys, append(args, replacements...)...).Int64Slice()
	if err != nil {
		return err
	}
	for _, place := range places {
		if place < 1 || place > int64(len(keys)) {
			return errAnswer
		}
		records.Add(keys[place-1])
	}
	return nil
}

// compute reads the due records of keys and computes the replacements of fields. The hash key never goes to the store, which compares
// what was read with what the record holds when it is changed.
func (s *session) compute(ctx context.Context, d *decision, hasher *retention.Hasher, keys []string, fields []retention.Anonymize,
) (due []string, replacements []any, err error) {
	args, err := d.args(modeRead, keys)
	if err != nil {
		return nil, nil, err
	}
	answer, err := recordsScript.Run(ctx, s.client, keys, args...).Slice()
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, nil, err
	}
	if len(answer)%(1+len(fields)) != 0 {
		return nil, nil, errAnswer
	}
	for ; len(answer) > 0; answer = answer[1+len(fields):] {
		place, ok := answer[0].(int64)
		if !ok || place < 1 || place > int64(len(keys)) {
			return nil, nil, errAnswer
		}
		due = append(due, keys[place-1])
		for i := range fields {
			old, replaced, err := replacement(&fields[i], hasher, answer[1+i])
			if err != nil {
				return nil, nil, err
			}
			replacements = append(replacements, old, replaced)
		}
	}
	return due, replacements, nil
}

// replacement of a value, in the script's terms.
func replacement(f *retention.Anonymize, hasher *retention.Hasher, value any) (old, replaced string, err error) {
	text, ok := value.(string)
	if !ok {
		return "-", "", nil
	}
	replaced, err = f.Replace(hasher, text)
	return "=" + text, replaced, err
}

// shape is what the survey says of a record: its type, and for a hash which of the fields it has.
type shape struct {
	kind   string
	fields []bool
}

// survey looks at keys. Commands are checked against the login's privileges; a key stands behind each.
func (s *session) survey(ctx context.Context, keys, fields []string, commands [][]string) ([]shape, error) {
	encoded, err := json.Marshal(map[string]any{"fields": append([]string{}, fields...), "commands": commands})
	if err != nil {
		return nil, err
	}
	answer, err := surveyScript.Run(ctx, s.client, keys, string(encoded)).StringSlice()
	if err != nil {
		return nil, err
	}
	if len(answer) > 0 && answer[0] != "" {
		return nil, retention.Fail(v1alpha1.ReasonPrivilegeMissing,
			"the login may not use %s on keys of the collection: ACL SETUSER the login +%s, and the collection's pattern with ~", strings.ToUpper(answer[0]), answer[0])
	}
	if len(answer) != 1+len(keys) {
		return nil, errAnswer
	}
	shapes := make([]shape, len(keys))
	for i, text := range answer[1:] {
		kind, digits, _ := strings.Cut(text, " ")
		shapes[i].kind = kind
		for _, digit := range digits {
			shapes[i].fields = append(shapes[i].fields, digit == '1')
		}
	}
	return shapes, nil
}

// position is where a window begins: a cursor of SCAN, which means something to the server's process that gave it only.
func position(server string, cursor uint64) string {
	return fmt.Sprintf("%s:%d", server, cursor)
}

// parsePosition returns the cursor of a position. A position of another process, or none, is the start.
func parsePosition(server, position string) uint64 {
	process, text, _ := strings.Cut(position, ":")
	cursor, err := strconv.ParseUint(text, 10, 64)
	if err != nil || process != server {
		return 0
	}
	return cursor
}

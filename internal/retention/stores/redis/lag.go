package redis

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores"
)

// replica as the store shows it: what it acknowledged, and how long ago. It is not online while it still takes a copy of everything.
type replica struct {
	online       bool
	acknowledged int64
	silent       time.Duration
}

// behind is the age, by the store's clock, of what the slowest replica has acknowledged, or the longest silence: replicas acknowledge
// each second.
func behind(log *stores.LagTracker, at time.Time, offset int64, replicas []replica) retention.Lag {
	log.Sample(at, offset)
	if len(replicas) == 0 {
		return retention.Lag{Unknown: "no replica is connected"}
	}
	var lag retention.Lag
	slowest := offset
	for _, r := range replicas {
		if !r.online {
			return retention.Lag{Unknown: "a replica is still taking a copy of the store"}
		}
		slowest = min(slowest, r.acknowledged)
		lag.Behind = max(lag.Behind, r.silent)
	}
	lag.Behind = max(lag.Behind, log.Behind(slowest))
	return lag
}

// parseReplication reads the section replication of INFO.
func parseReplication(info map[string]string) (offset int64, replicas []replica) {
	offset, _ = strconv.ParseInt(info["master_repl_offset"], 10, 64)
	connected, _ := strconv.Atoi(info["connected_slaves"])
	for i := range connected {
		fields := map[string]string{}
		for part := range strings.SplitSeq(info["slave"+strconv.Itoa(i)], ",") {
			name, value, _ := strings.Cut(part, "=")
			fields[name] = value
		}
		acknowledged, err := strconv.ParseInt(fields["offset"], 10, 64)
		silent, err2 := strconv.ParseInt(fields["lag"], 10, 64)
		replicas = append(replicas, replica{online: fields["state"] == "online" && err == nil && err2 == nil && silent >= 0,
			acknowledged: acknowledged, silent: time.Duration(silent) * time.Second})
	}
	return offset, replicas
}

// replication reads the section replication of INFO.
func (s *session) replication(ctx context.Context) (map[string]string, error) {
	answer, err := s.client.Info(ctx, "replication").Result()
	return parseInfo(answer), classify(ctx, err)
}

// Lag says how far the replicas are behind.
func (s *session) Lag(ctx context.Context) (retention.Lag, error) {
	now, err := s.Now(ctx)
	if err != nil {
		return retention.Lag{}, err
	}
	info, err := s.replication(ctx)
	if err != nil {
		return retention.Lag{}, err
	}
	offset, replicas := parseReplication(info)
	return behind(&s.lag, now, offset, replicas), nil
}

// LogPosition is the end of the replication stream: its id and the offset. A replica of that id with that offset has all deletions. It is
// empty as long as the store never had a replica, since it counts nothing then.
func (s *session) LogPosition(ctx context.Context) (string, error) {
	info, err := s.replication(ctx)
	if err != nil || info["master_repl_offset"] == "0" || info["master_replid"] == "" {
		return "", err
	}
	return info["master_replid"] + ":" + info["master_repl_offset"], nil
}

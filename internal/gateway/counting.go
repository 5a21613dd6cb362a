package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"k8s.io/utils/clock"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
	"github.com/carrier-operator/carrier-operator/internal/limit"
	"github.com/carrier-operator/carrier-operator/internal/limit/redis"
)

const (
	// keepInterval is how often the use of limits is written down for the next container, at most.
	keepInterval  = 5 * time.Second
	maxUsageBytes = 1 << 20
	usageFile     = "usage.json"
)

// counting is what limits are counted with beyond one configuration: the store, and the use from before this process.
type counting struct {
	limit.Counter
	paths   Paths
	clock   clock.WithTicker
	log     *slog.Logger
	metrics *metrics

	// Of the polling goroutine alone:
	setup  storeSetup
	store  *redis.Store
	serves bool // a configuration has been put to use

	mu   sync.Mutex
	kept []byte
}

// storeSetup is all that a limit store depends on. The zero value: there is none.
type storeSetup struct {
	config.LimitStore
	username, password string
}

func newCounting(o *Options, m *metrics) *counting {
	c := &counting{paths: o.Paths, clock: o.Clock, log: o.Log, metrics: m}
	c.Changed = func(err error) {
		if err == nil {
			m.storeUp.Set(1)
			c.log.Info("the limit store answers: replicas count together again")
			return
		}
		m.storeUp.Set(0)
		c.log.Error("the limit store is not used: every replica keeps its part of the limits until it answers", "error", err.Error())
	}
	return c
}

// check says what is wrong with a setup before it is put to use.
func (s *storeSetup) check() error {
	_, err := redis.Verified(s.ServerName, s.CABundle)
	return err
}

// use puts a setup that was checked to use.
func (c *counting) use(s storeSetup) {
	c.serves = true
	if s == c.setup {
		return
	}
	old := c.store
	c.setup, c.store = s, nil
	if s == (storeSetup{}) {
		c.Use(nil, c.clock.Now())
		c.metrics.storeUp.Set(0)
	} else {
		options := redis.Options{Address: s.Address, Username: s.username, Password: s.password, Prefix: s.Prefix}
		if s.TLS {
			options.TLS, _ = redis.Verified(s.ServerName, s.CABundle)
		}
		c.store = redis.Open(options)
		c.Use(c.store, c.clock.Now())
		if c.Failure() == nil {
			c.metrics.storeUp.Set(1)
		}
	}
	if old != nil {
		time.AfterFunc(2*limit.StoreTimeout, func() { _ = old.Close() }) // requests under way end first
	}
}

// known is what was counted before: by this pod's previous container, of which the first configuration hears, and by all replicas.
func (c *counting) known() (k limit.Known) {
	if !c.serves && c.paths.StateDir != "" {
		k.Own = c.read(filepath.Join(c.paths.StateDir, usageFile))
	}
	if c.paths.UsageFile != "" {
		k.Sum = c.read(c.paths.UsageFile)
	}
	return k
}

// read is tolerant: without the file counts begin at nothing, as they would without a gateway.
func (c *counting) read(path string) (usage []config.LimitUsage) {
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err == nil && len(data) > maxUsageBytes:
		err = errors.New("it is larger than 1 MiB")
	case err == nil:
		err = json.Unmarshal(data, &usage)
	}
	if err != nil {
		c.log.Error("the use of limits from before is not known: they begin anew", "file", filepath.Base(path), "error", err.Error())
		return nil
	}
	return usage
}

// run keeps the use of limits in the state folder, and looks after a store that failed, until ctx ends.
func (c *counting) run(ctx context.Context, current func() *snapshot) {
	ticker := c.clock.NewTicker(keepInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			c.keep(current())
			return
		case <-ticker.C():
			if s := current(); s != nil {
				s.limits.Probe(c.clock.Now())
				c.keep(s)
			}
		}
	}
}

// keep writes down what was counted, if that has changed.
func (c *counting) keep(s *snapshot) {
	if s == nil || c.paths.StateDir == "" {
		return
	}
	data, err := json.Marshal(s.limits.Usage(c.clock.Now()))
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil || bytes.Equal(data, c.kept) || c.kept == nil && string(data) == "null" {
		return
	}
	path := filepath.Join(c.paths.StateDir, usageFile)
	if err = os.WriteFile(path+".new", data, 0o600); err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		c.log.Error("the use of limits cannot be kept for a restart", "error", err.Error())
		return
	}
	c.kept = data
}

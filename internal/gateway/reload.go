package gateway

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"k8s.io/utils/clock"

	"github.com/carrier-operator/carrier-operator/internal/carrier"
	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

// pollInterval is how often the mounted files are looked at: a few system calls, and no event to be missed.
const pollInterval = 500 * time.Millisecond

// reloader keeps the snapshot in step with the files. A set of files that does not make a whole snapshot is reported and leaves the
// last good one in place.
type reloader struct {
	paths    Paths
	broker   *carrier.Broker
	counting *counting
	clock    clock.WithTicker
	log      *slog.Logger
	metrics  *metrics

	served atomic.Pointer[snapshot]
	// receive is the TLS setup for the operator before there is a snapshot.
	receive atomic.Pointer[serverTLS]
	// manager is the URI by which the operator is known.
	manager   atomic.Pointer[string]
	lastError atomic.Pointer[string]
	ready     chan struct{} // closed with the first snapshot

	// Of the polling goroutine alone:
	seen    string
	failed  bool
	retired []retiredUpstream
}

type retiredUpstream struct {
	*upstream
	until time.Time
}

func (r *reloader) current() *snapshot { return r.served.Load() }

// run polls until ctx ends.
func (r *reloader) run(ctx context.Context) {
	ticker := r.clock.NewTicker(pollInterval)
	defer ticker.Stop()
	for r.poll(); ; r.poll() {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C():
		}
	}
}

// poll loads the files if they have changed, if the last attempt failed (they may have been read in the middle of a change), or if
// the snapshot has come to its end.
func (r *reloader) poll() {
	r.closeRetired()
	s := r.current()
	if seen := r.paths.fingerprint(); seen != r.seen || r.failed || s != nil && !r.clock.Now().Before(s.validUntil) {
		r.load(seen)
	}
}

// read reads the files until they did not change meanwhile: a client ID and a secret of two versions would be one wrong login.
func (r *reloader) read(seen string) (in *inputs, err error) {
	for range 3 {
		r.seen = seen
		in, err = readInputs(r.paths)
		if seen = r.paths.fingerprint(); seen == r.seen {
			return in, err
		}
	}
	return nil, errors.New("the files change while they are read: trying again")
}

func (r *reloader) load(seen string) {
	in, err := r.read(seen)
	if err != nil {
		r.fail(err)
		return
	}
	if r.current() == nil {
		if s, err := newServerTLS(in, r.receive.Load(), r.clock.Now()); err == nil {
			r.receive.Store(s)
			r.admit(in.config)
		}
	}
	b := &builder{inputs: in, previous: r.current(), broker: r.broker, counting: r.counting, clock: r.clock}
	next, err := b.build()
	if err != nil {
		r.fail(err)
		return
	}
	r.swap(next)
}

func (r *reloader) admit(c *config.Config) {
	uri := config.ManagerURI(c.Namespace, c.Integration)
	r.manager.Store(&uri)
}

// fail reports an error once, and again when it becomes another.
func (r *reloader) fail(err error) {
	text := err.Error()
	if last := r.lastError.Swap(&text); last == nil || *last != text {
		r.log.Error("the files on disk are not served; the last good ones are", "error", text)
		r.metrics.reloads.WithLabelValues("failure").Inc()
	}
	r.failed = true
	r.metrics.reloadOK.Set(0)
}

// swap puts a snapshot to use. Requests under way keep theirs.
func (r *reloader) swap(next *snapshot) {
	for _, u := range next.upstreams {
		u.commit()
	}
	r.counting.use(next.store)
	r.broker.SetLimit(func() time.Duration { return next.limits.TakeToken(r.clock.Now()) })
	previous := r.served.Swap(next)
	r.admit(next.cfg)
	for _, c := range next.credential {
		c.auth.Warm()
	}
	r.retire(previous, next)
	r.failed = false
	r.lastError.Store(nil)
	r.metrics.served(next)
	r.log.Info("configuration served", "revision", next.cfg.Revision, "serverCertificate", next.server.fingerprint,
		"carrierCertificate", next.carrier.fingerprintOrEmpty())
	if previous == nil {
		close(r.ready)
	}
}

// retire closes the connections of upstreams that no new request uses; those in use close when their answer has been read.
func (r *reloader) retire(previous, next *snapshot) {
	if previous == nil {
		return
	}
	until := r.clock.Now().Add(2 * previous.timeout())
	for role, u := range previous.upstreams {
		if n := next.upstreams[role]; n == nil || n.transport != u.transport {
			r.retired = append(r.retired, retiredUpstream{u, until})
		}
	}
	r.closeRetired()
}

// closeRetired goes on for a while: a request that had begun before the change opens the pool again for its connection.
func (r *reloader) closeRetired() {
	now, kept := r.clock.Now(), r.retired[:0]
	for _, u := range r.retired {
		u.transport.CloseIdleConnections()
		if now.Before(u.until) {
			kept = append(kept, u)
		}
	}
	r.retired = kept
}

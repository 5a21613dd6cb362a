package carrier

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"k8s.io/utils/clock"

	"github.com/carrier-operator/carrier-operator/internal/limit"
)

// Broker obtains access tokens: at most one request at a time for a credential, never more than the carrier's limits, none while
// the carrier has said to stay away. It outlives configurations, so that a reload costs no token.
type Broker struct {
	clock  clock.PassiveClock
	store  *store
	onDone func(result string)
	jitter func() float64

	flights sync.WaitGroup // token requests under way

	timeout time.Duration // of a whole token request

	mu      sync.Mutex
	states  map[string]*tokenState
	chains  map[string]*refreshChain   // by origin
	hosts   map[string]time.Time       // penalty boxes: token host → when it ends
	pace    map[string][]*limit.Window // by token host
	offsets map[string]time.Duration   // by token host: how far the carrier's clock is ahead of ours
	limit   func() (wait time.Duration)
}

// newPace is what no token host is asked faster than, whatever a profile says: half of what FedEx puts up with from one public address,
// which other clusters may share.
func newPace() []*limit.Window {
	return []*limit.Window{limit.NewWindow(8, 5*time.Second, 1), limit.NewWindow(60, 2*time.Minute, 1)}
}

// NewBroker keeps tokens in stateDir (a memory-backed folder; empty: in memory only). onDone, which may be nil, is told how each
// token request ended: "success" or a FailureClass.
func NewBroker(c clock.PassiveClock, stateDir string, onDone func(result string)) (*Broker, error) {
	s, err := openStore(stateDir)
	if err != nil {
		return nil, err
	}
	if onDone == nil {
		onDone = func(string) {}
	}
	return &Broker{clock: c, store: s, onDone: onDone, jitter: rand.Float64, timeout: tokenTimeout,
		states: map[string]*tokenState{}, chains: map[string]*refreshChain{}, hosts: s.readHosts(),
		pace: map[string][]*limit.Window{}, offsets: map[string]time.Duration{}}, nil
}

// Wait returns when no token request is under way any more and its outcome is stored. No new one may begin meanwhile.
func (b *Broker) Wait() { b.flights.Wait() }

// SetLimit replaces what counts token requests: take counts one, or says how long to wait until one more may be sent.
func (b *Broker) SetLimit(take func() (wait time.Duration)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.limit = take
}

// state returns the shared state of a credential's content, read from the store the first time.
func (b *Broker) state(identity []string, host string) *tokenState {
	key := b.store.key(identity)
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.states[key]
	if s == nil {
		s = &tokenState{broker: b, key: key, host: host}
		saved := b.store.read(key)
		if saved.Token.validAt(b.clock.Now()) {
			s.token, s.renewAt = saved.Token, b.renewalOf(saved.Token)
		}
		s.failure, s.failures = saved.Failure, saved.Failures
		b.states[key] = s
	}
	return s
}

// renewalOf is when a token's renewal begins: after 75 to 85 % of its life.
func (b *Broker) renewalOf(t *Token) time.Time {
	life := t.Expires.Sub(t.IssuedAt)
	return t.IssuedAt.Add(time.Duration(float64(life) * (0.75 + 0.1*b.jitter())))
}

// admit counts a request to a token host, or says why it must not be sent now. counted: it is one that the configured limits on
// token requests are about.
func (b *Broker) admit(host string, counted bool) *Failure {
	pace, take, f := b.gates(host)
	if f != nil {
		return f
	}
	for i, w := range pace {
		if wait := w.Take(b.clock.Now()); wait > 0 {
			return b.overLimit(pace[:i], wait)
		}
	}
	if counted && take != nil {
		if wait := take(); wait > 0 {
			return b.overLimit(pace, wait)
		}
	}
	return nil
}

// gates are what a request to a token host has to pass. They are passed without the lock: the configured limit may ask other replicas.
func (b *Broker) gates(host string) (pace []*limit.Window, take func() time.Duration, _ *Failure) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if until := b.hosts[host]; b.clock.Now().Before(until) {
		return nil, nil, &Failure{Class: FailurePenaltyBox, Detail: "the carrier refuses token requests for a while", RetryAt: until}
	}
	if b.pace[host] == nil {
		b.pace[host] = newPace()
	}
	return b.pace[host], b.limit, nil
}

// overLimit takes back what was counted for a request that is not sent.
func (b *Broker) overLimit(taken []*limit.Window, wait time.Duration) *Failure {
	for _, w := range taken {
		w.Return()
	}
	return &Failure{Class: FailureLimitReached, Detail: "the limit on token requests is used up", RetryAt: b.clock.Now().Add(wait)}
}

// offset is how far a carrier's clock is ahead of ours, as its last answer showed.
func (b *Broker) offset(host string) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.offsets[host]
}

// minOffset is the least difference of clocks that is taken for one: Date has whole seconds, and answers take time.
const minOffset = 20 * time.Second

func (b *Broker) setOffset(host string, a *answer) {
	d := a.carrierTime().Sub(a.received)
	if d.Abs() < minOffset {
		d = 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.offsets[host] = d
}

// banned notes that a token host must be left alone, by all credentials.
func (b *Broker) banned(host string, until time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hosts[host] = until
	b.store.writeHosts(b.hosts)
}

// tokenState is what is known about one content of a credential.
type tokenState struct {
	broker *Broker
	key    string
	host   string

	mu       sync.Mutex
	token    *Token
	renewAt  time.Time
	forcedAt time.Time
	failure  *Failure
	failures int           // in a row
	flight   chan struct{} // closed when the request under way has ended; nil: none is
}

// forceInterval is how far apart renewals forced by a 401 are: a carrier that answers 401 for another reason must not cost a token
// a request.
const forceInterval = time.Minute

// current is the token at hand if it is valid.
func (s *tokenState) current() *Token {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token.validAt(s.broker.clock.Now()) {
		return s.token
	}
	return nil
}

func (s *tokenState) lastFailure() *Failure {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failure
}

// get returns the token at hand, renewing it in the background near its end, or waits for a new one.
func (s *tokenState) get(ctx context.Context, r *tokenRequest) (*Token, Source, error) {
	s.mu.Lock()
	now := s.broker.clock.Now()
	if t := s.token; t.validAt(now) {
		s.refreshLocked(r, now)
		s.mu.Unlock()
		return t, SourceCached, nil
	}
	s.startLocked(r, now)
	flight := s.flight
	if flight == nil {
		defer s.mu.Unlock()
		return nil, "", s.failureLocked()
	}
	s.mu.Unlock()
	select {
	case <-flight:
	case <-ctx.Done():
		return nil, "", ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token.validAt(s.broker.clock.Now()) {
		return s.token, SourceFresh, nil
	}
	return nil, "", s.failureLocked()
}

// failureLocked is why there is no token, also where the last request brought one that ended on its way.
func (s *tokenState) failureLocked() *Failure {
	if s.failure != nil {
		return s.failure
	}
	return &Failure{Class: FailureInvalidResponse, Detail: "the token had expired before it could be used"}
}

// refreshLocked renews the token near its end, and a second one whose first has changed.
func (s *tokenState) refreshLocked(r *tokenRequest, now time.Time) {
	if !s.token.validAt(now) || !now.Before(s.renewAt) || s.token.Parent != r.parent {
		s.startLocked(r, now)
	}
}

func (s *tokenState) refresh(r *tokenRequest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refreshLocked(r, s.broker.clock.Now())
}

// forgive ends the back-off after failures of a class whose cause is gone.
func (s *tokenState) forgive(c FailureClass) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failure != nil && s.failure.Class == c {
		s.failure, s.failures = nil, 0
	}
}

func (s *tokenState) renewInBackground(r *tokenRequest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.startLocked(r, s.broker.clock.Now())
}

// force replaces a token that the carrier has just refused; true if another one is at hand now. The old token stays until then.
func (s *tokenState) force(ctx context.Context, r *tokenRequest, refused *Token) bool {
	s.mu.Lock()
	now := s.broker.clock.Now()
	if s.token != refused {
		defer s.mu.Unlock()
		return s.token.validAt(now) // somebody else was faster
	}
	if s.flight == nil && now.Before(s.forcedAt.Add(forceInterval)) {
		s.mu.Unlock()
		return false
	}
	if s.flight == nil {
		s.forcedAt = now
	}
	s.startLocked(r, now)
	flight := s.flight
	s.mu.Unlock()
	if flight == nil {
		return false
	}
	select {
	case <-flight:
	case <-ctx.Done():
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.token != refused && s.token.validAt(s.broker.clock.Now())
}

// drop forgets a token that the carrier no longer accepts.
func (s *tokenState) drop(refused *Token) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token == refused {
		s.token = nil
	}
}

// startLocked begins a token request unless one is under way or must not be made yet.
func (s *tokenState) startLocked(r *tokenRequest, now time.Time) {
	if s.flight != nil || s.failure != nil && now.Before(s.failure.RetryAt) {
		return
	}
	s.flight = make(chan struct{})
	s.broker.flights.Go(func() { s.fly(r) })
}

// fly makes the token request. It belongs to no client's request: its outcome serves all.
func (s *tokenState) fly(r *tokenRequest) {
	if f := s.broker.admit(s.host, r.first == nil); f != nil { // asked here, without the lock: others may be asked in turn
		s.ground(f)
		return
	}
	t, f := r.fetch(context.Background())
	s.land(t, f)
	if f == nil && r.then != nil {
		r.then(t)
	}
}

// ground ends a flight that did not take place.
func (s *tokenState) ground(f *Failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure = f
	s.broker.onDone(string(f.Class))
	close(s.flight)
	s.flight = nil
}

func (s *tokenState) land(t *Token, f *Failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f == nil {
		s.token, s.renewAt = t, s.broker.renewalOf(t)
		s.failure, s.failures = nil, 0
		s.broker.onDone("success")
	} else {
		s.failLocked(f)
	}
	s.broker.store.write(s.key, saved{Token: s.token, Failure: s.failure, Failures: s.failures})
	close(s.flight)
	s.flight = nil
}

func (s *tokenState) failLocked(f *Failure) {
	s.failures++
	earliest := s.broker.clock.Now().Add(f.Class.wait(s.failures, s.broker.jitter()))
	if f.RetryAt.Before(earliest) { // the carrier's Retry-After may only prolong
		f.RetryAt = earliest
	}
	s.failure = f
	s.broker.onDone(string(f.Class))
	if f.Class == FailurePenaltyBox {
		s.broker.banned(s.host, f.RetryAt)
	}
}

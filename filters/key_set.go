package filters

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

const (
	// refreshEvery is the least time between two refreshes, whatever tokens strangers send.
	refreshEvery = 30 * time.Second
	// retryEvery is that time while there are no keys at all: then nobody can come in.
	retryEvery = 5 * time.Second
	// fetchTime is what getting the keys may take.
	fetchTime = 10 * time.Second
)

// keySet is the keys of one issuer. Where they come from a server they are got
// anew from time to time, and when a token comes that none of them verifies, but
// not more often than every 30 seconds. During an outage the old ones are kept for
// a while. No goroutine runs but while the keys are being fetched.
type keySet struct {
	source   keySource
	maxStale time.Duration
	log      *slog.Logger
	now      func() time.Time

	mu        sync.Mutex
	transport http.RoundTripper
	ring      *keyring // nil: none yet
	fetched   time.Time
	fresh     time.Time     // until when they need no refresh
	tried     time.Time     // when the last refresh began
	running   chan struct{} // closed when the refresh that is under way has ended; nil: none is
	err       error         // of the last refresh
}

// keySource is where a server has its keys; the zero value is nowhere.
type keySource struct {
	issuer  string // whose discovery document tells
	url     string
	refresh time.Duration // the longest time between two refreshes
}

// KeySets are the key sets that filters share which trust the same server. They
// live on over reloads.
type KeySets struct {
	old map[sharedSet]*keySet
	mu  sync.Mutex
	now map[sharedSet]*keySet
}

type sharedSet struct {
	source   keySource
	maxStale time.Duration
}

// NewKeySets makes the key sets of a configuration. Those that an old one had,
// which may be nil, stay.
func NewKeySets(old *KeySets) *KeySets {
	k := &KeySets{now: make(map[sharedSet]*keySet)}
	if old != nil {
		k.old = old.now
	}
	return k
}

// get finds or makes the key set of a source.
func (k *KeySets) get(source keySource, maxStale time.Duration, env *Env) *keySet {
	key := sharedSet{source, maxStale}
	if k == nil {
		return newKeySet(key, env)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.now[key] == nil {
		if k.now[key] = k.old[key]; k.now[key] == nil {
			k.now[key] = newKeySet(key, env)
		}
	}
	return k.now[key]
}

func newKeySet(key sharedSet, env *Env) *keySet {
	return &keySet{source: key.source, maxStale: key.maxStale, log: env.Log, now: env.clock()}
}

// fixedKeys is a key set that never changes.
func fixedKeys(ring *keyring) *keySet { return &keySet{ring: ring} }

// start begins to get the keys, through the transport from now on.
func (s *keySet) start(transport http.RoundTripper) {
	if s.source == (keySource{}) {
		return
	}
	s.mu.Lock()
	s.transport = transport
	missing := s.ring == nil
	s.mu.Unlock()
	if missing {
		s.refresh(s.now())
	}
}

// errNoKeys is why nobody can come in while the keys are not there.
var errNoKeys = errors.New("the keys that verify tokens are not there")

// try gives the keys to a function that tells whether one of them verifies its
// token; when none does, and it was not just done, the keys are got anew, and it
// may try once more. Without keys the error is [errNoKeys].
func (s *keySet) try(ctx context.Context, now time.Time, verifies func(*keyring) bool) (bool, error) {
	ring, fresh := s.keys(now)
	if ring != nil && verifies(ring) {
		if !fresh {
			s.refresh(now)
		}
		return true, nil
	}
	if running := s.refresh(now); running != nil {
		select {
		case <-running:
		case <-ctx.Done():
			return false, fmt.Errorf("%w: %w", errNoKeys, context.Cause(ctx))
		}
	}
	newer, _ := s.keys(now)
	switch {
	case newer == nil:
		return false, s.missing()
	case newer == ring:
		return false, nil
	}
	return verifies(newer), nil
}

// keys are those that may be used now, and whether they need no refresh.
func (s *keySet) keys(now time.Time) (ring *keyring, fresh bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.source == (keySource{}) {
		return s.ring, true
	}
	if s.ring != nil && now.Sub(s.fetched) > max(s.maxStale, s.fresh.Sub(s.fetched)) {
		s.ring = nil
	}
	return s.ring, now.Before(s.fresh)
}

// missing is errNoKeys with why they are not there.
func (s *keySet) missing() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return fmt.Errorf("%w: %w", errNoKeys, s.err)
	}
	return errNoKeys
}

// refresh gets the keys anew, unless that was done just now. It returns what is
// closed when the refresh that is under way has ended; nil when none is.
func (s *keySet) refresh(now time.Time) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	every := refreshEvery
	if s.ring == nil {
		every = retryEvery
	}
	switch {
	case s.source == (keySource{}) || s.transport == nil:
		return nil
	case s.running != nil:
		return s.running
	case !s.tried.IsZero() && now.Sub(s.tried) < every:
		return nil
	}
	s.tried, s.running = now, make(chan struct{})
	go s.fetch(now, s.transport, s.running)
	return s.running
}

// fetch is the goroutine of a refresh.
func (s *keySet) fetch(now time.Time, transport http.RoundTripper, done chan struct{}) {
	ring, life, err := s.load(transport)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running, s.err = nil, err
	close(done)
	if err != nil {
		s.log.Warn("the keys that verify tokens could not be refreshed", "error", err, "keys", s.ring != nil)
		return
	}
	if s.ring == nil || s.ring.sum != ring.sum { // the same keys stay the same ring, and what they have verified stays verified
		s.ring = ring
		s.log.Info("keys that verify tokens", "from", s.source.name(), "keys", len(ring.keys))
	}
	s.fetched, s.fresh = now, now.Add(life)
}

// load never panics: what it reads comes from elsewhere.
func (s *keySet) load(transport http.RoundTripper) (ring *keyring, life time.Duration, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("read the keys of %s: panic: %v", s.source.name(), p)
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), fetchTime)
	defer cancel()
	return s.source.load(ctx, transport)
}

func (k *keySource) name() string {
	if k.issuer != "" {
		return k.issuer
	}
	return k.url
}

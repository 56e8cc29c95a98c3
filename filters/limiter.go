package filters

import (
	"crypto/sha256"
	"hash/maphash"
	"slices"
	"sync"
	"time"

	"framegate/engine/meter"
)

// limiter counts per key how much has passed, for a bounded number of keys: past
// it, the keys that were not seen for longest are forgotten. It is exact however
// many goroutines ask, and needs none of its own.
type limiter struct {
	rates  []meter.Rate // all of which must have room
	seed   maphash.Seed
	shards [limiterShards]limiterShard
}

// limiterShards is how many locks the keys are spread over.
const limiterShards = 16

// limiterShard is a part of the keys: by name, and in a ring by when they were seen, the newest first.
type limiterShard struct {
	mu   sync.Mutex
	keys map[string]*usage
	seen usage // the ring's anchor
	max  int
}

// usage is what one key has used, of each rate.
type usage struct {
	key        string
	prev, next *usage
	gauges     []gauge
}

// gauge is what is used of one rate: of a bucket where the rate has a burst, else of a window.
type gauge struct {
	bucket meter.Bucket
	window meter.Window
}

// allowance is what a limiter says of a key: its tightest rate.
type allowance struct {
	meter.State
	rate int // which of the rates it is about
}

func newLimiter(keys int, rates ...meter.Rate) *limiter {
	l := &limiter{rates: rates, seed: maphash.MakeSeed()}
	for i := range l.shards {
		s := &l.shards[i]
		s.keys = make(map[string]*usage)
		s.seen.prev, s.seen.next = &s.seen, &s.seen
		s.max = (keys + limiterShards - 1) / limiterShards
	}
	return l
}

// counts tells whether the limiter counts the same as another.
func (l *limiter) counts(other *limiter) bool { return slices.Equal(l.rates, other.rates) }

// take uses n of the key's allowance if every rate has room for it, else nothing.
func (l *limiter) take(key []byte, n int64, now time.Time) allowance {
	key = shortKey(key)
	s := &l.shards[maphash.Bytes(l.seed, key)%limiterShards]
	at := now.UnixNano()
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.keys[string(key)]
	if u == nil {
		u = s.enter(string(key), at, l.rates)
	} else {
		u.prev.next, u.next.prev = u.next, u.prev
	}
	u.prev, u.next = &s.seen, s.seen.next
	u.prev.next, u.next.prev = u, u
	return u.take(at, n, l.rates)
}

// longKey is where a key is kept as its hash, in bytes.
const longKey = 128

// shortKey is the key, or the hash of a long one: what a client sends must not
// fill the memory.
func shortKey(key []byte) []byte {
	if len(key) <= longKey {
		return key
	}
	sum := sha256.Sum256(key)
	return sum[:]
}

func (u *usage) take(at, n int64, rates []meter.Rate) allowance {
	var tightest allowance
	for i, r := range rates {
		a := allowance{u.gauges[i].ask(at, n, r), i}
		if i == 0 || a.tighter(tightest) {
			tightest = a
		}
	}
	if !tightest.OK || n == 0 {
		return tightest
	}
	for i, r := range rates {
		if r.Burst > 0 {
			u.gauges[i].bucket.Take(at, n, r)
		} else {
			u.gauges[i].window.Take(at, n, r)
		}
	}
	tightest.State = u.gauges[tightest.rate].ask(at, 0, rates[tightest.rate])
	return tightest
}

func (g *gauge) ask(at, n int64, r meter.Rate) meter.State {
	if r.Burst > 0 {
		return g.bucket.Ask(at, n, r)
	}
	return g.window.Ask(at, n, r)
}

func (g *gauge) idle(at int64, r meter.Rate) bool {
	if r.Burst > 0 {
		return g.bucket.Idle(at)
	}
	return g.window.Idle(at, r)
}

// tighter tells whether a says more about what may pass than b: a refusal for
// ever before one for a while, the longest first, and else what has least left.
func (a allowance) tighter(b allowance) bool {
	switch {
	case a.OK != b.OK:
		return b.OK
	case a.OK:
		return a.Left < b.Left
	case a.Wait == 0 || b.Wait == 0:
		return a.Wait == 0
	}
	return a.Wait > b.Wait
}

// enter makes room for a key and adds it, not yet in the ring.
func (s *limiterShard) enter(key string, at int64, rates []meter.Rate) *usage {
	for range 2 { // more than is added, so that idle keys go away in time
		if oldest := s.seen.prev; oldest != &s.seen && (len(s.keys) >= s.max || oldest.idle(at, rates)) {
			s.forget(oldest)
		}
	}
	u := &usage{key: key, gauges: make([]gauge, len(rates))}
	s.keys[key] = u
	return u
}

func (s *limiterShard) forget(u *usage) {
	u.prev.next, u.next.prev = u.next, u.prev
	delete(s.keys, u.key)
}

// idle tells whether the key has its whole allowance again.
func (u *usage) idle(at int64, rates []meter.Rate) bool {
	for i, r := range rates {
		if !u.gauges[i].idle(at, r) {
			return false
		}
	}
	return true
}

// len is how many keys are kept.
func (l *limiter) len() (n int) {
	for i := range l.shards {
		s := &l.shards[i]
		s.mu.Lock()
		n += len(s.keys)
		s.mu.Unlock()
	}
	return n
}

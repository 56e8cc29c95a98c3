package filters

import (
	"crypto/sha256"
	"hash/maphash"
	"sync"
	"time"
)

// limiter counts per key how much has passed, for a bounded number of keys: past
// it, the keys that were not seen for longest are forgotten. It is exact however
// many goroutines ask, and needs none of its own.
type limiter struct {
	rate   rate
	seed   maphash.Seed
	shards [limiterShards]limiterShard
}

// limiterShards is how many locks the keys are spread over.
const limiterShards = 16

// rate is what a limiter allows.
type rate struct {
	allow int           // this many…
	every time.Duration // …in this time
	burst int           // for a token bucket: how many at once; 0 for a floating window
}

// limiterShard is a part of the keys: by name, and in a ring by when they were seen, the newest first.
type limiterShard struct {
	mu   sync.Mutex
	keys map[string]*usage
	seen usage // the ring's anchor
	max  int
}

// usage is what one key has used.
type usage struct {
	key        string
	prev, next *usage
	bucket     bucket
	window     window
}

func newLimiter(r rate, keys int) *limiter {
	l := &limiter{rate: r, seed: maphash.MakeSeed()}
	for i := range l.shards {
		s := &l.shards[i]
		s.keys = make(map[string]*usage)
		s.seen.prev, s.seen.next = &s.seen, &s.seen
		s.max = (keys + limiterShards - 1) / limiterShards
	}
	return l
}

// take uses one of the key's allowance. When there is none left it says how long
// until there is.
func (l *limiter) take(key []byte, now time.Time) (ok bool, wait time.Duration) {
	if len(key) > longKey { // what a client sends must not fill the memory
		sum := sha256.Sum256(key)
		key = sum[:]
	}
	s := &l.shards[maphash.Bytes(l.seed, key)%limiterShards]
	at := now.UnixNano()
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.keys[string(key)]
	if u == nil {
		u = s.enter(string(key), at, l.rate)
	} else {
		u.prev.next, u.next.prev = u.next, u.prev
	}
	u.prev, u.next = &s.seen, s.seen.next
	u.prev.next, u.next.prev = u, u
	if l.rate.burst > 0 {
		return u.bucket.take(at, l.rate)
	}
	return u.window.take(at, l.rate)
}

// longKey is where a key is kept as its hash, in bytes.
const longKey = 128

// enter makes room for a key and adds it, not yet in the ring.
func (s *limiterShard) enter(key string, at int64, r rate) *usage {
	for range 2 { // more than is added, so that idle keys go away in time
		if oldest := s.seen.prev; oldest != &s.seen && (len(s.keys) >= s.max || oldest.idle(at, r)) {
			s.forget(oldest)
		}
	}
	u := &usage{key: key}
	s.keys[key] = u
	return u
}

func (s *limiterShard) forget(u *usage) {
	u.prev.next, u.next.prev = u.next, u.prev
	delete(s.keys, u.key)
}

// idle tells whether the key has its whole allowance again.
func (u *usage) idle(at int64, r rate) bool {
	if r.burst > 0 {
		return u.bucket.full <= at
	}
	return u.window.n == 0 || u.window.newest()+int64(r.every) <= at
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

// bucket is a token bucket as one number (the generic cell rate algorithm, ITU-T
// I.371): when it will be full again. Times are nanoseconds since 1970.
type bucket struct{ full int64 }

func (b *bucket) take(at int64, r rate) (bool, time.Duration) {
	token := int64(r.every) / int64(r.allow)
	full := max(b.full, at) + token
	if over := full - at - token*int64(r.burst); over > 0 {
		return false, time.Duration(over)
	}
	b.full = full
	return true, 0
}

// windowSlices is into how many parts a floating window is cut when it allows
// more than that.
const windowSlices = 64

// window is a floating window: what has passed in the time up to now. It is a
// ring of counts, oldest first. Up to 64 it has one for each that passed and is
// exact; above, what passes within a 64th of the window is counted together and
// forgotten together, when the last of it is too old: never too many, and at most
// a 64th of the window too strict.
type window struct {
	counts []count
	first  int // index of the oldest
	n      int // how many counts there are
	used   int // their sum
}

// count is how much passed from one time to another.
type count struct{ from, to, n int64 }

func (w *window) take(at int64, r rate) (bool, time.Duration) {
	for w.n > 0 && w.oldest().to+int64(r.every) <= at {
		w.used -= int(w.oldest().n)
		w.first, w.n = (w.first+1)%len(w.counts), w.n-1
	}
	if w.used >= r.allow {
		return false, time.Duration(w.oldest().to + int64(r.every) - at)
	}
	w.used++
	var slice int64
	if r.allow > windowSlices {
		slice = int64(r.every) / windowSlices
	}
	if w.n > 0 {
		last := w.at(w.n - 1)
		at = max(at, last.to) // a clock that was turned back stands still
		if at-last.from <= slice {
			last.to, last.n = at, last.n+1
			return true, 0
		}
	}
	w.push(count{at, at, 1})
	return true, 0
}

func (w *window) oldest() *count  { return &w.counts[w.first] }
func (w *window) newest() int64   { return w.at(w.n - 1).to }
func (w *window) at(i int) *count { return &w.counts[(w.first+i)%len(w.counts)] }

// push appends a count; the ring grows as it is needed.
func (w *window) push(c count) {
	if w.n == len(w.counts) {
		grown := make([]count, max(2, 2*len(w.counts)))
		for i := range w.n {
			grown[i] = *w.at(i)
		}
		w.counts, w.first = grown, 0
	}
	w.n++
	*w.at(w.n - 1) = c
}

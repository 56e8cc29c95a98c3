// Package state keeps what outlives a session and changes while the gateway
// runs: values that scripts put, counters, revocations. [Memory] keeps them in
// the process; they end with it.
package state

import (
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"strconv"
	"sync/atomic"
	"time"
)

// Bounds of what one entry may be.
const (
	MaxKey   = 1 << 10 // bytes of bucket and key together
	MaxValue = 1 << 20 // bytes of a value
)

// Errors of a Memory; what it returns wraps one of them.
var (
	ErrFull       = errors.New("the state holds as many bytes as it may")
	ErrKey        = fmt.Errorf("bucket and key are longer than %d bytes", MaxKey)
	ErrValue      = fmt.Errorf("the value is longer than %d bytes", MaxValue)
	ErrTTL        = errors.New("the time to live is negative")
	ErrNegative   = errors.New("the amount is negative")
	ErrNotCounter = errors.New("the value is not a counter")
	ErrOverflow   = errors.New("the counter would overflow")
)

// shards is how many locks the entries are spread over.
const shards = 64

// Memory is an engine.State in this process. It is safe for concurrent use,
// and it needs no goroutine: an expired entry is gone at once for readers, and its
// memory is taken back by later writes, or by [Memory.Sweep].
type Memory struct {
	now    func() time.Time
	limit  atomic.Int64
	used   atomic.Int64
	seed   maphash.Seed
	shards [shards]shard
}

// NewMemory makes an empty Memory that holds at most limit bytes: keys, values
// and what it costs to keep them. A write that would take it further returns
// [ErrFull], so that no script can use up the process; nothing that has not
// expired is ever thrown out. A nil clock is [time.Now].
func NewMemory(limit int64, now func() time.Time) *Memory {
	if now == nil {
		now = time.Now
	}
	s := &Memory{now: now, seed: maphash.MakeSeed()}
	s.limit.Store(limit)
	for i := range s.shards {
		s.shards[i].entries = make(map[name]*entry)
	}
	return s
}

// name is where an entry is kept.
type name struct{ bucket, key string }

func (s *Memory) shard(n name) *shard {
	return &s.shards[maphash.Comparable(s.seed, n)%shards]
}

// Get returns a copy of the value under a key; ok is false when there is none or
// it has expired. A counter is its decimal digits.
func (s *Memory) Get(bucket, key string) (value []byte, ok bool, err error) {
	n := name{bucket, key}
	sh := s.shard(n)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	e := sh.live(n, s.now())
	switch {
	case e == nil:
		return nil, false, nil
	case e.window != nil:
		return strconv.AppendInt(nil, e.window.Used(), 10), true, nil
	case e.counter:
		return strconv.AppendInt(nil, e.count, 10), true, nil
	}
	return append([]byte{}, e.value...), true, nil
}

// Put stores a copy of the value. It expires after ttl; 0 keeps it until it is deleted.
func (s *Memory) Put(bucket, key string, value []byte, ttl time.Duration) error {
	if len(value) > MaxValue {
		return failure("put", bucket, key, ErrValue)
	}
	n := name{bucket, key}
	return s.write("put", n, ttl, func(sh *shard, now time.Time) error {
		return s.replace(sh, &entry{name: n, value: append([]byte(nil), value...)}, now, ttl)
	})
}

// Delete removes a value; removing what is not there is no error.
func (s *Memory) Delete(bucket, key string) error {
	n := name{bucket, key}
	sh := s.shard(n)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if e := sh.entries[n]; e != nil {
		s.used.Add(-sh.remove(e))
		sh.touch(n)
	}
	return nil
}

// Add adds n to the counter under a key and returns the new count. A new counter
// starts at 0 and expires ttl after it was made, however often it is added to; a
// value that [Memory.Put] stored counts when it is a decimal number.
func (s *Memory) Add(bucket, key string, n int64, ttl time.Duration) (count int64, err error) {
	at := name{bucket, key}
	err = s.write("add to", at, ttl, func(sh *shard, now time.Time) error {
		e := sh.live(at, now)
		if e == nil {
			count = n
			return s.replace(sh, &entry{name: at, counter: true, count: n}, now, ttl)
		}
		count, err = e.add(n)
		sh.touch(at)
		return err
	})
	return count, err
}

// write runs change under the lock of the entry's shard. When there is no room
// it sweeps once and tries again.
func (s *Memory) write(doing string, n name, ttl time.Duration, change func(*shard, time.Time) error) error {
	switch {
	case len(n.bucket)+len(n.key) > MaxKey:
		return fmt.Errorf("%s state: %w", doing, ErrKey)
	case ttl < 0:
		return failure(doing, n.bucket, n.key, ErrTTL)
	}
	err := s.locked(n, change)
	if errors.Is(err, ErrFull) && s.Sweep() > 0 {
		err = s.locked(n, change)
	}
	if err != nil {
		return failure(doing, n.bucket, n.key, err)
	}
	return nil
}

func (s *Memory) locked(n name, change func(*shard, time.Time) error) error {
	sh := s.shard(n)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	now := s.now()
	s.used.Add(-sh.expire(now, sweepPerWrite))
	return change(sh, now)
}

// replace puts e in the place of what has its name, if there is room.
func (s *Memory) replace(sh *shard, e *entry, now time.Time, ttl time.Duration) error {
	old := sh.entries[e.name]
	e.size = e.bytes()
	grow := e.size
	if old != nil {
		grow -= old.size
	}
	if s.used.Add(grow) > s.limit.Load() && grow > 0 {
		s.used.Add(-grow)
		return ErrFull
	}
	if old != nil {
		sh.remove(old)
	}
	if ttl > 0 {
		e.expires = now.Add(ttl)
	}
	sh.insert(e)
	return nil
}

// Sweep takes back the memory of all expired entries and tells how many bytes that were.
func (s *Memory) Sweep() (freed int64) {
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		n := sh.expire(s.now(), math.MaxInt)
		sh.mu.Unlock()
		s.used.Add(-n)
		freed += n
	}
	return freed
}

// journal begins to keep a list of what changes, with all that is there.
func (s *Memory) journal() {
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		sh.changed = make(map[name]struct{}, len(sh.entries))
		for n := range sh.entries {
			sh.touch(n)
		}
		sh.mu.Unlock()
	}
}

// Limit changes how many bytes may be held. What is held beyond it stays.
func (s *Memory) Limit(bytes int64) { s.limit.Store(bytes) }

// Used is how many bytes the entries take, those that have expired but are not
// yet swept included.
func (s *Memory) Used() int64 { return s.used.Load() }

// failure names the entry, but never its value.
func failure(doing, bucket, key string, err error) error {
	return fmt.Errorf("%s state %q in %q: %w", doing, key, bucket, err)
}

package state

import (
	"container/heap"
	"math"
	"strconv"
	"sync"
	"time"

	"framegate/engine/meter"
)

// shard is a part of the entries under one lock, with those that expire also in
// a heap, the next one first.
type shard struct {
	mu      sync.Mutex
	entries map[name]*entry
	queue   expiries
	changed map[name]struct{} // since they were last written to disk; nil: nobody writes
}

// entry is one value, counter or window.
type entry struct {
	name    name
	value   []byte
	count   int64
	counter bool
	window  *meter.Window
	expires time.Time // zero: never
	at      int       // index in the queue, or never
	size    int64     // what it counts against the limit
}

// never is the queue index of an entry that does not expire.
const never = -1

// overhead is what an entry costs besides its bytes: the struct, the map's
// slots and the queue's, rounded up.
const overhead = 256

// bytes is what the entry counts against the limit.
func (e *entry) bytes() int64 {
	n := int64(len(e.name.bucket)+len(e.name.key)+len(e.value)) + overhead
	if e.window != nil {
		n += e.window.Size()
	}
	return n
}

func (e *entry) expired(now time.Time) bool {
	return !e.expires.IsZero() && !now.Before(e.expires)
}

// add counts on; a stored number becomes a counter.
func (e *entry) add(n int64) (int64, error) {
	count := e.count
	if !e.counter {
		stored, err := strconv.ParseInt(string(e.value), 10, 64)
		if err != nil {
			return 0, ErrNotCounter
		}
		count = stored
	}
	if n > 0 && count > math.MaxInt64-n || n < 0 && count < math.MinInt64-n {
		return count, ErrOverflow
	}
	e.counter, e.count, e.value = true, count+n, nil
	return e.count, nil
}

// live is the entry under a name unless it has expired.
func (sh *shard) live(n name, now time.Time) *entry {
	if e := sh.entries[n]; e != nil && !e.expired(now) {
		return e
	}
	return nil
}

func (sh *shard) insert(e *entry) {
	sh.entries[e.name], e.at = e, never
	sh.touch(e.name)
	if !e.expires.IsZero() {
		heap.Push(&sh.queue, e)
	}
}

// remove takes an entry out and returns its size.
func (sh *shard) remove(e *entry) int64 {
	delete(sh.entries, e.name)
	if e.at != never {
		heap.Remove(&sh.queue, e.at)
	}
	return e.size
}

// touch notes that what is under a name has changed.
func (sh *shard) touch(n name) {
	if sh.changed != nil {
		sh.changed[n] = struct{}{}
	}
}

// take empties the list of what has changed. It returns the names, and copies of
// the entries that are there.
func (sh *shard) take() (changed map[name]struct{}, now map[name]*entry) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if len(sh.changed) == 0 {
		return nil, nil
	}
	changed, sh.changed = sh.changed, make(map[name]struct{})
	now = make(map[name]*entry, len(changed))
	for n := range changed {
		if e := sh.entries[n]; e != nil {
			now[n] = e.clone()
		}
	}
	return changed, now
}

// clone is the entry as it is now. Values are never changed in place.
func (e *entry) clone() *entry {
	c := *e
	if e.window != nil {
		c.window = e.window.Clone()
	}
	return &c
}

// expireAt moves an entry's end.
func (sh *shard) expireAt(e *entry, at time.Time) {
	e.expires = at
	heap.Fix(&sh.queue, e.at)
}

// sweepPerWrite is how many expired entries a write takes out of its shard: more
// than it can add, so that a shard which is written to keeps no dead weight.
const sweepPerWrite = 4

// expire takes out up to max expired entries and returns their size.
func (sh *shard) expire(now time.Time, max int) (freed int64) {
	for ; max > 0 && len(sh.queue) > 0 && sh.queue[0].expired(now); max-- {
		freed += sh.remove(sh.queue[0])
	}
	return freed
}

// expiries is a heap of entries by when they expire.
type expiries []*entry

func (q expiries) Len() int           { return len(q) }
func (q expiries) Less(i, j int) bool { return q[i].expires.Before(q[j].expires) }
func (q expiries) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].at, q[j].at = i, j
}

func (q *expiries) Push(x any) {
	e := x.(*entry)
	e.at = len(*q)
	*q = append(*q, e)
}

func (q *expiries) Pop() any {
	last := len(*q) - 1
	e := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	e.at = never
	return e
}

package engine

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"
)

// Journal is the ring of the newest records, from which the console, tail and
// the traffic log read. Adding never waits: a reader that is a whole ring
// behind loses the oldest records and learns how many.
type Journal struct {
	mu    sync.Mutex
	ring  []Record // grows up to size
	size  uint64
	next  uint64        // sequence number of the next record; the first is 1
	grown chan struct{} // closed and replaced when records arrive and somebody waits

	followers atomic.Int32
}

// NewJournal makes a journal that holds the newest size records.
func NewJournal(size int) *Journal {
	return &Journal{size: uint64(size), next: 1}
}

// Add stores the record and gives it its sequence number. It copies Before and
// After and keeps the other slices.
func (j *Journal) Add(r *Record) {
	j.mu.Lock()
	if at := j.next % j.size; at >= uint64(len(j.ring)) {
		j.grow()
	}
	slot := &j.ring[j.next%j.size]
	before, after := slot.Before[:0], slot.After[:0]
	*slot = *r
	slot.Seq = j.next
	slot.Before, slot.After = nil, nil
	if len(r.Before) > 0 {
		slot.Before = append(before, r.Before...)
	}
	if len(r.After) > 0 {
		slot.After = append(after, r.After...)
	}
	j.next++
	grown := j.grown
	j.grown = nil
	j.mu.Unlock()
	if grown != nil {
		close(grown)
	}
}

// grow makes room for more records; until the ring is full for the first time
// its places are used in order.
func (j *Journal) grow() {
	bigger := make([]Record, min(max(2*uint64(len(j.ring)), 256), j.size))
	copy(bigger, j.ring)
	j.ring = bigger
}

// Following tells whether anybody follows the journal just now: then times, log
// lines and changes are worth keeping.
func (j *Journal) Following() bool { return j.followers.Load() > 0 }

// Last is the sequence number of the newest record; 0 when there is none.
func (j *Journal) Last() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.next - 1
}

// Read returns up to max records that come after the sequence number, oldest
// first, and how many after it are no longer there. The records are copies.
func (j *Journal) Read(after uint64, max int) (records []Record, lost uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.read(after, max)
}

func (j *Journal) read(after uint64, max int) (records []Record, lost uint64) {
	from := after + 1
	oldest := uint64(1)
	if j.next > j.size {
		oldest = j.next - j.size
	}
	if from < oldest {
		lost, from = oldest-from, oldest
	}
	for ; from < j.next && len(records) < max; from++ {
		r := j.ring[from%j.size]
		r.Before = append([]byte(nil), r.Before...)
		r.After = append([]byte(nil), r.After...)
		records = append(records, r)
	}
	return records, lost
}

// batch is how many records a follower copies under the lock at once.
const batch = 64

// Follow gives every record after the sequence number, waiting for new ones
// until ctx ends; the second value is how many were lost just before this one.
func (j *Journal) Follow(ctx context.Context, after uint64) iter.Seq2[Record, uint64] {
	return func(yield func(Record, uint64) bool) {
		j.followers.Add(1)
		defer j.followers.Add(-1)
		for {
			records, lost, grown := j.readOrWait(after)
			for _, r := range records {
				if !yield(r, lost) {
					return
				}
				after, lost = r.Seq, 0
			}
			if len(records) > 0 && ctx.Err() == nil {
				continue
			}
			select {
			case <-grown:
			case <-ctx.Done():
				return
			}
		}
	}
}

// readOrWait reads, or returns a channel that is closed when there is something to read.
func (j *Journal) readOrWait(after uint64) ([]Record, uint64, <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	records, lost := j.read(after, batch)
	if len(records) > 0 {
		return records, lost, nil
	}
	if j.grown == nil {
		j.grown = make(chan struct{})
	}
	return nil, 0, j.grown
}

package engine

import "time"

// Store is a set of keyed records that the configuration brings: users, keys,
// plans. Filters and scripts read it; it never changes once loaded.
type Store struct {
	Name    string
	records map[string]Value
}

// NewStore makes a store of records by their keys. It keeps the map.
func NewStore(name string, records map[string]Value) *Store {
	return &Store{Name: name, records: records}
}

// Get returns the record under a key; missing when there is none.
func (s *Store) Get(key string) Value { return s.records[key] }

// Len is how many records there are.
func (s *Store) Len() int { return len(s.records) }

// All calls yield with every key and record, in no order.
func (s *Store) All(yield func(key string, record Value) bool) {
	for key, record := range s.records {
		if !yield(key, record) {
			return
		}
	}
}

// State keeps what outlives a session and changes while the gateway runs:
// values that scripts put, counters, revocations. Package state implements it
// in memory and on disk; every error aborts the filter that asked.
type State interface {
	// Get returns the value under a key; ok is false when there is none or it has expired.
	Get(bucket, key string) (value []byte, ok bool, err error)
	// Put stores a value. It expires after ttl; 0 keeps it until it is deleted.
	Put(bucket, key string, value []byte, ttl time.Duration) error
	// Delete removes a value; removing what is not there is no error.
	Delete(bucket, key string) error
	// Add adds n to the counter under a key and returns the new count. A new
	// counter starts at 0 and expires ttl after it was made.
	Add(bucket, key string, n int64, ttl time.Duration) (int64, error)
	// Take counts n under a key if the allowance has room for all of it, else nothing.
	// It is exact however many ask at once.
	Take(bucket, key string, n int64, a Allowance) (Taken, error)
}

// Allowance is how much may be taken under one key, and in what time: in any span
// of time as long as Every, or in a period of the calendar.
type Allowance struct {
	Limit int64
	Every time.Duration
	// Ends tells, where Every is 0, when the period that a time lies in is over.
	Ends func(time.Time) time.Time
}

// Taken is how the count under a key stands after [State.Take].
type Taken struct {
	OK   bool          // n was counted
	Used int64         // what is counted, n included if it was
	Wait time.Duration // else: until n has room; 0 when it never will
	Anew time.Duration // until nothing is counted any more
}

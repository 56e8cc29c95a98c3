package remotehosts

import (
	"context"
	"slices"
	"sync"
)

// slots counts the open connections to a host and makes those wait that are too
// many, first come first served.
type slots struct {
	mu      sync.Mutex
	limit   int // negative: no limit
	open    int
	waiting []chan struct{} // closed when its owner has got a place
}

func newSlots(limit int) *slots { return &slots{limit: limit} }

// tryTake takes a place if one is free.
func (s *slots) tryTake() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.takeFree()
}

func (s *slots) takeFree() bool {
	if s.limit >= 0 && s.open >= s.limit {
		return false
	}
	s.open++
	return true
}

// take takes a place, or waits for one until ctx ends.
func (s *slots) take(ctx context.Context) error {
	s.mu.Lock()
	if s.takeFree() {
		s.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	s.waiting = append(s.waiting, turn)
	s.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	if s.forget(turn) {
		return ctx.Err()
	}
	s.release() // the place was given just now
	return ctx.Err()
}

// forget takes a waiter out of the queue; false when it has a place already.
func (s *slots) forget(turn chan struct{}) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.waiting, turn)
	if i < 0 {
		return false
	}
	s.waiting = slices.Delete(s.waiting, i, i+1)
	return true
}

// release gives a place back: to the first who waits, if somebody does.
func (s *slots) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) == 0 {
		s.open--
		return
	}
	close(s.waiting[0])
	s.waiting = slices.Delete(s.waiting, 0, 1)
}

func (s *slots) counts() (open, waiting int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open, len(s.waiting)
}

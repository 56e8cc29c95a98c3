package remotehosts

import (
	"context"
	"runtime"
	"testing"
)

// A place that is given to somebody who has just stopped waiting goes on to the
// next, or back.
func TestPlaceGivenTooLate(t *testing.T) {
	for range 500 {
		s := newSlots(1)
		if err := s.take(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		taken := make(chan error)
		go func() { taken <- s.take(ctx) }()
		for {
			if _, waiting := s.counts(); waiting == 1 {
				break
			}
			runtime.Gosched()
		}
		cancel()
		s.release()
		if <-taken == nil {
			s.release()
		}
		if open, waiting := s.counts(); open != 0 || waiting != 0 {
			t.Fatalf("%d places are taken, %d wait", open, waiting)
		}
	}
}

package scripts

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// ErrTooManyErrors aborts a message whose script failed too often within the minute ([Limits.Errors]).
var ErrTooManyErrors = errors.New("too many errors")

// breaker stops a script that keeps failing until its minute is over.
type breaker struct {
	open atomic.Bool

	mu     sync.Mutex
	began  time.Time // the minute
	errors int
}

// count notes an error. It tells whether the script is stopped by this one.
func (b *breaker) count(now time.Time, limit int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now.Sub(b.began) >= time.Minute {
		b.began, b.errors = now, 0
	}
	b.errors++
	return b.errors > limit && b.open.CompareAndSwap(false, true)
}

// refuses tells whether an open breaker is still open.
func (b *breaker) refuses(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now.Sub(b.began) < time.Minute {
		return true
	}
	b.open.Store(false)
	return false
}

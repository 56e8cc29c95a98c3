package scripts

import (
	"errors"
	"time"
)

// ErrTooManyErrors aborts a message whose script has failed too often within the minute, in this session and direction
// ([Limits.Errors]). Other sessions are not concerned: what one client sends cannot stop the script for the others.
var ErrTooManyErrors = errors.New("too many errors")

// breaker stops a script that keeps failing in one direction of a session until its minute is over.
type breaker struct {
	began  time.Time // the minute
	errors int
}

// count notes an error. It tells whether the script is stopped by this one.
func (b *breaker) count(now time.Time, limit int) bool {
	if now.Sub(b.began) >= time.Minute {
		b.began, b.errors = now, 0
	}
	b.errors++
	return b.errors == limit+1
}

// refuses tells whether the script is stopped.
func (b *breaker) refuses(now time.Time, limit int) bool {
	return b.errors > limit && now.Sub(b.began) < time.Minute
}

package remotehosts

import "time"

// clock tells the time and wakes up after a while.
type clock struct {
	now   func() time.Time
	after func(time.Duration) (wake <-chan time.Time, stop func() bool)
}

var systemClock = clock{now: time.Now, after: func(d time.Duration) (<-chan time.Time, func() bool) {
	t := time.NewTimer(d)
	return t.C, t.Stop
}}

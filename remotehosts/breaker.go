package remotehosts

import (
	"math/rand/v2"
	"time"
)

// backoff is how long to keep away from something that fails: twice as long
// each time, and up to a fifth more or less, so that not all gateways come back
// at once.
type backoff struct{ first, most time.Duration }

func (b backoff) after(times int) time.Duration {
	wait := b.first
	for range min(times, 40) {
		wait = min(2*wait, b.most)
	}
	wait = min(wait, b.most)
	return wait*4/5 + rand.N(wait*2/5+1)
}

// breaker keeps away from an address, or from a whole host, that fails too often
// in a row. Open, it lets nothing through until its time is up; then one attempt,
// the trial, decides whether it closes, or opens for longer. Its owner locks it.
type breaker struct {
	limit int // failures in a row that open it; 0: it never opens
	wait  backoff

	failures int // in a row
	times    int // that it has opened without closing
	open     bool
	trial    bool      // is on its way
	since    time.Time // of the last change
	until    time.Time // of an open one
	why      string    // it failed the last time
}

// ready tells whether an attempt may be made.
func (b *breaker) ready(now time.Time) bool {
	return !b.open || !b.trial && !now.Before(b.until)
}

// claim begins an attempt; trial tells whether it is the one that decides.
func (b *breaker) claim(now time.Time) (trial bool) {
	if !b.open || !b.ready(now) {
		return false
	}
	b.trial = true
	return true
}

// abandon ends an attempt that has found out nothing.
func (b *breaker) abandon(trial bool) {
	if trial {
		b.trial = false
	}
}

// succeed ends an attempt that went well.
func (b *breaker) succeed(now time.Time) {
	if b.open {
		b.since = now
	}
	b.open, b.trial, b.failures, b.times = false, false, 0, 0
}

// fail ends an attempt that failed. Those that were on their way when the
// breaker opened do not make it stay open for longer. It tells whether the
// breaker has opened, or stays open after a trial.
func (b *breaker) fail(now time.Time, why string, trial bool) (opened bool) {
	b.failures++
	b.why = why
	if b.limit == 0 || b.failures < b.limit || b.open && !trial {
		b.abandon(trial)
		return false
	}
	if !b.open {
		b.since = now
	}
	b.open, b.trial = true, false
	b.until = now.Add(b.wait.after(b.times))
	b.times++
	return true
}

// Package meter measures how much passes in what time: a floating window and a
// token bucket. Both are exact to the nanosecond, take any amount at once, and
// need neither a goroutine nor a lock of their own: who uses them has one.
//
// Times are nanoseconds since 1970. A clock that is turned back gives nothing away.
package meter

import (
	"math/bits"
	"time"
)

// Rate is what may pass.
type Rate struct {
	Allow int64         // this much, above 0…
	Every time.Duration // …in this time, above 0
	Burst int64         // of a [Bucket]: how much at once, above 0
}

// State is how a meter stands after it was asked.
type State struct {
	OK   bool          // there is room for what was asked for
	Wait time.Duration // else: until there is; 0 when there never will be
	Left int64         // how much may still pass now
	Full time.Duration // until all of it may pass again
}

// MaxFill is the longest time in which a [Bucket] may fill up: a hundred years.
const MaxFill = 100 * 365 * 24 * time.Hour

// Fills tells whether a bucket of the rate fills up within [MaxFill]; only such
// a rate is one for a bucket.
func (r Rate) Fills() bool {
	hi, lo := bits.Mul64(uint64(r.Burst), uint64(r.Every))
	if hi >= uint64(r.Allow) {
		return false
	}
	ns, _ := bits.Div64(hi, lo, uint64(r.Allow))
	return ns <= uint64(MaxFill)
}

// instant is a time to a fraction of a nanosecond: part of Allow parts.
type instant struct {
	ns   int64
	part uint64
}

// after is the instant at which n more have been paid off.
func (i instant) after(n int64, r Rate) instant {
	hi, lo := bits.Mul64(uint64(n), uint64(r.Every))
	ns, part := bits.Div64(hi, lo, uint64(r.Allow))
	if part += i.part; part >= uint64(r.Allow) {
		ns, part = ns+1, part-uint64(r.Allow)
	}
	return instant{i.ns + int64(ns), part}
}

func (i instant) before(j instant) bool { return i.ns < j.ns || i.ns == j.ns && i.part < j.part }

// Bucket is a token bucket, kept as the time at which it will be full again (the
// generic cell rate algorithm, ITU-T I.371). The zero Bucket is full.
type Bucket struct{ full instant }

// Ask tells whether n may pass; it takes nothing.
func (b *Bucket) Ask(at, n int64, r Rate) State {
	full := b.fullAt(at)
	s := State{Left: r.Burst - owed(full, at, r), Full: until(full, at)}
	if n > r.Burst {
		return s
	}
	then, bound := full.after(n, r), instant{ns: at}.after(r.Burst, r)
	if s.OK = !bound.before(then); !s.OK {
		s.Wait = time.Duration(then.ns - bound.ns)
		if bound.part < then.part {
			s.Wait++
		}
	}
	return s
}

// Take lets n pass, for which Ask has found room.
func (b *Bucket) Take(at, n int64, r Rate) { b.full = b.fullAt(at).after(n, r) }

// Idle tells whether the bucket is full.
func (b *Bucket) Idle(at int64) bool { return !(instant{ns: at}).before(b.full) }

func (b *Bucket) fullAt(at int64) instant {
	if b.full.ns < at {
		return instant{ns: at}
	}
	return b.full
}

// owed is how many tokens are missing, a begun one as a whole.
func owed(full instant, at int64, r Rate) int64 {
	if empty := (instant{ns: at}).after(r.Burst, r); !full.before(empty) {
		return r.Burst
	}
	hi, lo := bits.Mul64(uint64(full.ns-at), uint64(r.Allow))
	lo, carry := bits.Add64(lo, full.part, 0)
	n, rest := bits.Div64(hi+carry, lo, uint64(r.Every))
	if rest > 0 {
		n++
	}
	return int64(n)
}

func until(full instant, at int64) time.Duration {
	d := time.Duration(full.ns - at)
	if full.part > 0 {
		d++
	}
	return d
}

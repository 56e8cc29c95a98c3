package meter

import (
	"encoding/binary"
	"errors"
	"time"
)

// slices is into how many parts a window is cut when it allows more than that.
const slices = 64

// Window is a floating window: what has passed in the time up to now. It is a
// ring of counts, oldest first. Up to an allowance of 64 it has one for each that
// passed and is exact; above, what passes within a 64th of the window is counted
// together and forgotten together, when the last of it is too old: never too
// much, and at most a 64th of the window too strict. The zero Window is empty.
type Window struct {
	counts []count
	first  int // index of the oldest
	n      int // how many counts there are
	used   int64
}

// count is how much passed from one time to another.
type count struct{ from, to, n int64 }

// Ask tells whether n may pass, and forgets what is too old; it takes nothing.
func (w *Window) Ask(at, n int64, r Rate) State {
	for w.n > 0 && w.at(0).to+int64(r.Every) <= at {
		w.used -= w.at(0).n
		w.first, w.n = (w.first+1)%len(w.counts), w.n-1
	}
	s := State{OK: n <= r.Allow-w.used, Left: max(0, r.Allow-w.used)}
	if w.n > 0 {
		s.Full = time.Duration(w.at(w.n-1).to + int64(r.Every) - at)
	}
	if !s.OK && n <= r.Allow {
		s.Wait = w.wait(at, n, r)
	}
	return s
}

// wait is how long until enough is forgotten for n to pass.
func (w *Window) wait(at, n int64, r Rate) time.Duration {
	used := w.used
	for i := range w.n {
		if used -= w.at(i).n; n <= r.Allow-used {
			return time.Duration(w.at(i).to + int64(r.Every) - at)
		}
	}
	return 0
}

// Take lets n pass, for which Ask has found room.
func (w *Window) Take(at, n int64, r Rate) {
	if n <= 0 {
		return
	}
	w.used += n
	var slice int64
	if r.Allow > slices {
		slice = int64(r.Every) / slices
	}
	if w.n > 0 {
		last := w.at(w.n - 1)
		at = max(at, last.to) // a clock that was turned back stands still
		if at-last.from <= slice {
			last.to, last.n = at, last.n+n
			return
		}
	}
	w.push(count{at, at, n})
}

// Idle tells whether nothing is counted any more.
func (w *Window) Idle(at int64, r Rate) bool {
	return w.n == 0 || w.at(w.n-1).to+int64(r.Every) <= at
}

// Used is how much was counted when the window was last asked.
func (w *Window) Used() int64 { return w.used }

// Size is how many bytes of memory the counts take.
func (w *Window) Size() int64 { return int64(len(w.counts)) * 24 }

func (w *Window) at(i int) *count { return &w.counts[(w.first+i)%len(w.counts)] }

// push appends a count; the ring grows as it is needed.
func (w *Window) push(c count) {
	if w.n == len(w.counts) {
		grown := make([]count, max(2, 2*len(w.counts)))
		for i := range w.n {
			grown[i] = *w.at(i)
		}
		w.counts, w.first = grown, 0
	}
	w.n++
	*w.at(w.n - 1) = c
}

// Clone is a copy that changes on its own.
func (w *Window) Clone() *Window {
	c := *w
	c.counts = append([]count(nil), w.counts...)
	return &c
}

// AppendBinary appends the counts in a form that UnmarshalBinary reads.
func (w *Window) AppendBinary(dst []byte) ([]byte, error) {
	for i := range w.n {
		c := w.at(i)
		dst = binary.AppendVarint(dst, c.from)
		dst = binary.AppendVarint(dst, c.to-c.from)
		dst = binary.AppendVarint(dst, c.n)
	}
	return dst, nil
}

// errWindow is returned for bytes that are no window.
var errWindow = errors.New("malformed counts of a floating window")

// UnmarshalBinary replaces the window by the one that AppendBinary wrote.
func (w *Window) UnmarshalBinary(p []byte) error {
	var read Window
	for last := int64(0); len(p) > 0; {
		var c count
		var long int64
		for _, field := range []*int64{&c.from, &long, &c.n} {
			v, n := binary.Varint(p)
			if n <= 0 {
				return errWindow
			}
			*field, p = v, p[n:]
		}
		c.to = c.from + long
		used := read.used + c.n
		if long < 0 || c.to < c.from || c.n <= 0 || used < read.used || read.n > 0 && c.from < last || read.n > 2*slices {
			return errWindow
		}
		last = c.to
		read.used = used
		read.push(c)
	}
	*w = read
	return nil
}

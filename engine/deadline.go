package engine

import (
	"context"
	"errors"
	"sync"
	"time"
)

// deadline is a context that ends at a time, and else only when its work is
// over. Most work asks for no more than the time; a timer, and what other
// contexts hold on to, there are only once somebody asks for them.
type deadline struct {
	at    time.Time
	cause error

	mu     sync.Mutex
	whole  context.Context // nil: nobody has asked
	cancel context.CancelFunc
	over   bool
}

// EndsAt tells when a context ends whose time is all that can end it while its
// work goes on: whoever keeps to the time needs no look at the context.
func EndsAt(ctx context.Context) (time.Time, bool) {
	if d, ok := ctx.(*deadline); ok {
		return d.at, true
	}
	return time.Time{}, false
}

// upgradeDeadline is what an upgrade may take.
func upgradeDeadline() *deadline {
	return &deadline{at: time.Now().Add(upgradeTime), cause: errUpgradeTime}
}

var errUpgradeTime = errors.New("the upgrade took longer than 30s")

// finish ends the context: the work is over.
func (d *deadline) finish() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.over = true
	if d.cancel != nil {
		d.cancel()
	}
}

// context is the deadline as package context has it.
func (d *deadline) context() context.Context {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.whole == nil {
		d.whole, d.cancel = context.WithDeadlineCause(context.Background(), d.at, d.cause)
		if d.over {
			d.cancel()
		}
	}
	return d.whole
}

// Deadline is when the context ends.
func (d *deadline) Deadline() (time.Time, bool) { return d.at, true }

// Done is closed when the context ends.
func (d *deadline) Done() <-chan struct{} { return d.context().Done() }

// Value knows what [context.Cause] and contexts made of this one ask for.
func (d *deadline) Value(key any) any { return d.context().Value(key) }

// Err tells whether the context has ended.
func (d *deadline) Err() error {
	d.mu.Lock()
	going := d.whole == nil && !d.over && time.Now().Before(d.at)
	d.mu.Unlock()
	if going {
		return nil
	}
	return d.context().Err()
}

package socket

import (
	"sync"
	"time"
)

// maxWaits is how often a connection waits in the lot: one that waits more often
// is better off with Go's poller, which it has to be told of once.
const maxWaits = 4

// waiter is a goroutine that waits in the lot.
type waiter struct {
	woken chan struct{}
	timer *time.Timer
}

// Wake ends the waiting, or the next.
func (w *waiter) Wake() {
	select {
	case w.woken <- struct{}{}:
	default:
	}
}

var waiters = sync.Pool{New: func() any {
	w := &waiter{woken: make(chan struct{}, 1), timer: time.NewTimer(time.Hour)}
	w.timer.Stop()
	return w
}}

// waitInLot waits until the connection can be read or written, its time is over,
// it is closed, or for no reason. It reports false where it cannot wait.
func (c *Conn) waitInLot(way int) bool {
	if c.lot == nil {
		return false
	}
	w := waiters.Get().(*waiter)
	defer waiters.Put(w)
	c.mu.Lock()
	if c.polled.Load() != nil || c.waiter != nil || c.waits == maxWaits {
		c.mu.Unlock()
		return false
	}
	c.waiter = w
	c.waits++
	until := c.until[way]
	c.mu.Unlock()
	place := c.lot.Enter(w)
	events := uint32(toRead)
	if way == writing {
		events = toWrite
	}
	err := c.arm(c.lot, place, events)
	if err == nil {
		w.wait(until)
	}
	c.mu.Lock()
	c.waiter = nil
	c.mu.Unlock()
	c.lot.Leave(place)
	return err == nil
}

// wait waits until a time, or to be woken.
func (w *waiter) wait(until int64) {
	if until == 0 {
		<-w.woken
		return
	}
	w.timer.Reset(time.Until(time.Unix(0, until)))
	select {
	case <-w.woken:
		w.timer.Stop()
	case <-w.timer.C:
	}
}

// rouse ends the waiting in the lot. mu is held.
func (c *Conn) rouse() {
	if c.waiter != nil {
		c.waiter.Wake()
	}
}

// arm makes the lot wake whoever has the place.
func (c *Conn) arm(l *Lot, place int32, events uint32) error {
	if err := c.hold(); err != nil {
		return err
	}
	defer c.letGo()
	return l.arm(place, uintptr(c.fd), &c.known, events)
}

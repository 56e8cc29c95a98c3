package engine

import (
	"errors"
	"os"
	"sync/atomic"
	"time"
)

// parkAfter is how long a pump waits for the next bytes with its goroutine; after
// that it is parked until they come.
const parkAfter = 300 * time.Millisecond

// errParked is what a parked pump's goroutine ends with.
var errParked = errors.New("parked")

// parking is a pump's place in the lot, and whether it is there just now.
type parking struct {
	place  int32
	has    bool        // a place
	parked atomic.Bool // no goroutine runs; whoever sets it to false starts one
}

// launch starts a pump: parked, or with a goroutine if it has something to do or
// cannot be parked. begun is what came together with the handshake.
func (p *pump) launch(begun []byte) {
	if lot, src := p.s.gateway.lot, &p.s.legs[p.from]; lot != nil && src.raw != nil {
		p.place, p.has = lot.Enter(p), true
		if len(begun) == 0 && !src.sealed && p.park() { // crypto/tls may hold bytes that the set knows nothing of
			return
		}
	}
	p.begin()
	p.begun = begun
	go p.run()
}

// park leaves the pump to the lot; the caller's goroutine must end without
// touching the pump again. It reports false where the pump has to go on.
func (p *pump) park() bool {
	src := &p.s.legs[p.from]
	if !p.has || p.s.halted.Load() || src.until.Load() != 0 {
		return false
	}
	p.rest()
	p.parked.Store(true)
	if p.s.gateway.lot.Arm(p.place, src.raw) == nil && !p.s.halted.Load() && src.until.Load() == 0 || !p.parked.CompareAndSwap(true, false) {
		return true
	}
	p.begin()
	return false
}

// Wake starts the pump: something has come, or the connection has ended.
func (p *pump) Wake() { p.unpark() }

// unpark starts the goroutine of a parked pump.
func (p *pump) unpark() {
	if p.parked.CompareAndSwap(true, false) {
		p.s.gateway.pumps.hand(p)
	}
}

// wait waits for bytes and consumes them until the direction ends, or it has
// been quiet between two messages for so long that the pump is parked.
func (p *pump) wait() error {
	for {
		if p.idle() && p.s.websocket.Load() != p.rules {
			p.use(p.s.websocket.Load())
		}
		if !p.has {
			return p.rawRead()
		}
		wakes := p.wakes
		p.src.readFor(parkAfter)
		err := p.rawRead()
		switch {
		case !errors.Is(err, os.ErrDeadlineExceeded) || p.src.over():
			return err
		case p.wakes > wakes+1 || !p.idle() || p.out != nil: // more than the first look
		case p.park():
			return errParked
		}
	}
}

// rawRead runs the pump inside the connection's poller.
func (p *pump) rawRead() error {
	if err := p.src.raw.Read(p.ready); err != nil {
		return err
	}
	return p.err
}

// readFor makes a read of the leg end after d, or when the session wants it to
// end if that is earlier.
func (l *leg) readFor(d time.Duration) {
	for {
		until := l.until.Load()
		at := time.Now().Add(d)
		if until != 0 && until < at.UnixNano() {
			at = time.Unix(0, until)
		}
		l.conn.SetReadDeadline(at)
		if l.until.Load() == until {
			return
		}
	}
}

// over tells whether the time that the session has given the leg is up.
func (l *leg) over() bool {
	until := l.until.Load()
	return until != 0 && time.Now().UnixNano() >= until
}

// readUntil makes the leg's pump end at a time, also a parked one.
func (s *Session) readUntil(l *leg, t time.Time) {
	l.until.Store(t.UnixNano())
	l.conn.SetReadDeadline(t)
	s.pumps[l.side].unpark()
}

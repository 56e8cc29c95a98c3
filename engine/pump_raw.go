package engine

import (
	"time"

	"framegate/engine/wire"
)

// pass is raw mode: what was read goes on as it came, in as few writes as
// possible; only the headers of wire frames are followed.
func (p *pump) pass(b []byte, n int) error {
	p.follow.Stop = p.stops()
	from, to := headroom, headroom // what of b waits to be written
	for at, end := headroom, headroom+n; at < end; {
		ev, used, err := p.follow.Next(b[at:end])
		if len(ev.Held) > 0 { // only ever at the start of what was read
			from -= copy(b[from-len(ev.Held):], ev.Held)
		}
		to += ev.Pass
		at += used
		if err != nil {
			p.send(b[from:to])
			return err
		}
		switch {
		case ev.Kind == wire.Control:
			err = p.send(b[from:to])
			if err == nil {
				err = p.control(&ev)
			}
			from, to = at, at
		case ev.Kind != wire.None:
			p.passed(&ev)
			if p.dst.waiting.Load() {
				err = p.send(b[from:to])
				from, to = at, at
			}
		}
		if err != nil {
			return err
		}
	}
	p.count()
	return p.send(b[from:to])
}

// passOne is pass up to the first event.
func (p *pump) passOne(in []byte) (int, error) {
	ev, used, err := p.follow.Next(in)
	out := append(append([]byte(nil), ev.Held...), in[:ev.Pass]...)
	if sent := p.send(out); err == nil {
		err = sent
	}
	if err == nil && ev.Kind == wire.Control {
		err = p.control(&ev)
	} else if err == nil && ev.Kind != wire.None {
		p.passed(&ev)
	}
	p.count()
	return used, err
}

// stops says at what the follower must stop: at as little as possible.
func (p *pump) stops() wire.Stop {
	switch {
	case p.dst.waiting.Load():
		return wire.StopFragments
	case p.log:
		return wire.StopMessages
	}
	return wire.StopControls
}

// send writes what goes on as it came.
func (p *pump) send(out []byte) error {
	if len(out) == 0 && !p.dst.waiting.Load() {
		return nil
	}
	return p.dst.write(out, !p.follow.Boundary(), !p.follow.FrameBoundary())
}

// count takes the follower's counters over into the session's.
func (p *pump) count() {
	if p.follow.Messages > 0 {
		p.messages.Add(int64(p.follow.Messages))
		p.bytes.Add(int64(p.follow.Bytes))
		p.follow.Messages, p.follow.Bytes = 0, 0
	}
}

// passed records a message that went on.
func (p *pump) passed(ev *wire.FollowEvent) {
	if ev.Kind != wire.Message || !p.log {
		return
	}
	p.recordPassed(ev)
}

// control handles a control frame: a Close ends the direction, a pong that
// answers our own ping stays here, everything else goes on.
func (p *pump) control(ev *wire.FollowEvent) error {
	var space [wire.MaxControl]byte
	payload := ev.AppendPayload(space[:0])
	switch {
	case ev.Op == wire.Close:
		p.count()
		return p.closed(payload)
	case ev.Op == wire.Pong && p.src.answered(payload, p.s.gateway.now()):
		return nil
	}
	p.recordControl(ev.Op, payload)
	return p.dst.write(ev.Frame, !p.follow.Boundary(), false)
}

// recordControl records a ping or pong.
func (p *pump) recordControl(op wire.Op, payload []byte) {
	if p.log {
		p.record(Record{Op: op.String(), Size: int64(len(payload)), Fragments: 1, Outcome: "relayed", Before: p.head(payload)})
	}
}

// head is what the log keeps of a payload.
func (p *pump) head(payload []byte) []byte { return p.rules.Log.head(payload) }

func (l *LogRules) head(payload []byte) []byte {
	return payload[:min(len(payload), l.Payload, maxHead)]
}

// record completes a record of this direction and adds it to the journal.
func (p *pump) record(r Record) {
	s := p.s
	r.Kind, r.At, r.Dir = FrameRecord, s.gateway.now(), dirName(p.from)
	r.Session, r.Port, r.Path, r.Subject = s.ID, s.Port, s.Path, s.Subject()
	s.gateway.journal.Add(&r)
}

// pingMark begins the payload of the gateway's own pings.
const pingMark = "framegate:"

// answered tells whether a pong answers a ping of the gateway's own, and notes it.
func (l *leg) answered(payload []byte, now time.Time) bool {
	if len(payload) < len(pingMark) || string(payload[:len(pingMark)]) != pingMark {
		return false
	}
	l.pong.Store(now.UnixNano())
	return true
}

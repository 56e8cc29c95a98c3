package engine

import (
	"errors"

	"framegate/engine/wire"
)

// flushAt is how much output gathers at most before it is written, even while
// more input is there.
const flushAt = 64 << 10

// assemble is message mode: messages are put together, the policy runs, and the
// result goes on when the input is drained, so that a burst costs one write.
func (p *pump) assemble(in []byte, drained bool) error {
	b := p.lend()
	defer p.takeBack(b)
	for len(in) > 0 {
		n, err := p.assembleOne(in)
		if err != nil {
			if flushed := p.flush(); flushed != nil && err == errPeerClosed {
				return flushed
			}
			return err
		}
		in = in[n:]
	}
	if err := p.keep(); err != nil {
		return err
	}
	if drained {
		return p.flush()
	}
	return nil
}

// keep counts what is half received against what the whole gateway may hold,
// and ends the session that would go past it.
func (p *pump) keep() error {
	var now int64
	if !p.reader.Idle() {
		now = int64(cap(p.reader.Buf))
	}
	if now == p.kept {
		return nil
	}
	total := p.s.gateway.buffered.Add(now - p.kept)
	p.kept = now
	if limit := p.rules.snapshot.Buffered; limit > 0 && total > limit && now > 0 {
		p.s.Stop(Cause{By: "gateway", Code: wire.CloseTryAgainLater, Reason: "the gateway holds too many half-received messages"})
		return errStopped
	}
	return nil
}

// lend gives the reader a pooled buffer for messages that come in pieces.
func (p *pump) lend() *buffer {
	if p.reader.Buf != nil {
		return nil
	}
	b := takeBuffer(false)
	p.reader.Buf = b.b[:0]
	return b
}

// takeBack puts the reader's buffer back once nothing in it is half-read.
func (p *pump) takeBack(b *buffer) {
	switch {
	case !p.reader.Idle():
	case b != nil && cap(p.reader.Buf) == cap(b.b):
		p.reader.Buf = nil
		giveBuffer(b)
	default:
		p.reader.Buf = nil
	}
}

// assembleOne takes in up to the end of the first message or control frame.
func (p *pump) assembleOne(in []byte) (int, error) {
	ev, n, err := p.reader.Next(in)
	switch {
	case err != nil:
		return n, err
	case ev.Kind == wire.Message:
		err = p.deliver(&ev)
	case ev.Kind == wire.Control:
		err = p.controlMessage(&ev)
	}
	return n, err
}

// controlMessage handles a control frame; it keeps its place among the messages.
func (p *pump) controlMessage(ev *wire.Event) error {
	switch {
	case ev.Op == wire.Close:
		if err := p.flush(); err != nil {
			return err
		}
		return p.closed(ev.Payload)
	case ev.Op == wire.Pong && p.src.answered(ev.Payload, p.s.gateway.now()):
		return nil
	}
	p.recordControl(ev.Op, ev.Payload)
	return p.put(ev.Op, ev.Payload)
}

// deliver takes a message that is complete.
func (p *pump) deliver(ev *wire.Event) error {
	if p.deflate != nil {
		return p.deliverPlain(ev)
	}
	return p.decide(ev)
}

// decide runs the policy over a message and does what it says.
func (p *pump) decide(ev *wire.Event) error {
	p.messages.Add(1)
	p.bytes.Add(int64(len(ev.Payload)))
	m := p.msg
	m.reset(ev.Op, ev.Payload, ev.Fragments)
	defer m.giveBack()
	m.run.following, m.private = p.following(), p.rules.Log.Payload == 0
	var out Outcome
	if p.policy != nil {
		out = p.policy.Top(m, p.rules.snapshot.FaultHandler)
	}
	if out.Result != Passed {
		p.fault(m, out)
	}
	if m.withheld && m.verdict == Forward {
		m.verdict = Drop
	}
	if m.verdict == Forward && (m.changed || m.Op != ev.Op) && sendable(m.Op, m.body) != nil {
		out = Outcome{Result: Aborted, Reason: "the policy made a text message that is not UTF-8"}
		m.Close(wire.CloseInvalidPayload, out.Reason) // RFC 6455 §8.1; it must not go on, whatever onFrameFault says
	}
	if p.log {
		p.recordMessage(m, ev, out)
	}
	if err := p.sendAll(m); err != nil {
		return err
	}
	switch m.verdict {
	case Forward:
		return p.forward(m, ev)
	case Close:
		if err := p.flush(); err != nil {
			return err
		}
		p.s.Stop(m.closing)
		return errStopped
	}
	return nil
}

// fault turns a failed or aborted frame policy into a verdict, unless a filter
// of it, or its fault handler, has given one.
func (p *pump) fault(m *Message, out Outcome) {
	rule := p.rules.OnFail
	if out.Result == Aborted {
		rule = p.rules.OnAbort
		p.s.gateway.warnings.warn(m.Logger(), m.Now(), "frame policy aborted", "policy", p.policy.Name, "from", dirName(p.from), "error", out.Reason)
	}
	if m.verdict != Forward {
		return
	}
	switch rule.Verdict {
	case Reply:
		if m.Reply(wire.Text, []byte(rule.Body)) != nil {
			m.Drop()
		}
	case Close:
		m.Close(rule.Code, out.Result.closeReason())
	default:
		m.verdict = rule.Verdict
	}
}

// closeReason is what a peer is told when a policy ended its session.
func (r Result) closeReason() string {
	if r == Aborted {
		return "policy aborted"
	}
	return "refused by policy"
}

// sendAll sends the messages that the policy made, before the one it ran on.
func (p *pump) sendAll(m *Message) error {
	for _, s := range m.sends {
		if p.log {
			p.s.pumps[s.to.Other()].record(Record{
				Op: s.op.String(), Size: int64(len(s.body)), Fragments: 1, Outcome: "sent", Injected: true, Before: p.head(s.body), Policy: p.policy.Name,
			})
		}
		if s.to == p.dst.side {
			if err := p.putPacked(s.op, s.body); err != nil {
				return err
			}
			continue
		}
		if err := p.src.inject(s.op, s.body); err != nil {
			if write, ok := errors.AsType[*writeError](err); ok {
				return write.err // as an error of reading: it is the peer that this pump reads that is gone
			}
			return err
		}
	}
	return nil
}

// put appends a frame to the output.
func (p *pump) put(op wire.Op, payload []byte) error { return p.putFrame(op, 0, payload) }

// putFrame is put with reserved bits.
func (p *pump) putFrame(op wire.Op, rsv byte, payload []byte) error {
	if p.out == nil {
		p.out = takeBuffer(len(payload) > smallBuffer-headroom)
		p.out.b = p.out.b[:0]
	}
	h := wire.Header{Fin: true, Rsv: rsv, Op: op}
	if p.dst.side == HostSide {
		h.Masked, h.Key = true, p.keys.Next()
	}
	p.out.b = wire.AppendFrame(p.out.b, h, payload)
	if len(p.out.b) >= flushAt {
		return p.flush()
	}
	return nil
}

// flush writes the output.
func (p *pump) flush() error {
	if p.out == nil {
		return nil
	}
	err := p.dst.write(p.out.b, false, false)
	giveBuffer(p.out)
	p.out = nil
	return err
}

// following tells whether the trail of this message is wanted with times and changes.
func (p *pump) following() bool {
	if !p.log {
		return false
	}
	n := int64(p.rules.Log.Trails)
	return p.s.gateway.journal.Following() || n > 0 && p.msg.seq%n == 0
}

// recordMessage adds what became of a message to the journal. The trail is kept
// when somebody follows, and for a fault or failure.
func (p *pump) recordMessage(m *Message, ev *wire.Event, out Outcome) {
	r := Record{Op: ev.Op.String(), Size: int64(len(ev.Payload)), Fragments: ev.Fragments, Outcome: m.outcome(out), Before: p.head(ev.Payload)}
	if m.withheld {
		r.Before = nil
	}
	if p.deflate != nil {
		r.Compressed = int64(len(p.deflate.packed))
	}
	if m.changed && m.verdict == Forward {
		r.After, r.AfterSize = p.head(m.body), int64(len(m.body))
	}
	if p.policy != nil {
		r.Policy, r.Reason = p.policy.Name, out.Reason
		if m.run.following || out.Result != Passed {
			r.Trail = m.Trail()
		}
	}
	p.record(r)
}

// outcome is what became of the message, in one word.
func (m *Message) outcome(out Outcome) string {
	switch {
	case out.Result == Aborted:
		return "aborted"
	case out.Result == Failed:
		return "failed"
	case m.verdict == Drop:
		return "dropped"
	case m.verdict == Reply:
		return "replied"
	case m.verdict == Close:
		return "closed"
	case m.changed:
		return "changed"
	}
	return "relayed"
}

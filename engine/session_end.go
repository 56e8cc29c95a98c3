package engine

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"framegate/engine/wire"
)

// How a session ends. Nobody closes a connection that a pump reads: Stop notes
// why and wakes both pumps, and the last pump out sends what Close is owed to
// whom and closes both connections.
const (
	// closeGrace is how long a peer has to answer a Close, and how long its
	// last messages may take.
	closeGrace = 2 * time.Second
	// closePolicyTime is what the onClose policy has.
	closePolicyTime = 5 * time.Second
)

// note keeps the first cause; it reports whether this was it.
func (s *Session) note(c Cause) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ending != nil {
		return false
	}
	s.ending = &ending{Cause: c, since: s.gateway.now()}
	return true
}

// isEnding tells whether something has ended the session, or is about to.
func (s *Session) isEnding() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ending != nil
}

// cancelContext ends the session's context, which the first Close of a peer
// does not: policies still run over the answers on their way back.
func (s *Session) cancelContext() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ending.cancelled = true
	if s.context != nil {
		s.context.cancel(s.ending.Cause)
	}
}

// Stop ends the session: both peers get the code and the reason. It never
// waits, may be called from anywhere, and does nothing to an ended session.
func (s *Session) Stop(c Cause) {
	s.note(c)
	s.mu.Lock()
	for i := range s.legs {
		if l := &s.legs[i]; l.closing == nil && !l.gotClose.Load() {
			l.closing = &c
		}
	}
	s.mu.Unlock()
	s.halted.Store(true)
	s.cancelContext()
	deadline := time.Now().Add(closeGrace)
	for i := range s.legs {
		s.legs[i].conn.SetWriteDeadline(deadline)
		s.readUntil(&s.legs[i], longAgo)
	}
}

// replaced tells whether the peer gets a Close of our own in the end, not the
// one that the other peer sent.
func (s *Session) replaced(l *leg) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return l.closing != nil
}

// ended is called by each pump as the last thing it does.
func (s *Session) ended(p *pump, err error) {
	if p.kept != 0 {
		s.gateway.buffered.Add(-p.kept)
		p.kept = 0
	}
	if errors.Is(err, errPeerClosed) {
		s.awaitClose(p.dst)
	} else {
		s.broke(p, err)
	}
	p.rest()
	if s.running.Add(-1) == 0 {
		s.end()
	}
}

// broke deals with what ended a pump, other than the peer's Close.
func (s *Session) broke(p *pump, err error) {
	var violation *wire.Error
	var crash *panicError
	var write *writeError
	switch {
	case s.halted.Load() || errors.Is(err, ErrClosed):
	case errors.Is(err, ErrFull):
		s.Stop(Cause{By: dirName(p.from), Code: wire.CloseTryAgainLater, Reason: "too many answers wait to be read", Err: err})
	case errors.As(err, &crash):
		s.Stop(Cause{By: "gateway", Code: wire.CloseInternalError, Reason: "internal error", Err: err})
	case errors.As(err, &violation):
		s.violated(p, violation)
	case errors.As(err, &write):
		s.lost(p.dst, p.src, write.err)
	case errors.Is(err, os.ErrDeadlineExceeded): // the grace of await is over
	default:
		s.lost(p.src, p.dst, err)
	}
}

// awaitClose is await for the peer that was sent the other's Close. Where its
// pump is parked it stays so: the answer wakes it, or the sweep when the grace is over.
func (s *Session) awaitClose(l *leg) {
	l.until.Store(time.Now().Add(closeGrace).UnixNano())
	if !s.pumps[l.side].parked.Load() {
		s.await(l)
	} else if s.halted.Load() {
		s.readUntil(l, longAgo)
	}
}

// wakeOver wakes the parked pumps whose time is over.
func (s *Session) wakeOver() {
	for i := range s.legs {
		if s.legs[i].over() {
			s.pumps[i].unpark()
		}
	}
}

// await gives a peer the grace to send its own Close, and what it still has to
// say before it; the pump that reads it goes on until then.
func (s *Session) await(l *leg) {
	s.readUntil(l, time.Now().Add(closeGrace))
	if s.halted.Load() {
		s.readUntil(l, longAgo)
	}
}

// violated ends a session whose peer broke the protocol. The other peer is
// told that it has lost its partner; its answers to what came before the
// violation still go back, and then the Close with what was wrong.
func (s *Session) violated(p *pump, violation *wire.Error) {
	by := dirName(p.from)
	c := Cause{By: by, Code: violation.Code, Reason: violation.What, Err: violation}
	s.note(c)
	s.mu.Lock()
	p.src.closing = &c
	s.mu.Unlock()
	s.tellLost(p.dst)
	s.await(p.dst)
}

// lost ends a session whose peer is gone without a Close.
func (s *Session) lost(gone, other *leg, err error) {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	s.note(Cause{By: dirName(gone.side), Code: wire.CloseAbnormal, Reason: "connection lost", Err: err})
	s.tellLost(other)
	s.await(other)
	s.await(gone)
}

// aside does what may have to wait for a slow peer.
func (s *Session) aside(what func()) {
	go func() {
		defer func() {
			if r := recover(); r != nil {
				s.gateway.panicked("session", r)
			}
		}()
		what()
	}()
}

// tellLost sends the peer that remains the Close for a lost partner: 1001 to a
// host, 1014 to a client. One that has itself sent a Close gets its own back in
// the end.
func (s *Session) tellLost(l *leg) {
	switch {
	case l.gotClose.Load():
	case l.side == HostSide:
		l.sendClose(wire.CloseGoingAway, "client lost")
	default:
		l.sendClose(wire.CloseBadGateway, "host lost")
	}
}

// end is run once, by the last pump out.
func (s *Session) end() {
	defer func() {
		if r := recover(); r != nil {
			s.gateway.panicked("session end", r)
		}
	}()
	s.cancelContext()
	s.mu.Lock()
	cause := s.ending.Cause
	s.mu.Unlock()
	deadline := time.Now().Add(closeGrace)
	for i := range s.legs {
		if l := &s.legs[i]; !l.shaken() {
			l.conn.SetWriteDeadline(deadline)
			l.sendClose(s.closeFor(l, cause))
			l.shut()
		}
	}
	// RFC 6455 §7.1.1: a server closes "immediately", a client waits for the server to.
	client := &s.legs[ClientSide]
	over := client.shaken() && client.waits() != io.ErrUnexpectedEOF
	if over {
		client.conn.Close()
	}
	s.closed(cause)
	s.legs[HostSide].finish(deadline)
	s.freeHost()
	if !over {
		client.finish(deadline)
	}
	s.gateway.left(s)
}

// closeFor is the Close that a peer gets when it has not been sent one.
func (s *Session) closeFor(l *leg, cause Cause) (uint16, string) {
	s.mu.Lock()
	own := l.closing
	s.mu.Unlock()
	switch {
	case own != nil:
		return own.Code, own.Reason
	case l.gotClose.Load():
		return cause.Code, cause.Reason
	case l.side == HostSide:
		return wire.CloseGoingAway, "client lost"
	}
	return wire.CloseBadGateway, "host lost"
}

// closed records the close, runs the onClose policy and frees what filters kept.
func (s *Session) closed(cause Cause) {
	w := s.websocket.Load()
	if !w.Log.Off || w.Closed != nil {
		s.recordClose(w, cause)
	}
	s.closeLocals()
}

// recordClose runs the onClose policy and records how the session ended.
func (s *Session) recordClose(w *Websocket, cause Cause) {
	r := Record{
		Kind: CloseRecord, At: s.gateway.now(), Session: s.ID, Port: s.Port, Path: s.Path, Client: s.Client.Addr().String(), Subject: s.Subject(),
		Code: cause.Code, By: cause.By, Reason: cause.Reason, Duration: s.gateway.now().Sub(s.Opened),
		In: s.traffic(ClientSide), Out: s.traffic(HostSide), Host: s.Host,
	}
	if cause.Err != nil && cause.Err.Error() != cause.Reason {
		r.Reason += ": " + cause.Err.Error()
	}
	if w.Closed != nil {
		s.runClosePolicy(w, cause, &r)
	}
	if !w.Log.Off {
		s.gateway.journal.Add(&r)
	}
}

// closeLocals frees what filters kept.
func (s *Session) closeLocals() {
	for _, local := range s.locals {
		for _, kept := range local {
			if c, ok := kept.(io.Closer); ok {
				c.Close()
			}
		}
	}
	s.locals = [3]map[any]any{}
}

func (s *Session) runClosePolicy(w *Websocket, cause Cause, r *Record) {
	ctx, cancel := context.WithTimeout(context.Background(), closePolicyTime)
	defer cancel()
	m := &Message{Hook: OnClose, Session: s, ctx: ctx, closing: cause}
	m.run.following = s.gateway.journal.Following()
	out := w.Closed.Top(m, w.snapshot.FaultHandler)
	r.Policy, r.Trail = w.Closed.Name, m.Trail()
	if out.Result != Passed {
		m.Logger().Warn("close policy did not pass", "policy", w.Closed.Name, "reason", out.Reason)
	}
}

// traffic is what one side has sent so far.
func (s *Session) traffic(from Side) Traffic {
	return Traffic{Messages: s.pumps[from].messages.Load(), Bytes: s.pumps[from].bytes.Load()}
}

// counterValue is the attributes that count what passed.
func (s *Session) counterValue(kind attrKind) Value {
	switch kind {
	case framesIn:
		return IntValue(s.traffic(ClientSide).Messages)
	case framesOut:
		return IntValue(s.traffic(HostSide).Messages)
	case bytesIn:
		return IntValue(s.traffic(ClientSide).Bytes)
	case bytesOut:
		return IntValue(s.traffic(HostSide).Bytes)
	}
	return Value{}
}

// writeError is an error of writing to the peer that a pump writes to.
type writeError struct{ err error }

func (e *writeError) Error() string { return e.err.Error() }
func (e *writeError) Unwrap() error { return e.err }

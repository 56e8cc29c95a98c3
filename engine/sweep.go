package engine

import (
	"strconv"
	"time"

	"framegate/engine/wire"
)

// sweepState is what the sweep remembers of a session from one look to the next.
type sweepState struct {
	settled  bool  // the connection to the host has its options
	messages int64 // seen by the last look
	active   int64 // when a look last saw new messages, in unix nanoseconds; 0: no look yet
	pinged   int64 // when our last ping was sent; 0: none yet
}

// sweepEvery is how often the sweep looks at all sessions: timeouts are not
// finer than this.
const sweepEvery = time.Second

// Sweep looks at every session once: idle, expired, silent and draining ones
// are closed, pings are sent; then at what the ports require. The gateway calls it every second.
func (g *Gateway) Sweep() {
	g.sweepMu.Lock()
	defer g.sweepMu.Unlock()
	now := g.now()
	for _, s := range g.sessions.All() {
		s.look(now)
	}
	g.watchRequired()
}

func (s *Session) look(now time.Time) {
	s.mu.Lock()
	end, drained := s.ending, s.reloaded != nil && s.reloaded.drains(now)
	s.mu.Unlock()
	if end != nil {
		if now.Sub(end.since) > 2*closeGrace {
			s.Stop(Cause{})
		}
		s.wakeOver()
		return
	}
	s.letGo()
	s.settleHost()
	w := s.websocket.Load()
	if n := s.traffic(ClientSide).Messages + s.traffic(HostSide).Messages; n != s.sweep.messages || s.sweep.active == 0 {
		s.sweep.messages, s.sweep.active = n, now.UnixNano()
	}
	if !s.attend(now) {
		return
	}
	expire := s.expiry.Load()
	switch {
	case drained:
		s.Stop(Cause{By: "reload", Code: wire.CloseServiceRestart, Reason: "configuration changed"})
	case expire != nil && !now.Before(expire.at):
		s.Stop(Cause{By: "expiry", Code: expire.code, Reason: "session expired"})
	case w.Expire > 0 && now.Sub(s.Opened) >= w.Expire:
		s.Stop(Cause{By: "expiry", Code: wire.CloseGoingAway, Reason: "session expired"})
	case w.Idle > 0 && now.UnixNano()-s.sweep.active >= int64(w.Idle):
		s.Stop(Cause{By: "idle timeout", Code: wire.CloseGoingAway, Reason: "idle for " + w.Idle.String()})
	case w.Limits.MessageTime > 0 && s.halfwayFor(now) >= w.Limits.MessageTime:
		s.Stop(Cause{By: "message time", Code: wire.ClosePolicyViolation, Reason: "a message took longer than " + w.Limits.MessageTime.String()})
	case w.Ping.Every > 0:
		s.ping(w.Ping, now)
	}
}

// settleHost gives the connection to the host the options that find a host that
// is gone without a word: most sessions last long enough to be seen by a sweep.
func (s *Session) settleHost() {
	if s.sweep.settled {
		return
	}
	if host := &s.legs[HostSide]; host.mu.TryLock() { // else it is being written to
		host.settle()
		host.mu.Unlock()
		s.sweep.settled = true
	}
}

// halfwayFor is how long the older of two half-received messages has taken.
func (s *Session) halfwayFor(now time.Time) (longest time.Duration) {
	for i := range s.pumps {
		if since := s.pumps[i].halfway.Load(); since != 0 {
			longest = max(longest, now.Sub(time.Unix(0, since)))
		}
	}
	return longest
}

// ping sends the gateway's own keep-alive to both peers, and ends the session
// when one has not answered the last in time.
func (s *Session) ping(p Ping, now time.Time) {
	if s.sweep.pinged != 0 {
		since := time.Duration(now.UnixNano() - s.sweep.pinged)
		for i := range s.legs {
			l := &s.legs[i]
			if l.pong.Load() < s.sweep.pinged && since >= p.Timeout {
				s.Stop(Cause{By: dirName(l.side), Code: wire.CloseGoingAway, Reason: "no pong within " + p.Timeout.String()})
				return
			}
		}
		if since < max(p.Every, p.Timeout) {
			return
		}
	}
	s.sweep.pinged = now.UnixNano()
	payload := append([]byte(pingMark), strconv.FormatInt(now.UnixNano(), 36)...)
	for i := range s.legs {
		s.aside(func() { s.legs[i].inject(wire.Ping, payload) })
	}
}

// letGo releases the snapshots that neither pump runs by any more.
func (s *Session) letGo() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.websocket.Load()
	if s.reloaded == nil || len(s.reloaded.old) == 0 {
		return
	}
	behind := false
	for i := range s.pumps {
		if p := &s.pumps[i]; p.runsBy.Load() != now {
			behind = true
			p.unpark() // to take the new rules over
		}
	}
	if behind {
		return
	}
	s.reloaded.letGo()
}

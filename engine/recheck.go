package engine

import (
	"errors"
	"sync"
	"time"

	"framegate/engine/wire"
)

// maxRechecks is how many identities are asked about at once.
const maxRechecks = 16

// rechecks asks about the identities that are due, a few at a time.
type rechecks struct {
	mu      sync.Mutex
	due     []recheck
	workers int
}

type recheck struct {
	s *Session
	p *proof
}

// add asks about an identity soon, unless that is under way. Only the sweep, the
// reload and a session that begins call it, which the shutdown waits for.
func (r *rechecks) add(s *Session, p *proof, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.checking {
		return
	}
	p.checking, p.checked = true, now
	r.due = append(r.due, recheck{s, p})
	if r.workers < maxRechecks {
		r.workers++
		s.gateway.live.Add(1)
		go r.work(s.gateway)
	}
}

// work asks about one identity after the other until none is due.
func (r *rechecks) work(g *Gateway) {
	defer g.live.Done()
	for {
		r.mu.Lock()
		if len(r.due) == 0 {
			r.workers--
			r.due = nil
			r.mu.Unlock()
			return
		}
		next := r.due[0]
		r.due = r.due[1:]
		r.mu.Unlock()
		next.run(g)
		r.mu.Lock()
		next.p.checking = false
		r.mu.Unlock()
	}
}

func (c recheck) run(g *Gateway) {
	defer func() {
		if r := recover(); r != nil {
			g.panicked("recheck of an identity", r)
		}
	}()
	ctx := c.s.Context()
	if ctx.Err() != nil {
		return
	}
	switch err := c.p.Recheck.Check(ctx); {
	case err == nil || ctx.Err() != nil:
	case errors.Is(err, ErrRevoked):
		c.s.revoke(c.p)
	default:
		g.warnings.warn(g.log, g.now(), "an identity could not be checked again", "session", c.s.ID, "subject", c.p.Subject, "error", err)
	}
}

var revokedCause = Cause{By: "revocation", Code: wire.CloseUnauthorized, Reason: "authentication revoked"}

// revoke ends the session, unless it has ended, or what was revoked has been
// renewed since.
func (s *Session) revoke(p *proof) bool {
	if st := s.standing.Load(); st == nil || !st.has(p) || s.isEnding() {
		return false
	}
	s.Stop(revokedCause)
	return true
}

func (st *standing) has(p *proof) bool {
	for _, held := range st.proofs {
		if held == p {
			return true
		}
	}
	return false
}

// recheck asks about the session's identities that depend on what a reload may have changed.
func (s *Session) recheck() {
	st := s.standing.Load()
	if st == nil {
		return
	}
	for _, p := range st.proofs {
		if p.Recheck != nil && p.Recheck.Every == 0 {
			s.gateway.rechecks.add(s, p, s.gateway.now())
		}
	}
}

package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// drainSpread is over how long the sessions of a changed or removed websocket
// are closed, so that not all clients come back at once.
const drainSpread = 10 * time.Second

// Reload builds the snapshot of the configuration as it is now and swaps it in.
// With problems, or when a new port cannot be opened, nothing changes.
func (g *Gateway) Reload(ctx context.Context) ([]Problem, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.draining.Load() {
		return nil, fmt.Errorf("reload: %w", context.Canceled)
	}
	old := g.now_.Load()
	next, problems := g.loader(ctx, old)
	if next == nil || Broken(problems) {
		g.problems.Store(&problems)
		return problems, ErrConfiguration
	}
	opened, refused := g.bring(next)
	if refused != nil {
		next.close()
		problems = append(problems, *refused)
		g.problems.Store(&problems)
		return problems, ErrConfiguration
	}
	next.begin(g.serves)
	if old == nil && next.Journal > 0 {
		g.journal = NewJournal(next.Journal)
	}
	g.problems.Store(&problems)
	g.now_.Store(next)
	g.attach(next, opened)
	if old != nil {
		for _, s := range g.sessions.All() {
			s.follow(next)
		}
		old.release()
	}
	g.log.Info("configuration loaded", "revision", next.Revision, "ports", len(next.Ports), "policies", len(next.Policies))
	return problems, nil
}

// bring opens the ports and starts the filters of a snapshot. With a problem
// nothing has changed.
func (g *Gateway) bring(next *Snapshot) ([]*listener, *Problem) {
	before := g.switches
	g.switches = switchesFor(before, next)
	opened, refused := g.open(next)
	if refused == nil {
		err := next.start()
		if err == nil {
			return opened, nil
		}
		refused = &Problem{What: err.Error()}
	}
	g.switches = before
	for _, l := range opened {
		l.ln.Close()
	}
	return nil, refused
}

// start starts what has something to start.
func (s *Snapshot) start() error {
	for _, starter := range s.Starters {
		if err := starter.Start(); err != nil {
			return fmt.Errorf("start: %w", err)
		}
	}
	for _, p := range s.Policies {
		for i := range p.Nodes {
			starter, ok := p.Nodes[i].Filter.(Starter)
			if !ok {
				continue
			}
			if err := starter.Start(); err != nil {
				return fmt.Errorf("%s: start filter %q of policy %q: %w", p.Nodes[i].At, p.Nodes[i].Name, p.Name, err)
			}
		}
	}
	return nil
}

// begin gives the snapshot its first holder, the gateway, and its websockets
// the way back to it, and asks its filters for which headers hold secrets. serves tells which of its ports listen.
func (s *Snapshot) begin(serves func(*Port) bool) {
	s.refs.Store(1)
	for _, p := range s.Policies {
		for i := range p.Nodes {
			if c, ok := p.Nodes[i].Filter.(Concealer); ok {
				s.concealed = append(s.concealed, c.Conceals()...)
			}
		}
	}
	for _, p := range s.Ports {
		p.shut = p.Disabled && !serves(p)
		for _, w := range p.Websockets {
			w.snapshot = s
			w.forClients(p.Clients)
		}
	}
}

// hold takes the snapshot for a session or a request; it fails for one that is
// already closed.
func (s *Snapshot) hold() bool {
	for {
		n := s.refs.Load()
		if n == 0 {
			return false
		}
		if s.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// release gives the snapshot back; the last one out closes it.
func (s *Snapshot) release() {
	if s.refs.Add(-1) == 0 {
		s.close()
	}
}

func (s *Snapshot) close() {
	for _, c := range s.Closers {
		c.Close()
	}
}

// hold returns the current snapshot, held.
func (g *Gateway) hold() *Snapshot {
	for {
		if s := g.now_.Load(); s.hold() {
			return s
		}
	}
}

// follow makes an open session follow a reload: its websocket may have changed,
// and so may what proved its identities.
func (s *Session) follow(next *Snapshot) {
	s.rebind(next)
	s.recheck()
}

// followOvertaken makes a session that has just been added to the table, with the
// snapshot it began with, follow the reloads that did not see it there.
func (s *Session) followOvertaken(began *Snapshot) {
	for next := s.gateway.now_.Load(); next != began; next = s.gateway.now_.Load() {
		s.follow(next)
		began = next
	}
}

// rebind says to the session what has become of its websocket.
func (s *Session) rebind(next *Snapshot) {
	g, w := s.gateway, s.websocket.Load()
	successor := next.successor(w)
	if successor != nil {
		successor = successor.forClient(s.Client.Addr())
	}
	switch {
	case successor == nil && w.KeepRemoved:
	case successor == nil:
		s.drain(g.now())
	case successor.Hash == w.Hash, successor.OnChange == Migrate && (s.Extensions == "" || !successor.needsMessages()):
		s.migrate(successor)
	case successor.OnChange == Migrate:
		g.log.Warn("session is drained: its peers agreed on an extension, so no policy can run on its frames", "session", s.ID, "extensions", s.Extensions)
		s.drain(g.now())
	case successor.OnChange == Drain:
		s.drain(g.now())
	}
}

// needsMessages tells whether raw mode is not enough for the websocket.
func (w *Websocket) needsMessages() bool {
	return w.ClientFrame != nil || w.ServerFrame != nil || w.MessageMode
}

// successor is the websocket that stands where w stood. A port that was disabled
// by hand keeps its sessions, unless it was told to drain them.
func (s *Snapshot) successor(w *Websocket) *Websocket {
	p := s.Ports[w.Port]
	if p == nil || p.shut {
		return nil
	}
	for _, candidate := range p.Websockets {
		if candidate.Path == w.Path && slices.Equal(candidate.Hosts, w.Hosts) && !candidate.Disabled {
			return candidate
		}
	}
	return nil
}

// migrate makes the session run by another websocket from its next messages on.
func (s *Session) migrate(w *Websocket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.snapshot == nil || s.snapshot == w.snapshot { // it has ended by now, or runs by it already
		return
	}
	if w.snapshot.hold() {
		r := s.concerned()
		r.old = append(r.old, s.snapshot)
		s.snapshot = w.snapshot
		s.websocket.Store(w)
	}
}

// drain closes the session politely, at some time within the spread.
func (s *Session) drain(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.concerned(); r.drainAt.IsZero() {
		r.drainAt = now.Add(rand.N(drainSpread))
	}
}

// reloaded is what reloads have made of a session. Session.mu guards it.
type reloaded struct {
	old     []*Snapshot // that it still holds; the sweep lets them go
	drainAt time.Time   // when it is to be closed with 1012; zero: not
}

// concerned is what reloads have made of the session so far. mu is held.
func (s *Session) concerned() *reloaded {
	if s.reloaded == nil {
		s.reloaded = &reloaded{}
	}
	return s.reloaded
}

func (r *reloaded) drains(now time.Time) bool { return !r.drainAt.IsZero() && !now.Before(r.drainAt) }

// takeSnapshots takes all snapshots that the session holds away from it.
func (s *Session) takeSnapshots() (all []*Snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reloaded != nil {
		all, s.reloaded.old = s.reloaded.old, nil
	}
	all, s.snapshot = append(all, s.snapshot), nil
	return all
}

func (r *reloaded) letGo() {
	for _, s := range r.old {
		s.release()
	}
	r.old = nil
}

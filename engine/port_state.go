package engine

import (
	"net/netip"
	"sync"
	"time"
)

// portState is what the addresses of a port share and what reloads leave as it
// is: the connections that count against its limits, and who was refused.
type portState struct {
	mu        sync.Mutex
	open      map[*portConn]*listener // connections that serve HTTP, and where they came in
	perClient map[netip.Addr]int
	count     int
	notices   map[refusedFor]*notice
	due       time.Time // when the next connection would come at exactly the accept rate
}

// state returns the state of a port, which it has from its first snapshot on.
// g.mu is held.
func (g *Gateway) state(port string) *portState {
	s := g.states[port]
	if s == nil {
		s = &portState{open: make(map[*portConn]*listener), perClient: make(map[netip.Addr]int), notices: make(map[refusedFor]*notice)}
		g.states[port] = s
	}
	return s
}

// add counts a connection in, or says which limit forbids it.
func (s *portState) add(c *portConn, l *listener, limits PortLimits) refusedFor {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case limits.Connections > 0 && s.count >= limits.Connections:
		return refusedConnections
	case !s.enter(c.counted, limits):
		return refusedPerClient
	}
	s.count++
	s.open[c] = l
	return ""
}

// connections is how many are open.
func (s *portState) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

// pace counts a connection that was accepted against the accept rate. It returns
// how long to wait, and ask again, where it comes too early. (The generic cell
// rate algorithm, ITU-T I.371.)
func (s *portState) pace(now time.Time, limits PortLimits) time.Duration {
	if limits.AcceptRate <= 0 {
		return 0
	}
	between := time.Second / time.Duration(limits.AcceptRate)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.due.Before(now) {
		s.due = now
	}
	if early := s.due.Add(-between * time.Duration(max(limits.AcceptBurst, 1)-1)).Sub(now); early > 0 {
		return early
	}
	s.due = s.due.Add(between)
	return 0
}

// discount takes a connection off the port's counts.
func (s *portState) discount(client netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count--
	s.leave(client)
}

// recount counts a connection as another client's: a trusted proxy has said for
// whom it speaks. It returns false where that client has too many.
func (s *portState) recount(c *portConn, client netip.Addr, limits PortLimits) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if client == c.counted {
		return true
	}
	if !s.enter(client, limits) {
		return false
	}
	s.leave(c.counted)
	c.counted = client
	return true
}

// enter counts a connection of a client, unless it has too many. mu is held.
func (s *portState) enter(client netip.Addr, limits PortLimits) bool {
	if !client.IsValid() {
		return true
	}
	if limits.PerClient > 0 && s.perClient[client] >= limits.PerClient {
		return false
	}
	s.perClient[client]++
	return true
}

// leave is the opposite of enter. mu is held.
func (s *portState) leave(client netip.Addr) {
	if s.perClient[client]--; s.perClient[client] <= 0 {
		delete(s.perClient, client)
	}
}

// end makes the connections of a closed listener that are not sessions end, those
// with a request on a route after its answer.
func (s *portState) end(l *listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c, from := range s.open {
		if from != l {
			continue
		}
		c.http.ending.Store(true)
		if !c.http.busy.Load() {
			c.Conn.SetReadDeadline(longAgo) // past whatever the request is allowed
		}
	}
}

// refusedFor is why a connection was closed before it could send a request.
type refusedFor string

// The reasons, as the log has them.
const (
	refusedAccess      refusedFor = "access list"
	refusedConnections refusedFor = "limits.connections"
	refusedPerClient   refusedFor = "limits.perClient"
	refusedTLS         refusedFor = "TLS handshake"
	refusedProxy       refusedFor = "proxyProtocol"
)

// noticeEvery is how often the log speaks of the connections that a port
// refuses for one reason: a flood of them must not become a flood of lines.
const noticeEvery = 10 * time.Second

// notice counts refusals that the log has not mentioned yet.
type notice struct {
	last  time.Time
	count int
}

// refused logs that a connection was refused: at once, and then at most every
// 10 s with the count of those in between.
func (s *portState) refused(g *Gateway, p *Port, why refusedFor, client netip.Addr, err error) {
	now := g.now()
	s.mu.Lock()
	n := s.notices[why]
	if n == nil {
		n = &notice{}
		s.notices[why] = n
	}
	n.count++
	if now.Sub(n.last) < noticeEvery {
		s.mu.Unlock()
		return
	}
	count := n.count
	n.last, n.count = now, 0
	s.mu.Unlock()
	args := []any{"port", p.Name, "because", string(why), "count", count, "last client", client}
	if err != nil {
		args = append(args, "error", err)
	}
	g.log.Warn("connections refused", args...)
}

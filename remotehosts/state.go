package remotehosts

import (
	"cmp"
	"math"
	"net"
	"slices"
	"strconv"

	"framegate/engine"
)

// State is how the declared hosts are now, by name.
func (s *Set) State() []engine.RemoteHost {
	states := make([]engine.RemoteHost, 0, len(s.names))
	for _, name := range s.names {
		states = append(states, s.hosts[name].State())
	}
	return states
}

// State is how the host is now: its addresses by priority, which of them are
// out, since when and why. Names that were never looked up are shown as they are.
func (h *Host) State() engine.RemoteHost {
	open, waiting := h.slots.counts()
	out := engine.RemoteHost{
		Name: h.def.Name, Host: h.def.Host, Balancing: cmp.Or(h.def.Balancing, "round-robin"),
		Open: open, Waiting: waiting, Limit: max(0, h.def.MaxConnections),
	}
	listed := h.pool.listed()
	h.pool.mu.Lock()
	defer h.pool.mu.Unlock()
	out.Breaker = h.pool.breaker.setback()
	for key, t := range listed {
		if h.pool.addresses[key] == nil && t.port != 0 { // without a port, the first upgrade's scheme says it
			out.Addresses = append(out.Addresses, engine.RemoteHostAddress{Address: key, Priority: t.priority(), Weight: t.weight, In: true})
		}
	}
	for key, a := range h.pool.addresses {
		_, there := listed[key]
		if !there && a.open == 0 {
			continue
		}
		out.Addresses = append(out.Addresses, engine.RemoteHostAddress{
			Address: key, Priority: target{rank: a.rank}.priority(), Weight: a.weight, In: !a.breaker.open, Out: a.breaker.setback(),
			Open: a.open, Connected: a.connected, Response: math.Round(a.response*1e6) / 1e3, Removed: !there,
		})
	}
	slices.SortFunc(out.Addresses, func(a, b engine.RemoteHostAddress) int {
		return cmp.Or(cmp.Compare(h.pool.rankOf(a.Address, listed), h.pool.rankOf(b.Address, listed)), cmp.Compare(a.Address, b.Address))
	})
	return out
}

func (b *breaker) setback() *engine.Setback {
	if !b.open {
		return nil
	}
	return &engine.Setback{Since: b.since, Until: b.until, Failures: b.failures, Why: b.why}
}

// priority is the word that the rank came of; a host without groups has but one.
func (t target) priority() string {
	if t.rank < 2 {
		return Priority(3).String()
	}
	return Priority(t.rank / 2).String()
}

func (p *pool) rankOf(key string, listed map[string]target) int {
	if a := p.addresses[key]; a != nil {
		return a.rank
	}
	return listed[key].rank
}

// listed is the addresses of the host as far as they are known without asking
// anybody.
func (p *pool) listed() map[string]target {
	out := make(map[string]target)
	for _, t := range p.targets {
		hosts := []string{t.host}
		if known := p.names.current(t.host); len(known) > 0 {
			hosts = hosts[:0]
			for _, a := range known {
				hosts = append(hosts, a.String())
			}
		}
		ports := []int{t.port}
		if t.port == 0 {
			ports = []int{80, 443}
		}
		for _, host := range hosts {
			for _, port := range ports {
				out[net.JoinHostPort(host, strconv.Itoa(port))] = t
			}
		}
	}
	return out
}

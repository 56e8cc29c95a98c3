package engine

import "slices"

// Up tells whether an address of the host is in.
func (h *RemoteHost) Up() bool {
	return len(h.Addresses) == 0 || slices.ContainsFunc(h.Addresses, func(a RemoteHostAddress) bool { return a.In && !a.Removed })
}

// watchRequired closes ports that require a remote host of which all addresses
// are out, and opens them again when one is back: whoever balances load over
// several gateways sees a closed port. Open sessions go on. The sweep calls it.
func (g *Gateway) watchRequired() {
	if !g.mu.TryLock() { // a reload or the shutdown: the next look is a second away
		return
	}
	defer g.mu.Unlock()
	snapshot := g.now_.Load()
	if snapshot == nil || g.draining.Load() {
		return
	}
	missing := snapshot.missing()
	changed := false
	for _, p := range snapshot.Ports {
		if why, before := missing[p.Name], g.missing[p.Name]; (why == "") != (before == "") {
			changed = true
			g.log.Warn("port follows its remote hosts", "port", p.Name, "open", why == "", "down", why+before)
		}
	}
	if !changed {
		return
	}
	before := g.missing
	g.missing = missing
	opened, refused := g.open(snapshot)
	if refused != nil {
		g.missing = before
		g.log.Error("port stays closed", "error", refused.What)
		return
	}
	g.attach(snapshot, opened)
}

// missing names for each port a remote host that it requires and that is down.
func (s *Snapshot) missing() map[string]string {
	down := make(map[string]bool)
	for _, p := range s.Ports {
		if len(p.Requires) == 0 || s.RemoteHosts == nil || len(down) > 0 {
			continue
		}
		for _, h := range s.RemoteHosts() {
			down[h.Name] = !h.Up()
		}
	}
	missing := make(map[string]string)
	for _, p := range s.Ports {
		for _, name := range p.Requires {
			if down[name] {
				missing[p.Name] = name
			}
		}
	}
	return missing
}

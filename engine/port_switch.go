package engine

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// portSwitch is a port that was enabled or disabled by hand. It lasts until the
// configuration says something else about the port than it did then.
type portSwitch struct {
	enabled    bool
	configured bool // what the configuration said
}

// PortInfo is what lists of ports show.
type PortInfo struct {
	Name        string
	Addresses   []PortAddress // where it listens by now; none when disabled
	Enabled     bool
	Switched    bool   // by [Gateway.SwitchPort], against the configuration
	Missing     string // the remote host that is down, and without which the port does not listen
	Connections int    // open now, sessions among them
	Sessions    int
}

// PortAddress is an address on which a port listens, with the real port number
// where the configuration asks for 0.
type PortAddress struct {
	Address string
	TLS     bool
}

// Ports lists the ports by name.
func (g *Gateway) Ports() []PortInfo {
	g.mu.Lock()
	defer g.mu.Unlock()
	snapshot := g.now_.Load()
	if snapshot == nil {
		return nil
	}
	sessions := make(map[string]int)
	for _, s := range g.sessions.All() {
		sessions[s.Port]++
	}
	var all []PortInfo
	for name, p := range snapshot.Ports {
		_, switched := g.switches[name]
		all = append(all, PortInfo{
			Name: name, Addresses: g.listening(name), Enabled: g.serves(p), Switched: switched,
			Connections: g.state(name).connections(), Sessions: sessions[name], Missing: g.missing[name],
		})
	}
	slices.SortFunc(all, func(a, b PortInfo) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// listening lists where a port listens, plain addresses first.
func (g *Gateway) listening(port string) []PortAddress {
	var all []PortAddress
	for _, l := range g.listeners {
		if p := l.port.Load(); p.Name == port {
			all = append(all, PortAddress{l.ln.Addr().String(), p.SpeaksTLS(l.address)})
		}
	}
	slices.SortFunc(all, func(a, b PortAddress) int {
		if a.TLS != b.TLS {
			return cmp.Compare(boolInt(a.TLS), boolInt(b.TLS))
		}
		return cmp.Compare(a.Address, b.Address)
	})
	return all
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// ErrNoPort is returned for a name that no port has.
var ErrNoPort = errors.New("no port has this name")

// SwitchPort enables or disables a port while the gateway runs. Reloads leave it
// so until the configuration itself changes the port's `enabled`. A disabled port
// accepts nothing; its sessions go on, or with drain are closed politely within
// 10 s. Enabling fails when an address is taken.
func (g *Gateway) SwitchPort(name string, enabled, drain bool) error {
	return g.changeSwitch(name, drain, func(p *Port) {
		if enabled == !p.Disabled {
			delete(g.switches, name)
			return
		}
		g.switches[name] = portSwitch{enabled, !p.Disabled}
	})
}

// ResetPort makes a port what the configuration says again.
func (g *Gateway) ResetPort(name string, drain bool) error {
	return g.changeSwitch(name, drain, func(*Port) { delete(g.switches, name) })
}

func (g *Gateway) changeSwitch(name string, drain bool, change func(*Port)) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	snapshot := g.now_.Load()
	if snapshot == nil || snapshot.Ports[name] == nil {
		return fmt.Errorf("port %q: %w", name, ErrNoPort)
	}
	if g.draining.Load() {
		return fmt.Errorf("port %q: the gateway is shutting down", name)
	}
	p := snapshot.Ports[name]
	before, had := g.switches[name]
	change(p)
	opened, refused := g.open(snapshot)
	if refused != nil {
		delete(g.switches, name)
		if had {
			g.switches[name] = before
		}
		return errors.New(refused.What)
	}
	g.attach(snapshot, opened)
	enabled := g.serves(p)
	g.log.Info("port switched", "port", name, "enabled", enabled, "drain", drain && !enabled)
	if enabled || !drain {
		return nil
	}
	for _, s := range g.sessions.All() {
		if s.Port == name {
			s.drain(g.now())
		}
	}
	return nil
}

// serves tells whether a port listens: by hand, or else by its configuration, and
// only while the remote hosts are there that it requires. g.mu is held.
func (g *Gateway) serves(p *Port) bool {
	if g.missing[p.Name] != "" {
		return false
	}
	if by, ok := g.switches[p.Name]; ok {
		return by.enabled
	}
	return !p.Disabled
}

// switchesFor leaves out what was switched by hand where a new configuration has
// something new to say.
func switchesFor(switches map[string]portSwitch, next *Snapshot) map[string]portSwitch {
	kept := make(map[string]portSwitch)
	for name, by := range switches {
		if p := next.Ports[name]; p != nil && !p.Disabled == by.configured {
			kept[name] = by
		}
	}
	return kept
}

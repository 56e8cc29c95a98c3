package filters

import (
	"net/netip"

	"framegate/engine"
)

func init() {
	register[ipAddress](Kind{Type: "ip-address", Family: Access, Aliases: []string{"IpFilter"}, Hooks: engine.OnAny})
}

// Passes when the client's address is on the allow list and not on the deny
// list. Only one of the lists is needed: without an allow list everybody who is
// not denied passes. A refused upgrade gets 403.
//
// The address is the peer of the connection, or what a trusted proxy in front
// says (trustedProxies of the port). IPv4 addresses that arrive mapped into IPv6
// count as IPv4. As in Axway's IP Address filter, which knows no IPv6.
//
//	filters:
//	  - type: ip-address
//	    allow: [10.0.0.0/8, 192.0.2.7, '2001:db8::/32']
//	    deny: [10.66.0.0/16]
type ipAddress struct {
	// Allow lists networks (10.0.0.0/8, 2001:db8::/32) and single addresses.
	Allow []engine.Prefix `yaml:"allow"`

	// Deny lists networks and addresses that fail even where allow has them.
	Deny []engine.Prefix `yaml:"deny"`
}

func (f *ipAddress) Prepare(*Env) error {
	if len(f.Allow) == 0 && len(f.Deny) == 0 {
		return wrong("allow", "write at least one network, such as allow: [127.0.0.0/8, '::1']", "neither allow nor deny is given")
	}
	return nil
}

func (f *ipAddress) Run(m *engine.Message) (bool, error) {
	addr := clientAddr(m)
	if contains(f.Deny, addr) || len(f.Allow) > 0 && !contains(f.Allow, addr) {
		m.Fail(403, "address %s is not allowed", addr)
		return false, nil
	}
	return true, nil
}

func contains(networks []engine.Prefix, addr netip.Addr) bool {
	for _, n := range networks {
		if n.Contains(addr) {
			return true
		}
	}
	return false
}

// clientAddr is the address of the client, unmapped and without a zone.
func clientAddr(m *engine.Message) netip.Addr {
	client := m.Session.Client
	if m.Request != nil {
		client = m.Request.Client
	}
	return client.Addr().Unmap().WithZone("")
}

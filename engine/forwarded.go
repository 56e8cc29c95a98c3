package engine

import (
	"net/netip"
	"strings"
)

// Forwarded is what the trusted proxies before the gateway say of a request.
type Forwarded struct {
	Proxies []netip.Addr // between client and gateway, the nearest last
	Proto   string       // http or https: how the client came to the nearest; empty when it does not say
	Host    string       // the host that the client asked for; empty when they do not say
}

// trusts tells whether an address is that of a proxy that may speak for others.
func (p *Port) trusts(addr netip.Addr) bool {
	for _, trusted := range p.TrustedProxies {
		if trusted.Contains(addr) {
			return true
		}
	}
	return false
}

// client finds out who sent a request that came from a peer: the peer itself, or
// when that is a trusted proxy the last address in X-Forwarded-For that is none.
// What stands before it was said by the client, and counts for nothing.
func (p *Port) client(h *Headers, peer netip.AddrPort) (netip.AddrPort, *Forwarded) {
	if !p.trusts(peer.Addr()) {
		return peer, nil
	}
	var hops []string
	for value := range h.Values("X-Forwarded-For") {
		hops = append(hops, strings.Split(value, ",")...)
	}
	client, f := peer, &Forwarded{}
	for i := len(hops) - 1; i >= 0 && p.trusts(client.Addr()); i-- {
		hop, ok := parseHop(hops[i])
		if !ok {
			break
		}
		f.Proxies = append(f.Proxies, client.Addr())
		client = hop
	}
	for i, j := 0, len(f.Proxies)-1; i < j; i, j = i+1, j-1 {
		f.Proxies[i], f.Proxies[j] = f.Proxies[j], f.Proxies[i]
	}
	if proto := lastElement(h, "X-Forwarded-Proto"); proto == "http" || proto == "https" {
		f.Proto = proto
	}
	f.Host = lastElement(h, "X-Forwarded-Host")
	return client, f
}

// parseHop reads an element of X-Forwarded-For: an address, or one with a port.
func parseHop(text string) (netip.AddrPort, bool) {
	text = strings.TrimSpace(text)
	if hop, err := netip.ParseAddrPort(text); err == nil {
		return remoteAddr(hop), true
	}
	addr, err := netip.ParseAddr(strings.Trim(text, "[]"))
	return remoteAddr(netip.AddrPortFrom(addr, 0)), err == nil
}

// lastElement is the last of a list over all header lines of a name: what the
// nearest proxy said.
func lastElement(h *Headers, name string) string {
	last := ""
	for value := range h.Values(name) {
		last = value
	}
	return strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])
}

// Secure tells whether the client came over TLS, to the gateway or, as
// X-Forwarded-Proto says, to a trusted proxy.
func (r *Request) Secure() bool {
	if r.Forwarded != nil && r.Forwarded.Proto != "" {
		return r.Forwarded.Proto == "https"
	}
	return r.TLS != nil
}

// clientText is a client's address, with the port where it is known.
func clientText(client netip.AddrPort) string {
	if client.Port() == 0 {
		return client.Addr().String()
	}
	return client.String()
}

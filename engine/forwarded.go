package engine

import (
	"net/netip"
	"slices"
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
// when that is a trusted proxy the last address that proxies name and that is no
// proxy of ours. What stands before it was said by the client, and counts for nothing.
func (p *Port) client(h *Headers, peer netip.AddrPort) (netip.AddrPort, *Forwarded) {
	if !p.trusts(peer.Addr()) {
		return peer, nil
	}
	f := &Forwarded{}
	var hops []string
	if p.ForwardedHeader {
		hops, f.Proto, f.Host = forwardedSays(h)
	} else {
		hops, f.Proto, f.Host = xForwardedSays(h)
	}
	if f.Proto != "http" && f.Proto != "https" {
		f.Proto = ""
	}
	client := peer
	for i := len(hops) - 1; i >= 0 && p.trusts(client.Addr()); i-- {
		hop, ok := parseHop(hops[i])
		if !ok {
			break
		}
		f.Proxies = append(f.Proxies, client.Addr())
		client = hop
	}
	slices.Reverse(f.Proxies)
	return client, f
}

// Peer is the address of whoever sent the request: the client itself, or the
// nearest of the trusted proxies.
func (r *Request) Peer() netip.Addr {
	if r.Forwarded != nil && len(r.Forwarded.Proxies) > 0 {
		return r.Forwarded.Proxies[len(r.Forwarded.Proxies)-1]
	}
	return r.Client.Addr().Unmap().WithZone("")
}

// xForwardedSays is what the X-Forwarded headers say: the addresses, the nearest
// last, and the nearest proxy's scheme and host.
func xForwardedSays(h *Headers) (hops []string, proto, host string) {
	for value := range h.Values("X-Forwarded-For") {
		hops = append(hops, strings.Split(value, ",")...)
	}
	return hops, lastElement(h, "X-Forwarded-Proto"), lastElement(h, "X-Forwarded-Host")
}

// forwardedSays is what the header Forwarded says of the same.
func forwardedSays(h *Headers) (hops []string, proto, host string) {
	for _, hop := range parseForwarded(h) {
		hops = append(hops, hop.from)
		proto, host = hop.proto, hop.host
	}
	return hops, proto, host
}

// parseHop reads what a proxy says of an address: the address, or one with a port.
// Names that hide one (RFC 7239 §6.2, §6.3) are none.
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

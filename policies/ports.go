package policies

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"framegate/engine"
)

// port compiles a port, its websockets and its routes.
func (c *compiler) port(name string, p *Port) *engine.Port {
	out := &engine.Port{
		Name: name, Listen: p.Listen, Disabled: !p.Enabled, At: p.place.position(),
		Access:  engine.Access{DenyByDefault: p.Access.Default == "deny", Allow: prefixes(p.Access.Allow), Deny: prefixes(p.Access.Deny)},
		Backlog: p.Backlog, Health: p.Health, Ready: p.Ready,
		TrustedProxies: prefixes(p.TrustedProxies), ForwardedHeader: p.ForwardedHeader == "forwarded",
		ProxyProtocol: map[string]engine.ProxyProtocol{"accept": engine.ProxyAccept, "require": engine.ProxyRequire}[p.ProxyProtocol],
		Limits: engine.PortLimits{
			Connections: p.Limits.Connections, PerClient: p.Limits.PerClient,
			AcceptRate: p.Limits.AcceptRate, AcceptBurst: p.Limits.AcceptBurst,
			Header: int(p.Limits.Header), URI: int(p.Limits.URI), Handshake: p.Limits.Handshake,
		},
	}
	if out.Limits.AcceptBurst == 0 {
		out.Limits.AcceptBurst = out.Limits.AcceptRate
	}
	if list := member(p.node, "listen"); list != nil && len(list.Content) == 0 && list.Kind == yaml.SequenceNode {
		c.errorf(p.place, "write `listen: 127.0.0.1:8080`", "port %q has no address to listen on", name)
	}
	for i, address := range p.Listen {
		c.address(p.item("listen", i), fmt.Sprintf("port %q", name), address, p.Enabled)
	}
	if p.TLS != nil {
		for i, address := range p.TLS.Listen {
			c.address(p.tlsItem("listen", i), fmt.Sprintf("port %q", name), address, p.Enabled)
		}
		out.Listen, out.TLSListen = slices.Concat(p.Listen, p.TLS.Listen), p.TLS.Listen
		out.TLS = c.portTLS(name, p)
	}
	c.checkProxies(name, p)
	c.checkProbes(name, p)
	out.Clients, out.Requires = c.clients(name, p), p.Requires
	c.checkRequired(name, p)
	c.attach(name, p, out)
	return out
}

// samePath names a path, and the other one that matches the same requests.
func samePath(path, other string) string {
	if path == other {
		return path
	}
	return path + ", which matches what " + other + " does"
}

// checkProbes finds paths of the port's own answers that no request has, or that
// hide a websocket.
func (c *compiler) checkProbes(name string, p *Port) {
	for field, path := range map[string]string{"health": p.Health, "ready": p.Ready} {
		switch {
		case path == "":
			continue
		case !strings.HasPrefix(path, "/") || strings.ContainsAny(path, "?#*{} "):
			c.errorf(p.at(field), "write a plain path such as /"+field, "port %q: %q is no path", name, path)
		}
		for _, w := range p.Websockets {
			if w != nil && w.Path == path {
				c.errorf(p.at(field), "give one of them another path", "port %q: %s hides the websocket at %s", name, path, w.place.position())
			}
		}
		for _, r := range p.Routes {
			if r != nil && r.Path == path {
				c.errorf(p.at(field), "give one of them another path", "port %q: %s hides the route at %s", name, path, r.place.position())
			}
		}
	}
	if p.Health != "" && p.Health == p.Ready {
		c.errorf(p.at("ready"), "write `ready: /ready`", "port %q has the same path for health and ready", name)
	}
}

// checkProxies finds trust that is given to nobody, or to everybody.
func (c *compiler) checkProxies(name string, p *Port) {
	if p.ProxyProtocol != "off" && len(p.TrustedProxies) == 0 {
		c.errorf(p.at("proxyProtocol"), "add `trustedProxies: [10.0.0.0/8]` with the addresses of the proxies", "port %q reads the PROXY protocol from trusted proxies, and has none", name)
	}
	if p.ForwardedHeader != "x-forwarded" && len(p.TrustedProxies) == 0 {
		c.errorf(p.at("forwardedHeader"), "add `trustedProxies: [10.0.0.0/8]` with the addresses of the proxies", "port %q believes the header Forwarded of trusted proxies, and has none", name)
	}
	for i, proxy := range p.TrustedProxies {
		if proxy.Bits() == 0 {
			c.warnf(p.item("trustedProxies", i), "name the addresses of the proxies", "port %q trusts everybody: a client is then whoever it says it is", name)
		}
	}
}

// checkRequired finds required hosts that are none, or that nobody watches.
func (c *compiler) checkRequired(port string, p *Port) {
	for i, name := range p.Requires {
		host, ok := c.config.RemoteHosts[name]
		switch {
		case !ok:
			c.errorf(p.item("requires", i), c.didYouMean(name, names(c.config.RemoteHosts), "remote hosts"), "port %q requires the remote host %q, and there is none", port, name)
		case host != nil && host.Watchdog == nil:
			c.errorf(p.item("requires", i), "add `watchdog: {pollIfUp: true}` to the remote host", "port %q requires the remote host %q, which has no watchdog to find out that it is back", port, name)
		}
	}
}

// clients compiles the settings for clients of some networks, and finds networks
// that stand in two of them.
func (c *compiler) clients(port string, p *Port) []engine.ClientSettings {
	var out []engine.ClientSettings
	seen := make(map[netip.Prefix]place)
	for _, s := range p.Clients {
		if s == nil {
			continue
		}
		for i, network := range s.From {
			if first, ok := seen[network.Prefix]; ok {
				c.errorf(s.item("from", i), "write it once", "port %q has settings for clients of %s twice; the first are at %s", port, network.Prefix, first.position())
			}
			seen[network.Prefix] = s.item("from", i)
		}
		settings := engine.ClientSettings{From: prefixes(s.From), PerClient: s.PerClient, MessageTime: s.MessageTime, Idle: s.IdleTimeout, Expire: s.Expire}
		if s.Message != nil {
			bytes := int64(*s.Message)
			settings.Message = &bytes
		}
		out = append(out, settings)
	}
	return out
}

func prefixes(list []engine.Prefix) []netip.Prefix {
	var out []netip.Prefix
	for _, p := range list {
		out = append(out, p.Prefix)
	}
	return out
}

// address checks host:port, and that nobody else listens there.
func (c *compiler) address(at place, who, address string, enabled bool) {
	host, port, err := net.SplitHostPort(address)
	n, numErr := strconv.ParseUint(port, 10, 16)
	if err != nil || numErr != nil {
		hint := "write host and port, such as 127.0.0.1:8080, or :8080 for every address"
		if _, err := strconv.ParseUint(address, 10, 16); err == nil {
			hint = fmt.Sprintf("write 127.0.0.1:%s, or :%s for every address", address, address)
		}
		c.errorf(at, hint, "%s cannot listen on %q: it is no host and port", who, shorten(address))
		return
	}
	if !enabled || n == 0 {
		return
	}
	for taken, by := range c.listening {
		otherHost, otherPort, _ := net.SplitHostPort(taken)
		if otherPort == port && by != who && (host == otherHost || isEvery(host) || isEvery(otherHost)) {
			c.errorf(at, "give one of them another port number", "%s listens on %s, and so does %s", who, address, by)
			return
		}
	}
	c.listening[net.JoinHostPort(host, port)] = who
}

// isEvery tells whether a host means every address of the machine.
func isEvery(host string) bool { return host == "" || host == "0.0.0.0" || host == "::" }

// console checks where the console listens.
func (c *compiler) console() engine.Console {
	out := engine.Console{Listen: c.config.Console.Listen, Token: c.config.Console.Token}
	at := place{}
	if written := c.singles["console"]; written != nil {
		at = written.at("listen")
	}
	if out.Listen == "off" {
		out.Listen = ""
		return out
	}
	c.address(at, "the console", out.Listen, true)
	host, _, err := net.SplitHostPort(out.Listen)
	if err != nil {
		return out
	}
	if addr, err := netip.ParseAddr(host); (err != nil || !addr.IsLoopback()) && host != "localhost" && out.Token == "" {
		c.errorf(at, `add token: '{{env "CONSOLE_TOKEN"}}', or listen on 127.0.0.1:8090`, "the console listens on %s, which is more than loopback, without a token", out.Listen)
	}
	return out
}

package policies

import (
	"fmt"
	"slices"
	"strings"

	"framegate/engine"
)

// attach compiles the websockets and the routes of a port.
func (c *compiler) attach(name string, p *Port, out *engine.Port) {
	seen := make(map[string]*Websocket)
	for _, w := range p.Websockets {
		if w == nil {
			continue
		}
		if first := firstOf(seen, w.Host, w.Path, w); first != nil {
			c.errorf(w.place, "delete one of the two, or give one another `path` or `host`", "port %q has two websockets with the path %s; the first is at %s", name, samePath(w.Path, first.Path), first.place.position())
			continue
		}
		out.Websockets = append(out.Websockets, c.websocket(name, p, w))
	}
	for i, r := range p.Routes {
		if r == nil {
			continue
		}
		if first := r.rival(p.Routes[:i]); first != nil {
			c.errorf(r.place, "delete one of the two, or give one another `path`, `host` or `methods`", "port %q has two routes for the same requests of %s; the first is at %s", name, samePath(r.Path, first.Path), first.place.position())
			continue
		}
		out.Routes = append(out.Routes, c.route(name, r))
	}
}

// firstOf finds the one that has come before with the same path and a host of
// the same name, and notes this one.
func firstOf[T any](seen map[string]*T, hosts []string, path string, this *T) *T {
	if len(hosts) == 0 {
		hosts = []string{""}
	}
	for _, host := range hosts {
		key := strings.ToLower(host) + " " + engine.PathPattern(path).Shape()
		if first := seen[key]; first != nil {
			return first
		}
		seen[key] = this
	}
	return nil
}

// rival finds the route before this one that would get the same requests.
func (r *Route) rival(before []*Route) *Route {
	for _, other := range before {
		seen := make(map[string]*Route)
		if other == nil || firstOf(seen, other.Host, other.Path, other) != nil || firstOf(seen, r.Host, r.Path, r) == nil {
			continue
		}
		if len(r.Methods) == 0 && len(other.Methods) == 0 || slices.ContainsFunc(r.Methods, func(m string) bool { return slices.Contains(other.Methods, m) }) {
			return other
		}
	}
	return nil
}

// route compiles a route of a port.
func (c *compiler) route(name string, r *Route) *engine.Route {
	c.checkPath(&r.located, r.Path)
	c.checkHosts(&r.located, r.Host)
	c.checkMethods(r)
	return &engine.Route{
		Port: name, Path: r.Path, Exact: r.Match == "exact", Hosts: r.Host, Methods: r.Methods, Disabled: !r.Enabled,
		Request: c.hook(r.OnRequest, engine.OnRequest), Timeout: r.Timeout, Active: r.ActiveTimeout,
		Limits: engine.RouteLimits{Body: int64(r.Limits.Body), Buffered: int64(r.Limits.Buffered)},
		Log:    c.logRules(WebsocketLog{Enabled: r.Log.Enabled, Payloads: r.Log.Payloads}), At: r.place.position(),
	}
}

// checkHosts finds host names that no request can name.
func (c *compiler) checkHosts(l *located, hosts []string) {
	for i, host := range hosts {
		name := strings.TrimPrefix(host, "*.")
		switch {
		case strings.Contains(name, "*"):
			c.errorf(l.item("host", i), "write *.example.test; the star stands for one label, the first", "host %q has a star in the middle", host)
		case strings.Contains(name, "://"), strings.ContainsAny(name, "/?#@ "), strings.Count(name, ":") == 1, name == "":
			c.errorf(l.item("host", i), "write the name alone, such as chat.example.test", "%q is no host name", host)
		}
	}
}

// checkMethods finds methods that no request has (RFC 9110 §9.1: they are
// case-sensitive).
func (c *compiler) checkMethods(r *Route) {
	for i, method := range r.Methods {
		upper := strings.ToUpper(method)
		switch {
		case method == "CONNECT":
			c.errorf(r.item("methods", i), "leave it out: the gateway is no forward proxy", "a route cannot take CONNECT")
		case upper != method:
			c.errorf(r.item("methods", i), fmt.Sprintf("write %s", upper), "method %q is not in capitals", method)
		case method == "" || strings.Trim(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-_") != "":
			c.errorf(r.item("methods", i), "write methods such as GET and POST", "%q is no method", method)
		case slices.Contains(r.Methods[:i], method):
			c.errorf(r.item("methods", i), "write it once", "method %s stands there twice", method)
		}
	}
}

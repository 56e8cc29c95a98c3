package filters

import (
	"errors"
	"net/url"
	"sync"

	"framegate/engine"
	"framegate/remotehosts"
)

func init() {
	register[connection](Kind{
		Type: "connection", Family: Routing, Aliases: []string{"ConnectionFilter"},
		Hooks: engine.OnHTTP, Ends: true, Closing: true, Reads: []string{"http.destination.host"},
	})
}

// Opens a WebSocket where static-router, dynamic-router or rewrite-url have led
// to, and ends the policy: with the path and query that the request has by now. It
// passes, fails and sends as connect-to-url does. As Axway's Connection.
//
// Where a policy or a script has set http.destination.host itself, it must be a
// remote host of the configuration, else the filter fails with 502. It aborts where
// nothing has chosen a host.
//
//	filters:
//	  - {type: static-router, host: 127.0.0.1, port: 9001}
//	  - {type: rewrite-url, url: /rooms}
//	  - type: connection
//	    connectTimeout: 5s
type connection struct {
	connecting `yaml:",inline"`

	undeclared sync.Map        // hosts that are dialled as they stand in static-router or rewrite-url, by their URL
	target     engine.Selector // the request's path and query
}

// Prepare checks the settings.
func (f *connection) Prepare(env *Env) (err error) {
	if f.target, err = engine.ParseSelector("${http.request.uri}"); err != nil {
		return err
	}
	return f.connecting.prepare(env)
}

var errNoDestination = errors.New("no host has been chosen: static-router, dynamic-router or a whole URL in rewrite-url do")

// Run connects.
func (f *connection) Run(m *engine.Message) (bool, error) {
	forgetRefusal(m)
	d := m.Request.Destination
	if d == nil || d.Host == "" {
		return false, errNoDestination
	}
	host, err := f.find(d)
	if err != nil {
		return false, err
	}
	if host == nil {
		m.Fail(502, "%.100q is no remote host", authority(d.Host, d.Port))
		return false, nil
	}
	target, err := targetFor(f.target, m)
	if err != nil || target == "" {
		return false, err
	}
	return f.connect(m, place{host, d.Protocol == "wss", target})
}

// find is the host of a destination; nil where it may not be connected to.
func (f *connection) find(d *engine.Destination) (*remotehosts.Host, error) {
	if host, ok := f.hosts.Named(d.Host); ok && d.Port == 0 {
		return host, nil
	}
	u := &url.URL{Scheme: "ws", Host: authority(d.Host, d.Port), Path: "/"}
	if d.Protocol == "wss" {
		u.Scheme = d.Protocol
	}
	if host, ok := f.hosts.Declared(u); ok || !d.Written {
		return host, nil
	}
	key := u.String()
	if known, ok := f.undeclared.Load(key); ok {
		return known.(*remotehosts.Host), nil
	}
	host, err := f.hosts.Find(key)
	if err != nil {
		return nil, err
	}
	first, _ := f.undeclared.LoadOrStore(key, host)
	return first.(*remotehosts.Host), nil
}

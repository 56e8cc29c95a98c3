package filters

import (
	"net/url"
	"slices"

	"framegate/engine"
	"framegate/remotehosts"
)

func init() {
	register[dynamicRouter](Kind{
		Type: "dynamic-router", Family: Routing, Aliases: []string{"DynamicRouterFilter"}, Hooks: engine.OnHTTP,
		Writes: []string{"http.destination.host", "http.destination.protocol"},
	})
}

// Lets the request say where connection connects to: by the URL that rewrite-url
// has left, else by the host of the request, which stands in an absolute request
// URI and in the Host header. Only remote hosts of the configuration can be chosen,
// by their name or by host and port; it fails with 404 otherwise. As Axway's Dynamic
// Router, which goes wherever it is sent.
//
// It sets http.destination.host to the name of the remote host, and
// http.destination.protocol (ws or wss).
//
//	filters:
//	  - type: dynamic-router
//	    success: connect
//	    failure: default
//	  - {name: default, type: static-router, host: 127.0.0.1, port: 9001}
//	  - {name: connect, type: connection}
type dynamicRouter struct {
	// Hosts are the names of the remote hosts that can be chosen. Left out, all can.
	Hosts []string `yaml:"hosts"`
	// Protocol is how to speak where the host alone is known: ws and http mean the same, and so do wss and https, which mean
	// TLS. A URL of rewrite-url has its own.
	Protocol string `yaml:"protocol" default:"ws" oneof:"ws wss http https"`

	hosts *remotehosts.Set
}

// Prepare checks the names.
func (f *dynamicRouter) Prepare(env *Env) error {
	f.hosts = env.Hosts
	for i, name := range f.Hosts {
		if _, ok := f.hosts.Named(name); !ok {
			return &FieldError{indexed("hosts", i), "", &remotehosts.UnknownHost{Name: name}}
		}
	}
	return nil
}

// Run finds the remote host.
func (f *dynamicRouter) Run(m *engine.Message) (bool, error) {
	protocol, at := protocolOf(f.Protocol), m.Request.Host
	if d := m.Request.Destination; d != nil && !d.Routed {
		protocol, at = d.Protocol, authority(d.Host, d.Port)
	}
	u := &url.URL{Scheme: protocol, Host: at}
	host, ok := f.hosts.Declared(u)
	if !ok || len(f.Hosts) > 0 && !slices.Contains(f.Hosts, host.Definition().Name) {
		m.Fail(404, "%.100q is no remote host that can be chosen", at)
		return false, nil
	}
	name := host.Definition().Name
	m.Logf(0, "%.100q leads to remote host %s", at, name)
	m.Request.Destination = &engine.Destination{Protocol: protocol, Host: name, Routed: true}
	return true, nil
}

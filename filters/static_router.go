package filters

import (
	"net"
	"strconv"

	"framegate/engine"
	"framegate/remotehosts"
)

func init() {
	register[staticRouter](Kind{
		Type: "static-router", Family: Routing, Aliases: []string{"StaticRouterFilter"}, Hooks: engine.OnHTTP,
		Writes: []string{"http.destination.host", "http.destination.port", "http.destination.protocol"},
	})
}

// Chooses where connection connects to, and goes on. It fails with 502 where a
// selector in host yields no remote host. As Axway's Static Router, with rewrite-url
// and connection after it: "the old way" of a connect-to-url.
//
// It sets http.destination.host, http.destination.port where there is one, and
// http.destination.protocol (ws or wss).
//
//	filters:
//	  - {type: static-router, host: 127.0.0.1, port: 9001}
//	  - {type: rewrite-url, url: '/rooms/${params.query.room ?: "lobby"}'}
//	  - type: connection
type staticRouter struct {
	// Host is the name of a remote host, or a host name or address: that of a remote host where host and port are one's, else
	// dialled as it stands. A selector can only yield the name of a remote host.
	Host engine.Selector `yaml:"host" required:"true"`
	// Port is the port. Left out, it is the remote host's, or the protocol's own: 80, or 443 with TLS. Axway's default is 8080.
	Port int `yaml:"port" min:"1" max:"65535"`
	// Protocol is how to speak: ws and http mean the same, and so do wss and https, which mean TLS.
	Protocol string `yaml:"protocol" default:"ws" oneof:"ws wss http https"`

	hosts *remotehosts.Set
	fixed *engine.Destination // nil: the name comes from a selector
}

// Prepare finds the host, unless a selector yields its name.
func (f *staticRouter) Prepare(env *Env) error {
	f.hosts = env.Hosts
	host, literal := f.Host.Literal()
	if !literal {
		if f.Port != 0 {
			return wrong("port", "leave it out: the remote host has its port", "a selector in host yields the name of a remote host")
		}
		return nil
	}
	if _, err := findHost(env.Hosts, "host", f.Protocol, authority(host, f.Port)); err != nil {
		return err
	}
	f.fixed = &engine.Destination{Protocol: protocolOf(f.Protocol), Host: host, Port: f.Port, Written: true, Routed: true}
	return nil
}

// Run sets the destination.
func (f *staticRouter) Run(m *engine.Message) (bool, error) {
	if f.fixed != nil {
		m.Request.Destination = f.fixed
		return true, nil
	}
	name, err := f.Host.String(m)
	if err != nil {
		return false, err
	}
	if _, ok := f.hosts.Named(name); !ok {
		m.Fail(502, "%s yields %q, which is no remote host", f.Host.Text(), name)
		return false, nil
	}
	m.Request.Destination = &engine.Destination{Protocol: protocolOf(f.Protocol), Host: name, Routed: true}
	return true, nil
}

// authority is host and port as they stand in a URL (RFC 3986 §3.2).
func authority(host string, port int) string {
	if port != 0 {
		return net.JoinHostPort(host, strconv.Itoa(port))
	}
	if net.ParseIP(host) != nil && net.ParseIP(host).To4() == nil {
		return "[" + host + "]"
	}
	return host
}

// protocolOf is ws or wss for the scheme of a URL.
func protocolOf(scheme string) string {
	if scheme == "wss" || scheme == "https" {
		return "wss"
	}
	return "ws"
}

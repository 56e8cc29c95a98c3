package remotehosts

import (
	"fmt"
	"time"
)

// Definition is a remote host as the configuration declares it, under
// `remoteHosts:` and its name:
//
//	remoteHosts:
//	  chat:
//	    host: chat.internal
//	    port: 9001
//	    maxConnections: 500
//	    tls: {ca: tls/own-ca.pem}
//
// URLs reach it by its name (ws://chat/rooms) or by its host and port
// (ws://chat.internal:9001/rooms). Whether TLS is spoken is for the URL to say:
// wss:// and https:// mean TLS. A URL that leads to no declared remote host is
// dialled as it stands, with these defaults and at most 128 connections to all
// such hosts together.
//
// The settings follow Axway's remote hosts. Theirs had allowHTTP11 off and
// connectTimeout 30s.
type Definition struct {
	// Name is what URLs, selectors and logs call it. One with anything but letters, digits, dots, - and _ cannot stand in a
	// URL; such a host is reached by its host and port.
	Name string `yaml:"-"`
	// Host is the name or IP address to dial. The upgrade request's Host header and, with TLS, the server name are this too.
	Host string `yaml:"host" required:"true"`
	// Port is the TCP port to dial. Left out, it is the URL's scheme's: 80, or 443 with TLS.
	Port int `yaml:"port" min:"1" max:"65535"`
	// AllowHTTP11 lets the gateway speak HTTP/1.1 to the host. Without it no WebSocket can be opened there (RFC 6455 §4.1),
	// and a connect-to-url that leads here is a problem.
	AllowHTTP11 bool `yaml:"allowHTTP11" default:"true"`
	// MaxConnections is how many connections may be open at once; -1 means no limit. When all are in use, an upgrade waits
	// for one, first come first served, at most for activeTimeout, and is then refused with 503.
	MaxConnections int `yaml:"maxConnections" default:"-1" min:"-1"`
	// ConnectTimeout bounds looking the name up, connecting and the TLS handshake together; past it an upgrade is refused
	// with 504.
	ConnectTimeout time.Duration `yaml:"connectTimeout" default:"10s" min:"1ms"`
	// ActiveTimeout bounds how long the host may take for its whole answer to an upgrade, past which the upgrade is refused
	// with 504, and how long an upgrade waits for a connection to become free. It does not bound a WebSocket once open.
	ActiveTimeout time.Duration `yaml:"activeTimeout" default:"30s" min:"1ms"`
	// IdleTimeout closes a pooled plain HTTP connection that nobody has used for so long. It is not for WebSockets: their
	// idle timeout is the websocket's or the port's.
	IdleTimeout time.Duration `yaml:"idleTimeout" default:"15s" min:"1ms"`
	// TLS says how to check who the host is, where a URL says wss:// or https://.
	TLS TLS `yaml:"tls"`
	// Dev says what stands in for the host under `framegate dev`: echo, a built-in back end that sends back what it gets.
	// Left out, the host itself is dialled. It means nothing to `framegate run`.
	Dev string `yaml:"dev" oneof:"echo"`

	// StandIn is the host:port of what stands in for the host. When set it is
	// dialled instead, without TLS, and all else stays as it is.
	StandIn string `yaml:"-"`
}

// TLS says how the gateway checks who a remote host is. TLS 1.2 is the least it
// speaks, and HTTP/1.1 is what it asks for by ALPN.
type TLS struct {
	// ServerName is the name that is sent to the host (SNI, RFC 6066 §3) and must stand in its certificate. Left out, it is the host.
	ServerName string `yaml:"serverName"`
	// CA is a file of PEM certificates, relative to the gateway's directory: the only authorities that may have signed the
	// host's certificate. Left out, the machine's own list is used.
	CA string `yaml:"ca"`
	// TrustAll takes any certificate, so that anybody on the way can pose as the host. For tests only.
	TrustAll bool `yaml:"trustAll"`
}

// defaultDefinition has the defaults that the tags of [Definition] name; a test
// compares them.
func defaultDefinition() Definition {
	return Definition{
		AllowHTTP11:    true,
		MaxConnections: -1,
		ConnectTimeout: 10 * time.Second,
		ActiveTimeout:  30 * time.Second,
		IdleTimeout:    15 * time.Second,
	}
}

// DefinitionError is a problem with one field of a definition: the remote
// host's name, the field's path in YAML such as "tls.ca", what is wrong, and what to
// write instead.
type DefinitionError struct {
	Host  string
	Field string
	Hint  string
	Err   error
}

func (e *DefinitionError) Error() string {
	return fmt.Sprintf("remote host %q: %s: %v", e.Host, e.Field, e.Err)
}

// Unwrap returns what is wrong.
func (e *DefinitionError) Unwrap() error { return e.Err }

// check finds what the tags of a definition cannot say.
func (d *Definition) check() []*DefinitionError {
	var problems []*DefinitionError
	report := func(field, hint, format string, args ...any) {
		problems = append(problems, &DefinitionError{d.Name, field, hint, fmt.Errorf(format, args...)})
	}
	if d.Host != "" && !isHostName(d.Host) && !isIP(d.Host) { // that it is missing, its tag says
		report("host", "write a name or an IP address; the port has a field of its own", "%q is no host name", d.Host)
	}
	if d.MaxConnections == 0 {
		report("maxConnections", "write -1 for no limit", "0 lets no connection through")
	}
	if name := d.TLS.ServerName; name != "" && !isHostName(name) {
		report("tls.serverName", "write a name, without port", "%q is no host name", name)
	}
	if d.TLS.TrustAll && d.TLS.CA != "" {
		report("tls.ca", "remove trustAll", "with trustAll nothing looks at the CA")
	}
	return problems
}

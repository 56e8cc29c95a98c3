package policies

import (
	"time"

	"framegate/engine"
)

// Port is a listener: addresses, access, limits and what is attached to it.
type Port struct {
	// Listen is the address to listen on, host:port, or a list of them. Without a host it is every address of the machine.
	Listen []string `yaml:"listen" required:"true"`
	// Enabled makes the port listen.
	Enabled bool `yaml:"enabled" default:"true"`
	// TLS makes the port speak TLS: clients come with wss://.
	TLS *PortTLS `yaml:"tls"`
	// Access says which client addresses may connect.
	Access Access `yaml:"access"`
	// TrustedProxies are the networks and addresses of proxies that may say for whom they speak. From them the client is the last address in X-Forwarded-For that is no trusted proxy: access, limits, ip-address, throttling and the traffic log then go by it, X-Forwarded-Proto and X-Forwarded-Host are believed, and remote hosts get the chain of proxies. What others send in these headers counts for nothing.
	TrustedProxies []engine.Prefix `yaml:"trustedProxies"`
	// ProxyProtocol reads the header of the PROXY protocol (version 1 or 2) that trusted proxies send before the client's first byte: off, accept (when there is one) or require, which refuses everybody else.
	ProxyProtocol string `yaml:"proxyProtocol" default:"off" oneof:"off accept require"`
	// ForwardedHeader says in which headers they do: x-forwarded (X-Forwarded-For, -Proto and -Host) or forwarded (RFC 7239). The other ones then count for nothing, since a proxy that does not write them passes on what clients claim.
	ForwardedHeader string `yaml:"forwardedHeader" default:"x-forwarded" oneof:"x-forwarded forwarded"`
	// Backlog is how many connections may wait to be accepted, on systems that let it be chosen; 0 is the system's own limit (net.core.somaxconn on Linux), which also bounds larger numbers.
	Backlog int `yaml:"backlog" min:"0" max:"65535"`
	// IdleTimeout ends sessions that carry no data message for so long, unless the websocket says otherwise.
	IdleTimeout time.Duration `yaml:"idleTimeout" default:"5m" min:"0s"`
	// Health is a path on which the port itself answers GET with 200 as long as the process serves, for whoever watches over it. Without it there is none; the console has /health.
	Health string `yaml:"health"`
	// Ready is a path on which the port itself answers GET with 200 while new sessions are welcome, and with 503 during a shutdown. Without it there is none; the console has /ready.
	Ready string `yaml:"ready"`
	// Limits bounds what the port accepts.
	Limits PortLimits `yaml:"limits"`
	// Clients are settings for clients of some networks, in place of the port's and its websockets' own. The longest network that contains the client's address counts.
	Clients []*ClientSettings `yaml:"clients"`
	// Requires names remote hosts: while all addresses of one of them are out, the port does not listen, so that whoever balances load over several gateways goes elsewhere. Open sessions go on. The remote hosts need a watchdog, which finds out that they are back.
	Requires []string `yaml:"requires"`
	// Websockets are the paths on which clients may open WebSockets.
	Websockets []*Websocket `yaml:"websockets"`
	// Routes are the paths on which plain HTTP requests are answered. A websocket may have the same path: requests with Upgrade: websocket are for it, all others for the route.
	Routes []*Route `yaml:"routes"`

	located
}

// PortTLS is the gateway's own identity towards clients. Its files are looked at
// again when a client connects, at most once a second: a renewed certificate is
// served without a reload, and a broken one leaves the old one in use. Open
// sessions keep theirs.
type PortTLS struct {
	// Listen is an address, or a list of them, where the port speaks TLS beside the plain ones of the port's own `listen`: the same websockets, limits and counts over ws:// and wss://. Without it all addresses of the port speak TLS.
	Listen []string `yaml:"listen"`
	// Cert is the PEM file of the certificate and those between it and the authority.
	Cert string `yaml:"cert"`
	// Key is the PEM file of the private key.
	Key string `yaml:"key"`
	// PKCS12 is a PKCS#12 file (.p12, .pfx) with the certificate, those between it and the authority, and the key; instead of cert and key. Java key stores are converted with keytool -importkeystore -deststoretype PKCS12.
	PKCS12 string `yaml:"pkcs12"`
	// Password opens the PKCS#12 file.
	Password string `yaml:"password"`
	// Certificates are more certificates; the client's server name (SNI) chooses, and the first is for clients that name none or another.
	Certificates []Certificate `yaml:"certificates"`
	// ClientAuth asks clients for certificates: none, request (checked when given) or require. Filters read what was given as http.request.clientcert (PEM) and http.request.clientcert.subject.
	ClientAuth string `yaml:"clientAuth" default:"none" oneof:"none request require"`
	// ClientCA is the PEM file of the authorities that may have signed client certificates.
	ClientCA string `yaml:"clientCA"`
	// MinVersion is the oldest version of TLS that is spoken.
	MinVersion string `yaml:"minVersion" default:"1.2" oneof:"1.2 1.3"`
}

// Certificate is a certificate with its key: two PEM files, or one of PKCS#12.
type Certificate struct {
	// Cert is the PEM file of the certificate and those between it and the authority.
	Cert string `yaml:"cert"`
	// Key is the PEM file of the private key.
	Key string `yaml:"key"`
	// PKCS12 is a PKCS#12 file (.p12, .pfx) with certificate and key, instead of cert and key.
	PKCS12 string `yaml:"pkcs12"`
	// Password opens the PKCS#12 file.
	Password string `yaml:"password"`
}

// Access says which client addresses may connect. The longest network that
// contains the address decides, deny before allow.
type Access struct {
	// Default is for addresses in neither list.
	Default string `yaml:"default" default:"allow" oneof:"allow deny"`
	// Allow lists networks and addresses that may connect.
	Allow []engine.Prefix `yaml:"allow"`
	// Deny lists networks and addresses that may not.
	Deny []engine.Prefix `yaml:"deny"`
}

// PortLimits bounds what a port accepts.
type PortLimits struct {
	// Connections is how many connections may be open. 0 is no limit.
	Connections int `yaml:"connections" min:"0"`
	// PerClient is how many connections one client address may have open. 0 is no limit.
	PerClient int `yaml:"perClient" min:"0"`
	// AcceptRate is how many connections are accepted a second; past it clients wait in the system's accept queue. 0 is no limit.
	AcceptRate int `yaml:"acceptRate" min:"0" max:"1000000"`
	// AcceptBurst is how many of them may come at once. 0 is as many as in a second.
	AcceptBurst int `yaml:"acceptBurst" min:"0" max:"1000000"`
	// Header is how long the headers of a request may be together; past it the answer is 431.
	Header engine.Size `yaml:"header" default:"16KiB" min:"1KiB" max:"1MiB"`
	// URI is how long the target of a request may be; past it the answer is 414.
	URI engine.Size `yaml:"uri" default:"8KiB" min:"64" max:"1MiB"`
	// Handshake is how long a client may take to send its request.
	Handshake time.Duration `yaml:"handshake" default:"10s" min:"100ms"`
}

// ClientSettings are what clients of some networks get instead of what the port
// and its websockets say for all: partners, other gateways, devices. What is left
// out stays as it is. Axway has them as remote hosts with the port "incoming".
type ClientSettings struct {
	// From lists the networks and addresses.
	From []engine.Prefix `yaml:"from" required:"true"`
	// PerClient is how many connections one of their addresses may have open, and sessions on one websocket. 0 is no limit.
	PerClient *int `yaml:"perClient" min:"0"`
	// Message bounds one message, in either direction; past it the session is closed with 1009. 0 is no limit.
	Message *engine.Size `yaml:"message" min:"0"`
	// MessageTime bounds the time from the first byte of a message to its last. 0 is no limit.
	MessageTime *time.Duration `yaml:"messageTime" min:"0s"`
	// IdleTimeout ends sessions that carry no data message for so long. 0 never does.
	IdleTimeout *time.Duration `yaml:"idleTimeout" min:"0s"`
	// Expire ends sessions that are so old. 0 never does.
	Expire *time.Duration `yaml:"expire" min:"0s"`

	located
}

package remotehosts

import (
	"time"

	"framegate/engine"
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
//	    addresses:
//	      - {priority: high, list: ['10.0.0.1:9001', '10.0.0.2:9001']}
//	      - {priority: low, list: ['10.1.0.1:9001']}
//	    balancing: least-connections
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
	// AllowHTTP11 lets the gateway speak HTTP/1.1 to the host. Without it no WebSocket can be opened there (RFC 6455 §4.1) and
	// no request be sent, and a connect-to-url that leads here is a problem.
	AllowHTTP11 bool `yaml:"allowHTTP11" default:"true"`
	// MaxConnections is how many connections may be open at once, WebSockets and plain HTTP together; -1 means no limit. When
	// all are in use, an upgrade or a request waits for one, first come first served, at most for activeTimeout, and is then refused with 503.
	MaxConnections int `yaml:"maxConnections" default:"-1" min:"-1"`
	// ConnectTimeout bounds looking the name up, connecting and the TLS handshake together; past it an upgrade is refused
	// with 504.
	ConnectTimeout time.Duration `yaml:"connectTimeout" default:"10s" min:"1ms"`
	// ActiveTimeout bounds how long the host may take for its whole answer to an upgrade, past which the upgrade is refused
	// with 504, and how long an upgrade waits for a connection to become free. It does not bound a WebSocket once open. Of a
	// plain HTTP request it bounds the wait for the answer's head, and for each block of its body.
	ActiveTimeout time.Duration `yaml:"activeTimeout" default:"30s" min:"1ms"`
	// TransactionTimeout bounds a plain HTTP request as a whole, from its first byte to the last of the answer; 0 is no limit.
	// Within it, activeTimeout bounds how long the host may let the next block wait.
	TransactionTimeout time.Duration `yaml:"transactionTimeout" default:"0" min:"0s"`
	// MaxSent is how long the body of a plain HTTP request may be, in bytes; 0 is no limit. Past it the request is refused with
	// 413, or broken off where its length was not known before.
	MaxSent engine.Size `yaml:"maxSent" default:"0"`
	// MaxReceived is how long the body of a plain HTTP answer may be, in bytes; 0 is no limit. An answer that says that it is
	// longer is refused with 502, and one that turns out to be is broken off.
	MaxReceived engine.Size `yaml:"maxReceived" default:"0"`
	// IdleTimeout closes a pooled plain HTTP connection that nobody has used for so long. It is not for WebSockets: their
	// idle timeout is the websocket's or the port's.
	IdleTimeout time.Duration `yaml:"idleTimeout" default:"15s" min:"1ms"`
	// TLS says how to check who the host is and who the gateway is, where a URL says wss:// or https://.
	TLS TLS `yaml:"tls"`
	// Addresses are what to dial instead of host and port: a list of host:port, or groups of them with a priority. Those of a
	// lower priority are used only while all of a higher one are out or fail. The Host header and the name for TLS stay the
	// host's. Left out, every address that the name service knows for host is one. An upgrade fails when all have failed.
	Addresses []Addresses `yaml:"addresses"`
	// Balancing chooses among the addresses of one priority: round-robin (in turn, by weight), least-connections (the fewest
	// open per weight), response-time (the quickest to answer, see halfLife) or sticky (always the same for the same
	// stickyKey, as long as it is not out; then the next, the same for all with that key).
	Balancing string `yaml:"balancing" default:"round-robin" oneof:"round-robin least-connections response-time sticky"`
	// HalfLife is after how long a measured response time counts half, with balancing: response-time: new ones weigh more, and
	// an address that was slow long ago is tried again.
	HalfLife time.Duration `yaml:"halfLife" default:"10s" min:"100ms"`
	// StickyKey is what balancing: sticky goes by, such as ${authentication.subject.id} or ${http.request.clientaddr}. A
	// missing attribute aborts, unless the selector has a default.
	StickyKey engine.Selector `yaml:"stickyKey"`
	// Retries is how often an upgrade is sent again, to another address first, when an address has taken it and reset, stalled,
	// answered what is no answer, or 502, 503 or 504. Never once a 101 has begun. An address that cannot even be connected to
	// is no retry: the next is tried in any case. Left out, it is 1 where there is more than one address, else 0.
	Retries *int `yaml:"retries" min:"0" max:"10"`
	// Ejection says for how long an address that fails is set aside.
	Ejection Ejection `yaml:"ejection"`
	// Breaker stops asking a host of which all addresses fail.
	Breaker Breaker `yaml:"breaker"`
	// Watchdog asks addresses that are out whether they are back.
	Watchdog *Watchdog `yaml:"watchdog"`
	// AddressCacheTime is how long an answer of the name service is used. Then it is asked again, and the old answer stays in
	// use for as long as it is slow or fails.
	AddressCacheTime time.Duration `yaml:"addressCacheTime" default:"5m" min:"1s"`
	// Proxy is an HTTP proxy between the gateway and the host.
	Proxy *Proxy `yaml:"proxy"`
	// CorrelationHeader is the header in which the host gets the id of the session, the same as in the traffic log. Empty, it
	// gets none.
	CorrelationHeader string `yaml:"correlationHeader" default:"X-CorrelationID"`
	// Dev says what stands in for the host under `framegate dev`: echo, a built-in back end that sends back what it gets.
	// Left out, the host itself is dialled. It means nothing to `framegate run`.
	Dev string `yaml:"dev" oneof:"echo"`

	// StandIn is the host:port of what stands in for the host. When set it is
	// dialled instead, without TLS, and all else stays as it is.
	StandIn string `yaml:"-"`
}

// TLS says how the gateway checks who a remote host is, and who it is itself.
// TLS 1.2 is the least it speaks, and HTTP/1.1 is what it asks for by ALPN.
type TLS struct {
	// ServerName is the name that is sent to the host (SNI, RFC 6066 §3) and must stand in its certificate. Left out, it is the host.
	ServerName string `yaml:"serverName"`
	// SNI sends the name to the host. Left out, it is on; false is for hosts that refuse names they do not know.
	SNI *bool `yaml:"sni"`
	// VerifyHost wants the name to stand in the certificate. Left out, it is on; without it any certificate of the
	// authorities is taken, whoever's it is.
	VerifyHost *bool `yaml:"verifyHost"`
	// CA is a file of PEM certificates, relative to the gateway's directory or absolute: the only authorities that may have
	// signed the host's certificate. Left out, the machine's own list is used.
	CA string `yaml:"ca"`
	// Cert is the PEM file of the certificate that the gateway shows to a host that asks for one, and of those between it and
	// the authority.
	Cert string `yaml:"cert"`
	// Key is the PEM file of the certificate's private key.
	Key string `yaml:"key"`
	// TrustAll takes any certificate, so that anybody on the way can pose as the host. For tests only.
	TrustAll bool `yaml:"trustAll"`
}

// Addresses are addresses of one priority and weight. An address alone, without
// a map around it, has the defaults.
type Addresses struct {
	// Priority is highest, high, medium, low, lowest, or a number: 1 is used first, and highest to lowest are 1 to 5.
	Priority Priority `yaml:"priority" default:"medium"`
	// List are the addresses, host:port; without a port it is the remote host's.
	List []string `yaml:"list" required:"true"`
	// Weight is the share of each of these addresses, next to those of the same priority.
	Weight int `yaml:"weight" default:"1" min:"1" max:"1000"`
}

// ShortForm names the field that one scalar in place of the map is.
func (*Addresses) ShortForm() string { return "list" }

// Ejection says for how long an address that fails is set aside: a bit more or
// less each time, twice as long from time to time, and then one upgrade tries it.
// An address is out when it cannot be connected to, stalls, resets or answers what
// is none, and after the fifth 5xx or unfit 101 in a row. When all are out, they are
// tried in spite of it, until the breaker opens.
type Ejection struct {
	// First is how long an address is out the first time. 0 sets none aside.
	First time.Duration `yaml:"first" default:"5s" min:"0s"`
	// Most is how long it is out at most.
	Most time.Duration `yaml:"most" default:"5m" min:"1ms"`
}

// Breaker stops asking a host of which all addresses fail: upgrades are refused
// with 503 at once, until one of them, after a while, is let through and finds the
// host well. An answer of any status means that the host is there.
type Breaker struct {
	// Failures is how many upgrades in a row must find no address that answers. 0 switches the breaker off.
	Failures int `yaml:"failures" default:"5" min:"0" max:"1000"`
	// First is for how long upgrades are refused the first time; twice as long from time to time.
	First time.Duration `yaml:"first" default:"2s" min:"1ms"`
	// Most is for how long they are refused at most.
	Most time.Duration `yaml:"most" default:"1m" min:"1ms"`
}

// Watchdog asks addresses how they are, with a request of its own. What upgrades
// find out counts as much: an address that they have just found well is not asked.
type Watchdog struct {
	// Method is the method of the request.
	Method string `yaml:"method" default:"OPTIONS"`
	// URI is the path to ask for, or *, which asks for the server as a whole (RFC 9110 §9.3.7).
	URI string `yaml:"uri" default:"*"`
	// OK are the statuses of a healthy answer, as ranges or single ones.
	OK []StatusRange `yaml:"ok" default:"200-399"`
	// Every is the time between two requests to an address. One that is out is asked as soon as it might be tried again.
	Every time.Duration `yaml:"every" default:"60s" min:"10ms"`
	// Timeout bounds connecting and the answer.
	Timeout time.Duration `yaml:"timeout" default:"10s" min:"1ms"`
	// PollIfUp asks addresses that are in too; without it only those that are out.
	PollIfUp bool `yaml:"pollIfUp" default:"false"`
}

// Proxy is an HTTP proxy that connects to remote hosts by CONNECT (RFC 9110 §9.3.6),
// with and without TLS. Names of addresses are for the proxy to look up.
type Proxy struct {
	// URL is the proxy: http://HOST:PORT.
	URL string `yaml:"url" required:"true"`
	// Username is sent to the proxy, with the password (Basic, RFC 7617).
	Username string `yaml:"username"`
	// Password goes with username.
	Password string `yaml:"password"`
	// Bypass lists what is dialled without the proxy: host names, domains with all below them (.example.test), addresses and
	// networks.
	Bypass []string `yaml:"bypass"`
}

// defaultDefinition has the defaults that the tags of [Definition] name; a test
// compares them.
func defaultDefinition() Definition {
	return Definition{
		AllowHTTP11:       true,
		MaxConnections:    -1,
		ConnectTimeout:    10 * time.Second,
		ActiveTimeout:     30 * time.Second,
		IdleTimeout:       15 * time.Second,
		Balancing:         "round-robin",
		HalfLife:          10 * time.Second,
		Ejection:          Ejection{5 * time.Second, 5 * time.Minute},
		Breaker:           Breaker{5, 2 * time.Second, time.Minute},
		AddressCacheTime:  5 * time.Minute,
		CorrelationHeader: "X-CorrelationID",
	}
}

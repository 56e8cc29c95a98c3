package engine

import (
	"crypto/tls"
	"encoding/pem"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"framegate/engine/wire"
)

// Headers is an ordered list of header fields, names compared without case and
// kept as they came.
type Headers = wire.Headers

// Side names one end of a session: the client (wire.FromClient) or the remote
// host (wire.FromServer).
type Side = wire.Side

// The two sides of a session.
const (
	ClientSide = wire.FromClient
	HostSide   = wire.FromServer
)

// Request is the HTTP request that a policy runs on: an upgrade, or a request
// on a route. Filters may change URI and Headers; what connect-to-url sends and
// what frame policies read in websock.context is the result.
type Request struct {
	Method  string
	URI     string // origin form, as it came: path and query
	Path    string // the path of URI, without the query, as it came
	Query   string // the raw query of URI, without the question mark
	Host    string // the one host that every filter sees
	Headers *Headers
	Client  netip.AddrPort       // who asks; port 0 where only a proxy's X-Forwarded-For tells
	TLS     *tls.ConnectionState // nil without TLS
	Proto   string               // "HTTP/1.1"
	At      time.Time            // when the request was read

	Destination *Destination // where routers send the request; nil: nowhere yet
	PathParams  []Field      // of the path of the websocket or route, such as /rooms/{id}
	Forwarded   *Forwarded   // what trusted proxies said; nil where the client connected itself
	Body        *Body        // of a request on a route; nil: none

	secret []string // headers that hold a secret although their names do not tell
}

// Destination is where connection goes, as static-router, dynamic-router and
// rewrite-url leave it: the attributes http.destination.host, .port and .protocol.
type Destination struct {
	Protocol string // "ws" or "wss"
	Host     string // the name of a remote host, or a host name or address
	Port     int    // 0: the remote host's, or the protocol's own
	// Written tells that host and port stand in the configuration. Only then may they be dialled although no remote host is
	// declared there; an attribute that a policy or a script has set leads to declared ones alone.
	Written bool
	// Routed tells that a router chose it: rewrite-url then leaves it as it is.
	Routed bool
}

// Retarget replaces path and query.
func (r *Request) Retarget(uri string) {
	r.URI = uri
	r.Path, r.Query, _ = strings.Cut(uri, "?")
}

// Conceal keeps the values of a header out of the traffic log, whose name alone
// does not tell that it holds a secret ([SecretName]).
func (r *Request) Conceal(header string) { r.secret = append(r.secret, header) }

// conceals tells whether the traffic log must not show a header.
func (r *Request) conceals(header string) bool {
	return SecretName(header) || slices.ContainsFunc(r.secret, func(name string) bool { return strings.EqualFold(name, header) })
}

// QueryValue returns the first value of a query parameter, percent-decoded.
func (r *Request) QueryValue(name string) (string, bool) {
	for rest := r.Query; rest != ""; {
		var pair string
		pair, rest, _ = strings.Cut(rest, "&")
		key, value, _ := strings.Cut(pair, "=")
		if decoded, err := url.QueryUnescape(key); err != nil || decoded != name {
			continue
		}
		if decoded, err := url.QueryUnescape(value); err == nil {
			return decoded, true
		}
	}
	return "", false
}

// Scheme is "wss" or "ws", by whether the client came over TLS.
func (r *Request) Scheme() string {
	if r.Secure() {
		return "wss"
	}
	return "ws"
}

// Answer is the HTTP answer that a policy gives: to a request on a route, or to
// an upgrade instead of a session.
type Answer struct {
	Status   int // 0: no filter has answered
	Headers  Headers
	Body     []byte
	Stream   *Body  // in place of Body, where it is still on its way from a remote host
	FromHost bool   // the remote host's own answer, to go to the client as it is
	Host     string // that remote host, and the address dialled
}

// Socket is an upgraded connection to a remote host, as connect-to-url hands it
// to the engine.
type Socket struct {
	Conn        net.Conn
	Early       []byte // wire frames that came together with the 101
	Subprotocol string
	Extensions  string        // the Sec-WebSocket-Extensions that the host accepted of the client's
	Deflate     *wire.Deflate // the compression that the host agreed on with the gateway; nil: none
	Headers     *Headers      // of the 101
	Host        string        // the remote host's name, or host:port
	Address     string        // the address that was dialled
	Release     func()        // gives the connection's place at the host back; may be nil
}

// clientCertificate is the certificate that the client proved itself with: as
// PEM, or its subject as RFC 4514 writes it. Missing where none was given.
func (r *Request) clientCertificate(kind attrKind) Value {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return Value{}
	}
	cert := r.TLS.PeerCertificates[0]
	if kind == requestSubject {
		return StringValue(cert.Subject.String())
	}
	return StringValue(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})))
}

package remotehosts

import (
	"fmt"
	"net/netip"
	"strings"

	"framegate/engine"
	"framegate/engine/wire"
)

// ours are the fields that the gateway writes itself or that have no meaning
// towards the host. What the client sent under these names does not go on, nor
// under the same name with _ for -, which many servers take for the same.
// Forwarded (RFC 7239) goes because it would contradict X-Forwarded-*.
var ours = [...]string{
	"host", "content-length", "expect",
	"sec-websocket-key", "sec-websocket-version", "sec-websocket-protocol",
	"sec-websocket-extensions", "sec-websocket-accept",
	"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded",
	"traceparent",
}

// newHandshake makes the upgrade request. What the client wants removed goes
// first, so that it cannot have removed what the gateway adds.
func (h *Host) newHandshake(c *Call) (*handshake, error) {
	if c.Target == "" {
		c.Target = "/"
	}
	if err := CheckTarget(c.Target); err != nil {
		return nil, err
	}
	shake := &handshake{key: wire.NewKey(), subprotocols: c.Offer.Subprotocols, deflate: c.Offer.Deflate}
	headers, err := h.forwarded(c)
	if err != nil {
		return nil, err
	}
	fields := []string{
		"Connection", "Upgrade",
		"Upgrade", "websocket",
		"Sec-WebSocket-Version", wire.Version,
		"Sec-WebSocket-Key", shake.key,
		"Sec-WebSocket-Protocol", strings.Join(c.Offer.Subprotocols, ", "),
		"Sec-WebSocket-Extensions", c.Offer.Extensions,
	}
	if err := addAll(headers, fields); err != nil {
		return nil, err
	}
	if shake.extensions, err = wire.ParseExtensions(headers); err != nil {
		return nil, err
	}
	host := c.HostHeader
	if host == "" {
		host = h.authority(c.TLS)
	}
	if err := CheckHostHeader(host); err != nil {
		return nil, err
	}
	line := "GET " + c.Target + " HTTP/1.1\r\nHost: " + host + "\r\n"
	shake.head = make([]byte, 0, len(line)+headers.Size()+len("\r\n"))
	shake.head = append(headers.AppendTo(append(shake.head, line...)), "\r\n"...)
	return shake, nil
}

// forwarded is the client's headers as the host gets them: in their order and
// case, without what is for the next hop only, and with what says where they
// come from.
func (h *Host) forwarded(c *Call) (*wire.Headers, error) {
	q, correlation := c.Request, ""
	if h.def.CorrelationHeader != "" {
		correlation = c.Correlation
	}
	headers := &wire.Headers{}
	headers.Grow(q.Headers.Len() + maxAdded)
	headers.CopyFrom(q.Headers)
	headers.DelHopByHop()
	trace, continued := traceparent(headers)
	headers.DelFunc(func(name string) bool {
		return isOurs(name) || !continued && sameHeader(name, "tracestate") || correlation != "" && sameHeader(name, h.def.CorrelationHeader)
	})
	proto := "http"
	if q.Secure() {
		proto = "https"
	}
	return headers, addAll(headers, []string{
		"X-Forwarded-For", forwardedFor(q),
		"X-Forwarded-Proto", proto,
		"X-Forwarded-Host", forwardedHost(q),
		"traceparent", trace,
		h.def.CorrelationHeader, correlation,
	})
}

// forwardedFor is the client and the trusted proxies behind it. What the client
// itself claimed does not go on.
func forwardedFor(q *engine.Request) string {
	if q.Forwarded == nil {
		return plainAddr(q.Client.Addr())
	}
	hops := []string{plainAddr(q.Client.Addr())}
	for _, proxy := range q.Forwarded.Proxies {
		hops = append(hops, plainAddr(proxy))
	}
	return strings.Join(hops, ", ")
}

func plainAddr(addr netip.Addr) string { return addr.Unmap().WithZone("").String() }

func forwardedHost(q *engine.Request) string {
	if q.Forwarded != nil && q.Forwarded.Host != "" {
		return q.Forwarded.Host
	}
	return q.Host
}

// maxAdded is how many fields the gateway adds to a request.
const maxAdded = 12

// isOurs tells whether a field of a client's is one that the gateway writes itself.
func isOurs(name string) bool {
	for _, own := range ours {
		if sameHeader(name, own) {
			return true
		}
	}
	return false
}

// sameHeader compares headers' names as servers do that take _ for -.
func sameHeader(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if headerByte(a[i]) != headerByte(b[i]) {
			return false
		}
	}
	return true
}

func headerByte(c byte) byte {
	switch {
	case c == '_':
		return '-'
	case c >= 'A' && c <= 'Z':
		return c + 'a' - 'A'
	}
	return c
}

// addAll adds names and values in turn; empty values add nothing.
func addAll(h *wire.Headers, fields []string) error {
	for i := 0; i < len(fields); i += 2 {
		if fields[i+1] == "" {
			continue
		}
		if err := h.Add(fields[i], fields[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// CheckTarget tells why text cannot stand in a request line as path and query:
// it does not begin with /, or holds a byte that must be percent-encoded there
// (RFC 3986 §3.3, RFC 9112 §3.2).
func CheckTarget(target string) error {
	if !strings.HasPrefix(target, "/") {
		return fmt.Errorf("path %q does not begin with /", target)
	}
	for i := range len(target) {
		if c := target[i]; c <= ' ' || c >= 0x7F || c == '#' {
			return fmt.Errorf("path %q: character %d (%#02x) must be percent-encoded", target, i+1, c)
		}
	}
	return nil
}

// CheckHostHeader tells why text cannot be a Host header: it is no name or
// address with an optional port (RFC 9110 §7.2).
func CheckHostHeader(host string) error {
	if len(host) > 261 || strings.Trim(host, "[]:.") == "" {
		return fmt.Errorf("%.60q is no host", host)
	}
	for i := range len(host) {
		if c := host[i]; !isHostName(string(c)) && strings.IndexByte("[]:", c) < 0 {
			return fmt.Errorf("host %.60q: character %d cannot stand there", host, i+1)
		}
	}
	return nil
}

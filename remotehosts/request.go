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
var ours = map[string]bool{
	"host": true, "content-length": true, "expect": true,
	"sec-websocket-key": true, "sec-websocket-version": true, "sec-websocket-protocol": true,
	"sec-websocket-extensions": true, "sec-websocket-accept": true,
	"x-forwarded-for": true, "x-forwarded-proto": true, "x-forwarded-host": true, "forwarded": true,
	"traceparent": true,
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
	shake.head = fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\n", c.Target, host)
	shake.head = append(headers.AppendTo(shake.head), "\r\n"...)
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
	clean := q.Headers.Clone()
	clean.DelHopByHop()
	trace, continued := traceparent(clean)
	headers := &wire.Headers{}
	for name, value := range clean.All() {
		key := headerKey(name)
		if ours[key] || key == "tracestate" && !continued || correlation != "" && key == headerKey(h.def.CorrelationHeader) {
			continue
		}
		if err := headers.Add(name, value); err != nil {
			return nil, err
		}
	}
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
	hops := []string{plainAddr(q.Client.Addr())}
	if q.Forwarded != nil {
		for _, proxy := range q.Forwarded.Proxies {
			hops = append(hops, plainAddr(proxy))
		}
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

// headerKey is a header's name as servers compare them that take _ for -.
func headerKey(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "-")) }

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

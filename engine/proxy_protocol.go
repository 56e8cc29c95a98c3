package engine

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// ProxyProtocol says whether trusted proxies send a header of the PROXY protocol
// before the client's own bytes (haproxy.org, proxy-protocol.txt, versions 1 and 2).
type ProxyProtocol uint8

// Whether there is such a header.
const (
	ProxyOff     ProxyProtocol = iota // none is looked for
	ProxyAccept                       // there may be one
	ProxyRequire                      // who sends none, or is no trusted proxy, is refused
)

// maxProxyHeader bounds the header: what proxies add to the addresses, such as
// details of TLS, is skipped.
const maxProxyHeader = 4096

const (
	proxyV1   = "PROXY "
	proxyV2   = "\r\n\r\n\x00\r\nQUIT\n"
	maxLineV1 = 107 // §2.1: the longest line, with its CRLF
)

// Errors of reading the header.
var (
	errNoProxyHeader   = errors.New("no PROXY header")
	errMoreProxyHeader = errors.New("the PROXY header is not complete")
	errProxyHeader     = errors.New("not a valid PROXY header")
)

// parseProxyHeader reads the header at the beginning of b. It returns how long it
// is, and whom it names: nobody (not valid) where the proxy speaks for itself or
// does not know.
func parseProxyHeader(b []byte) (source netip.AddrPort, n int, err error) {
	switch {
	case hasOrBegins(b, proxyV1):
		return parseProxyV1(b)
	case hasOrBegins(b, proxyV2):
		return parseProxyV2(b)
	}
	return source, 0, errNoProxyHeader
}

// hasOrBegins tells whether b begins with prefix, as far as b goes.
func hasOrBegins(b []byte, prefix string) bool {
	n := min(len(b), len(prefix))
	return string(b[:n]) == prefix[:n]
}

// parseProxyV1 reads PROXY TCP4 192.0.2.7 198.51.100.1 56324 443 CR LF (§2.1).
func parseProxyV1(b []byte) (source netip.AddrPort, n int, err error) {
	end := bytes.Index(b[:min(len(b), maxLineV1)], []byte("\r\n"))
	switch {
	case end < 0 && len(b) < maxLineV1:
		return source, 0, errMoreProxyHeader
	case end < 0:
		return source, 0, fmt.Errorf("%w: its line is longer than %d bytes", errProxyHeader, maxLineV1)
	}
	fields := strings.Split(string(b[:end]), " ")
	if len(fields) >= 2 && fields[1] == "UNKNOWN" {
		return source, end + 2, nil
	}
	if len(fields) != 6 || fields[1] != "TCP4" && fields[1] != "TCP6" {
		return source, 0, fmt.Errorf("%w: %.40q", errProxyHeader, b[:end])
	}
	addr, err := netip.ParseAddr(fields[2])
	if err != nil || addr.Is4() != (fields[1] == "TCP4") || addr.Zone() != "" {
		return source, 0, fmt.Errorf("%w: source address %.40q", errProxyHeader, fields[2])
	}
	port, err := strconv.ParseUint(fields[4], 10, 16)
	if err != nil {
		return source, 0, fmt.Errorf("%w: source port %.10q", errProxyHeader, fields[4])
	}
	return remoteAddr(netip.AddrPortFrom(addr, uint16(port))), end + 2, nil
}

// parseProxyV2 reads the binary header (§2.2): signature, version and command,
// family and protocol, length, addresses.
func parseProxyV2(b []byte) (source netip.AddrPort, n int, err error) {
	const head = len(proxyV2) + 4
	if len(b) < head {
		return source, 0, errMoreProxyHeader
	}
	version, command, family := b[12]>>4, b[12]&0xF, b[13]
	n = head + int(binary.BigEndian.Uint16(b[14:]))
	switch {
	case version != 2 || command > 1:
		return source, 0, fmt.Errorf("%w: version %d, command %d", errProxyHeader, version, command)
	case n > maxProxyHeader:
		return source, 0, fmt.Errorf("%w: %d bytes, more than %d", errProxyHeader, n, maxProxyHeader)
	case len(b) < n:
		return source, 0, errMoreProxyHeader
	case command == 0: // LOCAL: a health check of the proxy's own
		return source, n, nil
	}
	body := b[head:n]
	switch {
	case family == 0x11 && len(body) >= 12: // TCP over IPv4
		addr, _ := netip.AddrFromSlice(body[:4])
		return netip.AddrPortFrom(addr, binary.BigEndian.Uint16(body[8:])), n, nil
	case family == 0x21 && len(body) >= 36: // TCP over IPv6
		addr, _ := netip.AddrFromSlice(body[:16])
		return remoteAddr(netip.AddrPortFrom(addr, binary.BigEndian.Uint16(body[32:]))), n, nil
	case family == 0x11 || family == 0x21:
		return source, 0, fmt.Errorf("%w: %d bytes of addresses", errProxyHeader, len(body))
	}
	return source, n, nil // UNSPEC, UNIX, UDP: no address of a client
}

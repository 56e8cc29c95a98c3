package engine

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"strings"
	"testing"
)

// v2 makes a binary header.
func v2(versionCommand, family byte, body string) string {
	return proxyV2 + string([]byte{versionCommand, family}) + string(binary.BigEndian.AppendUint16(nil, uint16(len(body)))) + body
}

const (
	body4 = "\xC0\x00\x02\x07\xC6\x33\x64\x01\xDC\x04\x01\xBB"
	body6 = "\x20\x01\x0D\xB8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x07\x20\x01\x0D\xB8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\xDC\x04\x01\xBB"
)

func TestParseProxyHeader(t *testing.T) {
	for name, test := range map[string]struct {
		in, source string // no source: not valid
		err        error
	}{
		"v1 over IPv4":          {"PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n", "192.0.2.7:56324", nil},
		"v1 over IPv6":          {"PROXY TCP6 2001:db8::7 2001:db8::1 56324 443\r\n", "[2001:db8::7]:56324", nil},
		"v1 mapped":             {"PROXY TCP6 ::ffff:192.0.2.7 ::1 1 443\r\n", "192.0.2.7:1", nil},
		"v1 unknown":            {"PROXY UNKNOWN\r\n", "", nil},
		"v1 unknown, and more":  {"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", "", nil},
		"v1 wrong family":       {"PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n", "", errProxyHeader},
		"v1 port too large":     {"PROXY TCP4 192.0.2.7 198.51.100.1 65536 443\r\n", "", errProxyHeader},
		"v1 fields missing":     {"PROXY TCP4 192.0.2.7\r\n", "", errProxyHeader},
		"v1 no address":         {"PROXY TCP4 localhost 198.51.100.1 1 443\r\n", "", errProxyHeader},
		"v1 too long":           {"PROXY UNKNOWN " + strings.Repeat("x", 100) + "\r\n", "", errProxyHeader},
		"v2 over IPv4":          {v2(0x21, 0x11, body4), "192.0.2.7:56324", nil},
		"v2 over IPv6":          {v2(0x21, 0x21, body6), "[2001:db8::7]:56324", nil},
		"v2 with details":       {v2(0x21, 0x11, body4+"\x20\x00\x05\x01\x00\x00\x00\x00"), "192.0.2.7:56324", nil},
		"v2 local":              {v2(0x20, 0x00, ""), "", nil},
		"v2 local with address": {v2(0x20, 0x11, body4), "", nil},
		"v2 of a unix socket":   {v2(0x21, 0x31, strings.Repeat("\x00", 216)), "", nil},
		"v2 too short":          {v2(0x21, 0x11, body4[:8]), "", errProxyHeader},
		"v2 too long":           {v2(0x21, 0x11, strings.Repeat("x", maxProxyHeader)), "", errProxyHeader},
		"v2 of version 3":       {v2(0x31, 0x11, body4), "", errProxyHeader},
		"v2 unknown command":    {v2(0x22, 0x11, body4), "", errProxyHeader},
		"a request":             {"GET / HTTP/1.1\r\n", "", errNoProxyHeader},
		"a TLS handshake":       {"\x16\x03\x01\x02\x00", "", errNoProxyHeader},
	} {
		t.Run(name, func(t *testing.T) {
			const behind = "GET /chat"
			source, n, err := parseProxyHeader([]byte(test.in + behind))
			if !errors.Is(err, test.err) || (err == nil && n != len(test.in)) || (test.source != "" && source.String() != test.source) || (test.source == "" && source.IsValid()) {
				t.Fatalf("got %v, %d bytes of %d, %v; want %s, %v", source, n, len(test.in), err, test.source, test.err)
			}
			if err != nil {
				return
			}
			for i := range test.in { // it may come byte for byte
				if _, _, err := parseProxyHeader([]byte(test.in[:i])); !errors.Is(err, errMoreProxyHeader) {
					t.Fatalf("%d bytes of it: %v", i, err)
				}
			}
		})
	}
}

func FuzzParseProxyHeader(f *testing.F) {
	f.Add([]byte("PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n"))
	f.Add([]byte(v2(0x21, 0x11, body4)))
	f.Add([]byte(v2(0x21, 0x21, body6)))
	f.Fuzz(func(t *testing.T, in []byte) {
		source, n, err := parseProxyHeader(in)
		if n > len(in) && !errors.Is(err, errMoreProxyHeader) && err == nil {
			t.Fatalf("%d bytes of %d", n, len(in))
		}
		if err == nil && n == 0 || err != nil && source.IsValid() {
			t.Fatalf("%v, %d, %v", source, n, err)
		}
	})
}

func TestWhoTheClientIs(t *testing.T) {
	p := &Port{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:ffff::/48")}}
	for name, test := range map[string]struct{ peer, forwardedFor, client, proxies string }{
		"nobody trusted":              {"192.0.2.1:5", "192.0.2.7", "192.0.2.1:5", ""},
		"one proxy":                   {"10.0.0.1:5", "192.0.2.7", "192.0.2.7", "10.0.0.1"},
		"two proxies":                 {"10.0.0.1:5", "192.0.2.7, 10.0.0.2", "192.0.2.7", "10.0.0.2 10.0.0.1"},
		"a claim of the client's own": {"10.0.0.1:5", "127.0.0.1, 192.0.2.7", "192.0.2.7", "10.0.0.1"},
		"two headers":                 {"10.0.0.1:5", "127.0.0.1|192.0.2.7,10.0.0.2", "192.0.2.7", "10.0.0.2 10.0.0.1"},
		"with port":                   {"10.0.0.1:5", "192.0.2.7:8080", "192.0.2.7:8080", "10.0.0.1"},
		"IPv6":                        {"10.0.0.1:5", "[2001:db8::7], 2001:db8:ffff::1", "2001:db8::7", "2001:db8:ffff::1 10.0.0.1"},
		"IPv6 with port":              {"10.0.0.1:5", "[2001:db8::7]:80", "[2001:db8::7]:80", "10.0.0.1"},
		"mapped":                      {"10.0.0.1:5", "::ffff:192.0.2.7", "192.0.2.7", "10.0.0.1"},
		"no header":                   {"10.0.0.1:5", "", "10.0.0.1:5", ""},
		"no address":                  {"10.0.0.1:5", "unknown, 10.0.0.2", "10.0.0.2", "10.0.0.1"},
		"all trusted":                 {"10.0.0.1:5", "10.0.0.3, 10.0.0.2", "10.0.0.3", "10.0.0.2 10.0.0.1"},
		"empty elements":              {"10.0.0.1:5", "192.0.2.7,", "10.0.0.1:5", ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := &Headers{}
			for value := range strings.SplitSeq(test.forwardedFor, "|") {
				h.Add("x-forwarded-for", value)
			}
			client, f := p.client(h, netip.MustParseAddrPort(test.peer))
			var proxies []string
			if f != nil {
				for _, addr := range f.Proxies {
					proxies = append(proxies, addr.String())
				}
			}
			if got := clientText(client); got != test.client || strings.Join(proxies, " ") != test.proxies {
				t.Errorf("client %s behind %q, want %s behind %q", got, proxies, test.client, test.proxies)
			}
		})
	}
}

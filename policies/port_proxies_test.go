package policies_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"framegate/engine"
)

// portYAML is a gateway's YAML with lines in its port.
func portYAML(lines string) string {
	out := "ports:\n  public:\n    listen: 127.0.0.1:0\n"
	for line := range strings.SplitSeq(lines, "\n") {
		out += "    " + line + "\n"
	}
	return out + "    websockets: [{path: /chat, onUpgrade: admit}]\n" + admission
}

const upgradeRequest = "GET /chat HTTP/1.1\r\nHost: gate.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"

// dial connects to the port public.
func (g *served) dial(tls bool) net.Conn {
	g.t.Helper()
	conn, err := net.Dial("tcp", g.address(tls))
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	return conn
}

// ask sends bytes and an upgrade request with headers; it returns the status of
// the answer, 0 where the connection ends without one.
func ask(conn net.Conn, before, headers string) int {
	return send(conn, before+upgradeRequest+headers+"\r\n")
}

// send sends a request and returns the status of the answer, 0 for none.
func send(conn net.Conn, request string) int {
	if _, err := io.WriteString(conn, request); err != nil {
		return 0
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0
	}
	return answer.StatusCode
}

// client is who the newest session is with.
func (g *served) client() string {
	g.t.Helper()
	var newest *engine.Info
	eventually(g.t, "there is a session", func() bool {
		if all := g.Sessions().List(); len(all) > 0 {
			newest = &all[len(all)-1]
		}
		return newest != nil
	})
	return newest.Client
}

func TestForwardedForOfTrustedProxies(t *testing.T) {
	g := serve(t, portYAML("trustedProxies: [127.0.0.1, 10.0.0.0/8]\naccess: {default: deny, allow: [192.0.2.0/24]}\nlimits: {perClient: 1}"), nil)
	if status := ask(g.dial(false), "", "X-Forwarded-For: 6.6.6.6, 192.0.2.7, 10.0.0.2\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: chat.example.test\r\nOrigin: https://gate.test\r\n"); status != 101 {
		t.Fatalf("a client behind two proxies got %d", status)
	}
	if got := g.client(); got != "192.0.2.7" {
		t.Errorf("the session is with %s", got)
	}
	reached := g.lastReached()
	for name, want := range map[string]string{"X-Forwarded-For": "192.0.2.7, 10.0.0.2, 127.0.0.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "chat.example.test"} {
		if reached[name] != want {
			t.Errorf("the host is told %s: %q, want %q", name, reached[name], want)
		}
	}
	for name, test := range map[string]struct {
		headers string
		want    int
	}{
		"the same client again":           {"X-Forwarded-For: 192.0.2.7\r\n", 429},
		"another":                         {"X-Forwarded-For: 192.0.2.8\r\n", 101},
		"one that the access list denies": {"X-Forwarded-For: 198.51.100.7\r\n", 403},
		"the proxy itself":                {"", 403},
	} {
		if status := ask(g.dial(false), "", test.headers); status != test.want {
			t.Errorf("%s: %d, want %d", name, status, test.want)
		}
	}
}

func TestForwardedForOfOthersCountsForNothing(t *testing.T) {
	g := serve(t, portYAML("trustedProxies: [10.0.0.0/8]"), nil)
	if status := ask(g.dial(false), "", "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil.test\r\n"); status != 101 {
		t.Fatal(status)
	}
	if got := g.client(); !strings.HasPrefix(got, "127.0.0.1:") {
		t.Errorf("the session is with %s", got)
	}
	if reached := g.lastReached(); reached["X-Forwarded-For"] != "127.0.0.1" || reached["X-Forwarded-Proto"] != "http" || reached["X-Forwarded-Host"] != "gate.test" {
		t.Errorf("the host is told %v", reached)
	}
}

const (
	proxyLine   = "PROXY TCP4 192.0.2.7 127.0.0.1 56324 443\r\n"
	proxyBinary = "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0C\xC0\x00\x02\x07\x7F\x00\x00\x01\xDC\x04\x01\xBB"
	proxyLocal  = "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"
)

func TestProxyProtocol(t *testing.T) {
	for _, test := range []struct {
		mode, trusted, header string
		status                int
		client                string
	}{
		{"require", "127.0.0.1", proxyLine, 101, "192.0.2.7:56324"},
		{"require", "127.0.0.1", proxyBinary, 101, "192.0.2.7:56324"},
		{"require", "127.0.0.1", proxyLocal, 101, "127.0.0.1:"},
		{"require", "127.0.0.1", "", 0, ""},
		{"require", "127.0.0.1", "PROXY nonsense\r\n", 0, ""},
		{"require", "10.0.0.1", proxyLine, 0, ""},
		{"require", "10.0.0.1", "", 0, ""},
		{"accept", "127.0.0.1", proxyLine, 101, "192.0.2.7:56324"},
		{"accept", "127.0.0.1", "", 101, "127.0.0.1:"},
		{"accept", "127.0.0.1", "PROXY nonsense\r\n", 0, ""},
		{"accept", "10.0.0.1", "", 101, "127.0.0.1:"},
		{"accept", "10.0.0.1", proxyLine, 400, ""},
		{"off", "127.0.0.1", proxyLine, 400, ""},
	} {
		t.Run(fmt.Sprintf("%s %s %.12q", test.mode, test.trusted, test.header), func(t *testing.T) {
			g := serve(t, portYAML("trustedProxies: ["+test.trusted+"]\nproxyProtocol: "+test.mode+"\nlimits: {handshake: 2s}"), nil)
			if status := ask(g.dial(false), test.header, ""); status != test.status {
				t.Fatalf("got %d, want %d; log:\n%s", status, test.status, g.log)
			}
			switch {
			case test.status == 101:
				if got := g.client(); !strings.HasPrefix(got, test.client) {
					t.Errorf("the session is with %s", got)
				}
			case test.status == 0 && !strings.Contains(g.log.String(), "proxyProtocol"):
				t.Errorf("the log does not say why:\n%s", g.log)
			}
		})
	}
}

func TestProxyProtocolBeforeTLS(t *testing.T) {
	ca := newAuthority(t, "test authority")
	files := make(map[string]string)
	ca.files(t, files, "a.example.test")
	g := serve(t, portYAML("trustedProxies: [127.0.0.1]\nproxyProtocol: require\naccess: {deny: [198.51.100.0/24]}\nlimits: {perClient: 1}\ntls: {cert: a.example.test.crt, key: a.example.test.key}"), files)
	for _, test := range []struct {
		name, header string
		status       int
	}{
		{"first", proxyBinary, 101},
		{"one too many of the same client", proxyBinary, 0},
		{"denied", strings.Replace(proxyLine, "192.0.2.7", "198.51.100.7", 1), 0},
		{"another", strings.Replace(proxyLine, "192.0.2.7", "192.0.2.8", 1), 101},
	} {
		conn := g.dial(true)
		io.WriteString(conn, test.header)
		secured := tls.Client(conn, &tls.Config{ServerName: "a.example.test", RootCAs: ca.pool()})
		if status := ask(secured, "", ""); status != test.status {
			t.Errorf("%s: %d, want %d", test.name, status, test.status)
		}
	}
	if log := g.log.String(); !strings.Contains(log, "access list") || !strings.Contains(log, "limits.perClient") || !strings.Contains(log, "198.51.100.7") {
		t.Errorf("the log does not say who was refused:\n%s", log)
	}
}

func TestAccessOfAPort(t *testing.T) {
	for access, want := range map[string]int{
		"{}":                                    101,
		"{default: deny}":                       0,
		"{default: deny, allow: [127.0.0.0/8]}": 101,
		"{deny: [127.0.0.1]}":                   0,
		"{deny: [127.0.0.0/8], allow: [127.0.0.1]}": 101,
		"{deny: [127.0.0.1], allow: [127.0.0.1]}":   0,
	} {
		g := serve(t, portYAML("access: "+access), nil)
		if status := ask(g.dial(false), "", ""); status != want {
			t.Errorf("%s: %d, want %d", access, status, want)
		}
	}
}

// A session of a proxied client gives its place back when it ends.
func TestPlacesOfProxiedClientsComeBack(t *testing.T) {
	g := serve(t, portYAML("trustedProxies: [127.0.0.1]\nproxyProtocol: accept\nlimits: {perClient: 1, connections: 2}"), nil)
	for i := range 5 {
		conn := g.dial(false)
		if status := ask(conn, proxyLine, ""); status != 101 {
			t.Fatalf("round %d: %d", i, status)
		}
		conn.Close()
		eventually(t, "the connection has ended", func() bool { return g.Ports()[0].Connections == 0 })
	}
}

func TestForwardedOfTrustedProxies(t *testing.T) {
	g := serve(t, portYAML("trustedProxies: [127.0.0.1, 10.0.0.0/8]\nforwardedHeader: forwarded\naccess: {default: deny, allow: [192.0.2.0/24, '2001:db8::/32']}"), nil)
	if status := ask(g.dial(false), "", "Forwarded: for=6.6.6.6, for=192.0.2.7;proto=http\r\nForwarded: for=10.0.0.2;proto=https;host=chat.example.test\r\nX-Forwarded-For: 6.6.6.6\r\nOrigin: https://gate.test\r\n"); status != 101 {
		t.Fatalf("a client behind two proxies got %d", status)
	}
	if got := g.client(); got != "192.0.2.7" {
		t.Errorf("the session is with %s", got)
	}
	reached := g.lastReached()
	for name, want := range map[string]string{"X-Forwarded-For": "192.0.2.7, 10.0.0.2, 127.0.0.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "chat.example.test", "Forwarded": ""} {
		if reached[name] != want {
			t.Errorf("the host is told %s: %q, want %q", name, reached[name], want)
		}
	}
	for name, test := range map[string]struct {
		headers string
		want    int
	}{
		"an IPv6 client":                           {"Forwarded: for=\"[2001:db8::17]:4711\"\r\n", 101},
		"one that the access list denies":          {"Forwarded: for=198.51.100.7\r\n", 403},
		"a proxy that hides its client":            {"Forwarded: for=_hidden\r\n", 403},
		"what only the other header says":          {"X-Forwarded-For: 192.0.2.7\r\n", 403},
		"what a client claims before what is said": {"Forwarded: for=192.0.2.7\r\nForwarded: for=198.51.100.7\r\n", 403},
	} {
		if status := ask(g.dial(false), "", test.headers); status != test.want {
			t.Errorf("%s: %d, want %d", name, status, test.want)
		}
	}
}

func TestForwardedCountsForNothingUnlessItIsAskedFor(t *testing.T) {
	g := serve(t, portYAML("trustedProxies: [127.0.0.1]\naccess: {default: deny, allow: [192.0.2.0/24]}"), nil)
	if status := ask(g.dial(false), "", "Forwarded: for=192.0.2.7\r\n"); status != 403 {
		t.Errorf("a client that a proxy lets claim its address got %d", status)
	}
}

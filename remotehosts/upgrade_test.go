package remotehosts_test

import (
	"context"
	"io"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/google/go-cmp/cmp"
	"github.com/valyala/fasthttp"

	"framegate/engine"
	"framegate/engine/wire"
	"framegate/remotehosts"
)

// The independent peer: a real WebSocket server accepts the upgrade, and a
// message goes both ways over what comes out of it.
func TestUpgradeAtARealServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	upgrader := websocket.FastHTTPUpgrader{Subprotocols: []string{"chat.v2"}}
	server := &fasthttp.Server{Handler: func(ctx *fasthttp.RequestCtx) {
		upgrader.Upgrade(ctx, func(c *websocket.Conn) {
			kind, p, err := c.ReadMessage()
			if err == nil {
				c.WriteMessage(kind, append([]byte("echo "), p...))
			}
			c.ReadMessage()
		})
	}}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	defer func() {
		l.Close()
		<-served
	}()
	c := call()
	c.Offer.Subprotocols = []string{"chat.v1", "chat.v2"}
	host := declare(t, l.Addr().String(), nil)
	s, err := host.Upgrade(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Release()
	defer s.Conn.Close()
	if s.Subprotocol != "chat.v2" || s.Host != "chat" || s.Address != l.Addr().String() || len(s.Early) > 0 {
		t.Errorf("socket is %+v", s)
	}
	s.Conn.SetDeadline(time.Now().Add(patience))
	io.WriteString(s.Conn, "\x81\x82\x00\x00\x00\x00hi") // masked with zeros
	reply := make([]byte, 9)
	if _, err := io.ReadFull(s.Conn, reply); err != nil || string(reply) != "\x81\x07echo hi" {
		t.Errorf("reply is %q, %v", reply, err)
	}
}

// secrets are the parts of a request that differ every time.
var secrets = regexp.MustCompile(`(Sec-WebSocket-Key: )[A-Za-z0-9+/]{22}==|(traceparent: 00-)[0-9a-f]{32}-[0-9a-f]{16}-01`)

// What the client sent goes on in its order and case; what is for one hop only,
// and what the client says of itself in the gateway's name, does not.
func TestRequestOnTheWire(t *testing.T) {
	b := serve(t, nil, accept)
	c := callWith("Host: gate.test\r\nUser-Agent: curl/8\r\nx-device-ID: 42\r\nX-Forwarded-For: 6.6.6.6\r\nX_Forwarded_For: 6.6.6.6\r\n" +
		"Forwarded: for=6.6.6.6\r\nConnection: X-Mine, keep-alive, X-Forwarded-Proto\r\nX-Mine: gone\r\nconnection: Upgrade\r\nKeep-Alive: timeout=5\r\n" +
		"UPGRADE: websocket\r\nOrigin: https://app.test\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\n" +
		"Sec-WebSocket-Protocol: own\r\nSec-WebSocket-Extensions: permessage-deflate\r\nCookie: a=1\r\nTE: trailers\r\nProxy-Authorization: Basic eA==\r\n" +
		"HTTP2-Settings: x\r\nContent-Length: 0\r\nTransfer-Encoding: identity\r\nExpect: 100-continue\r\ncookie: b=2\r\ntracestate: v=1\r\ntraceparent: nonsense\r\n")
	c.Target = "/rooms/a%20b?x=1&y=%2F"
	c.Offer = engine.Offer{Subprotocols: []string{"chat.v1", "chat.v2"}, Extensions: "permessage-deflate; client_max_window_bits"}
	s, err := declare(t, b.address, nil).Upgrade(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	s.Conn.Close()
	s.Release()
	head := <-b.heads
	if strings.Contains(head, "x3JJHMbDL1EzLkh9GBhXDw==") {
		t.Error("the client's key went to the host")
	}
	want := strings.ReplaceAll(`GET /rooms/a%20b?x=1&y=%2F HTTP/1.1
Host: `+b.address+`
User-Agent: curl/8
x-device-ID: 42
Origin: https://app.test
Cookie: a=1
cookie: b=2
X-Forwarded-For: 192.0.2.7
X-Forwarded-Proto: http
X-Forwarded-Host: gate.test
traceparent: 00-
Connection: Upgrade
Upgrade: websocket
Sec-WebSocket-Version: 13
Sec-WebSocket-Key: 
Sec-WebSocket-Protocol: chat.v1, chat.v2
Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits

`, "\n", "\r\n")
	if diff := cmp.Diff(want, secrets.ReplaceAllString(head, "$1$2")); diff != "" {
		t.Error(diff)
	}
}

func TestTraceparent(t *testing.T) {
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	const mine = "00-" + trace + "-[0-9a-f]{16}-"
	const other = "00-[0-9a-f]{32}-[0-9a-f]{16}-01"
	for _, test := range []struct{ name, sent, want string }{
		{"none", "", other},
		{"sampled", "00-" + trace + "-00f067aa0ba902b7-01", mine + "01"},
		{"not sampled", "00-" + trace + "-00f067aa0ba902b7-00", mine + "00"},
		{"unknown flags", "00-" + trace + "-00f067aa0ba902b7-ff", mine + "01"},
		{"later version", "cc-" + trace + "-00f067aa0ba902b7-01-more", mine + "01"},
		{"version 00 with more", "00-" + trace + "-00f067aa0ba902b7-01-more", other},
		{"version ff", "ff-" + trace + "-00f067aa0ba902b7-01", other},
		{"upper case", "00-" + strings.ToUpper(trace) + "-00f067aa0ba902b7-01", other},
		{"zero trace", "00-" + strings.Repeat("0", 32) + "-00f067aa0ba902b7-01", other},
		{"zero span", "00-" + trace + "-0000000000000000-01", other},
		{"short", "00-" + trace + "-00f067aa0ba902b7", other},
		{"wrong dashes", "00_" + trace + "_00f067aa0ba902b7_01", other},
		{"two of them", "00-" + trace + "-00f067aa0ba902b7-01\r\nTraceparent: 00-" + trace + "-00f067aa0ba902b7-01", other},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := serve(t, nil, accept)
			block := "tracestate: vendor=1\r\n"
			if test.sent != "" {
				block += "traceparent: " + test.sent + "\r\n"
			}
			s, err := declare(t, b.address, nil).Upgrade(t.Context(), callWith(block))
			if err != nil {
				t.Fatal(err)
			}
			s.Conn.Close()
			head := <-b.heads
			got := header(head, "traceparent")
			if !regexp.MustCompile("^"+test.want+"$").MatchString(got) || strings.Contains(got, "00f067aa0ba902b7") {
				t.Errorf("traceparent is %q, want %s with a span of its own", got, test.want)
			}
			if continued, has := strings.Contains(got, trace), strings.Contains(head, "tracestate"); continued != has {
				t.Errorf("trace continued: %t, tracestate sent: %t", continued, has)
			}
		})
	}
}

// Nothing that a policy puts into a call can add a line to the request.
func TestNoInjection(t *testing.T) {
	b := serve(t, nil, accept)
	for name, change := range map[string]func(*remotehosts.Call){
		"line in the target":     func(c *remotehosts.Call) { c.Target = "/x HTTP/1.1\r\nX-Evil: 1" },
		"space in the target":    func(c *remotehosts.Call) { c.Target = "/a b" },
		"NUL in the target":      func(c *remotehosts.Call) { c.Target = "/a\x00" },
		"absolute target":        func(c *remotehosts.Call) { c.Target = "http://evil.test/" },
		"line in a subprotocol":  func(c *remotehosts.Call) { c.Offer.Subprotocols = []string{"a\r\nX-Evil: 1"} },
		"line in the extensions": func(c *remotehosts.Call) { c.Offer.Extensions = "a\r\nX-Evil: 1" },
		"line in the host":       func(c *remotehosts.Call) { c.Request.Host = "a\r\nX-Evil: 1" },
	} {
		t.Run(name, func(t *testing.T) {
			c := call()
			change(c)
			s, err := declare(t, b.address, nil).Upgrade(t.Context(), c)
			if err == nil {
				s.Conn.Close()
				t.Errorf("sent:\n%s", <-b.heads)
			}
		})
	}
	if len(b.heads) > 0 {
		t.Errorf("a request went out:\n%s", <-b.heads)
	}
	h := &wire.Headers{}
	if err := h.Add("X-A", "1\r\nX-Evil: 1"); err == nil {
		t.Error("a header value with a line break was taken")
	}
}

// Wire frames in the same segment as the 101 are the session's first.
func TestEarlyFramesAfterInterimAnswers(t *testing.T) {
	frames := "\x81\x05hello\x81\x05again"
	b := serve(t, nil, func(c net.Conn, head string) {
		io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"+
			switching(head, "set-cookie: A=1\r\n", "Set-Cookie: B=2\r\n", "Sec-WebSocket-Extensions: permessage-deflate\r\n")+frames)
		io.Copy(io.Discard, c)
	})
	c := call()
	c.Offer.Extensions = "permessage-deflate"
	s, err := declare(t, b.address, nil).Upgrade(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Conn.Close()
	if string(s.Early) != frames || s.Extensions != "permessage-deflate" {
		t.Errorf("early %q, extensions %q", s.Early, s.Extensions)
	}
	if block := string(s.Headers.AppendTo(nil)); !strings.Contains(block, "set-cookie: A=1\r\nSet-Cookie: B=2\r\n") {
		t.Errorf("headers of the 101:\n%s", block)
	}
}

// The deadline of the handshake ends with it.
func TestSocketHasNoDeadline(t *testing.T) {
	proceed := make(chan struct{})
	b := serve(t, nil, func(c net.Conn, head string) {
		io.WriteString(c, switching(head))
		<-proceed
		io.WriteString(c, "\x81\x01x")
		io.Copy(io.Discard, c)
	})
	const active = 50 * time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	s, err := declare(t, b.address, func(d *remotehosts.Definition) { d.ActiveTimeout = active }).Upgrade(ctx, call())
	if err != nil {
		t.Skipf("the machine is too slow for a handshake in %s: %v", active, err)
	}
	defer s.Conn.Close()
	cancel()
	time.AfterFunc(2*active, func() { close(proceed) })
	p := make([]byte, 3)
	if _, err := io.ReadFull(s.Conn, p); err != nil {
		t.Errorf("read after the active timeout and the end of the upgrade: %v", err)
	}
}

func TestStandInIsDialledInstead(t *testing.T) {
	b := serve(t, nil, accept)
	host := declare(t, "192.0.2.1:443", func(d *remotehosts.Definition) { d.StandIn = b.address })
	c := call()
	c.TLS = true
	s, err := host.Upgrade(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	s.Conn.Close()
	if got := header(<-b.heads, "Host"); got != "192.0.2.1" || s.Address != b.address {
		t.Errorf("Host is %q, address %s", got, s.Address)
	}
}

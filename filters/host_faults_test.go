package filters_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"framegate/engine"
)

// misbehave starts a host that does something to the first connection, and tells
// when the gateway has ended it. With nothing to do it does not listen.
func misbehave(t *testing.T, do func(conn *net.TCPConn)) (port string, ended chan struct{}) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	ended = make(chan struct{})
	_, port, _ = net.SplitHostPort(l.Addr().String())
	if do == nil {
		l.Close()
	}
	go func() {
		defer close(ended)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		do(conn.(*net.TCPConn))
		io.Copy(io.Discard, conn)
	}()
	return port, ended
}

// Whatever a host does at whatever stage of its handshake, the client gets an
// answer, the record says why, and the connection to the host is closed.
func TestFaultsOfTheHostAtEveryStageOfItsHandshake(t *testing.T) {
	certificate := httptest.NewTLSServer(nil)
	defer certificate.Close()
	say := func(text string) func(net.Conn) { return func(c net.Conn) { io.WriteString(c, text) } }
	firstBytes := func(c *net.TCPConn) { c.Read(make([]byte, 1)) }
	fin := func(c *net.TCPConn) { c.CloseWrite() }
	rst := func(c *net.TCPConn) { c.SetLinger(0); c.Close() }
	overTLS := func(then func(net.Conn)) func(*net.TCPConn) {
		return func(c *net.TCPConn) {
			secured := tls.Server(c, &tls.Config{Certificates: certificate.TLS.Certificates})
			secured.Read(make([]byte, 1000))
			then(secured)
		}
	}
	plain := func(then func(net.Conn)) func(*net.TCPConn) {
		return func(c *net.TCPConn) { c.Read(make([]byte, 1000)); then(c) }
	}
	under := func(do func(*net.TCPConn)) func(net.Conn) {
		return func(c net.Conn) {
			if secured, ok := c.(*tls.Conn); ok {
				c = secured.NetConn()
			}
			do(c.(*net.TCPConn))
		}
	}
	type fault struct {
		name   string
		scheme string
		do     func(*net.TCPConn)
		status int
		why    string
	}
	cases := []fault{
		{"nobody listens", "ws", nil, 502, "connection refused"},
		{"TLS: stall", "wss", func(*net.TCPConn) {}, 504, "the TLS handshake took longer than 500ms"},
		{"TLS: stall in its first record", "wss", func(c *net.TCPConn) { firstBytes(c); c.Write([]byte{22, 3, 3, 0, 100, 2}) }, 504, "the TLS handshake took longer than 500ms"},
		{"TLS: half-close", "wss", func(c *net.TCPConn) { firstBytes(c); fin(c) }, 502, "closed the connection during the TLS handshake"},
		{"TLS: RST", "wss", func(c *net.TCPConn) { firstBytes(c); rst(c) }, 502, "during the TLS handshake"},
		{"TLS: garbage", "wss", func(c *net.TCPConn) { firstBytes(c); c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")) }, 502, "does not speak TLS"},
	}
	for scheme, stage := range map[string]func(func(net.Conn)) func(*net.TCPConn){"ws": plain, "wss": overTLS} {
		half := "HTTP/1.1 101 Switching Protocols\r\nUpgr"
		cases = append(cases, []fault{
			{"answer: stall", scheme, stage(func(net.Conn) {}), 504, "the answer took longer than 700ms"},
			{"answer: stall inside it", scheme, stage(say(half)), 504, "the answer took longer than 700ms"},
			{"answer: half-close", scheme, stage(under(fin)), 502, "closed the connection during the answer"},
			{"answer: half-close inside it", scheme, stage(func(c net.Conn) { say(half)(c); under(fin)(c) }), 502, "closed the connection during the answer"},
			{"answer: RST", scheme, stage(under(rst)), 502, "the answer"},
			{"answer: garbage", scheme, stage(say("\x00\x01 nonsense\r\n\r\n")), 502, "HTTP"},
			{"answer: a wrong accept", scheme, stage(say("HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n")), 502, "Sec-WebSocket-Accept"},
		}...)
	}
	for _, c := range cases {
		t.Run(c.scheme+"/"+c.name, func(t *testing.T) {
			port, ended := misbehave(t, c.do)
			g := start(t, "onUpgrade: admit", fmt.Sprintf(`
remoteHosts:
  odd: {host: 127.0.0.1, port: %s, connectTimeout: 500ms, activeTimeout: 700ms, retries: 0, tls: {trustAll: true}}
policies:
  admit: {filters: [{type: connect-to-url, url: '%s://odd/'}]}
`, port, c.scheme))
			g.refuses(c.status, "/chat")
			for _, r := range recorded(g) {
				if r.Kind == engine.UpgradeRecord && (r.Outcome != "refused" || r.Status != c.status || !strings.Contains(r.Reason, c.why)) {
					t.Errorf("recorded as %s with %d: %s; want %q", r.Outcome, r.Status, r.Reason, c.why)
				}
			}
			select {
			case <-ended:
			case <-time.After(15 * time.Second):
				t.Error("the connection to the host stays open")
			}
			if g.Sessions().Len() != 0 {
				t.Error("a session is left")
			}
		})
	}
}

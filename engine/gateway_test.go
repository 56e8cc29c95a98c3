package engine

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/valyala/fasthttp"

	"framegate/engine/wire"
)

// dial is the test's own connect-to-url: it upgrades to an address.
type dial struct{ address string }

func (d dial) Run(m *Message) (bool, error) {
	conn, err := net.Dial("tcp", d.address)
	if err != nil {
		m.Fail(502, "dial: %v", err)
		return false, nil
	}
	return d.upgrade(m, conn)
}

func (d dial) upgrade(m *Message, conn net.Conn) (bool, error) {
	key := wire.NewKey()
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n", m.Request.URI, d.address, key)
	if len(m.Offer.Subprotocols) > 0 {
		fmt.Fprintf(conn, "Sec-WebSocket-Protocol: %s\r\n", strings.Join(m.Offer.Subprotocols, ", "))
	}
	if m.Offer.Extensions != "" {
		fmt.Fprintf(conn, "Sec-WebSocket-Extensions: %s\r\n", m.Offer.Extensions)
	}
	fmt.Fprint(conn, "\r\n")
	br := bufio.NewReader(conn)
	answer, err := http.ReadResponse(br, nil)
	if err != nil || answer.StatusCode != 101 {
		conn.Close()
		m.Fail(502, "host answered %v %v", answer, err)
		return false, nil
	}
	early, _ := br.Peek(br.Buffered())
	socket := &Socket{Conn: conn, Early: append([]byte(nil), early...), Host: d.address, Subprotocol: answer.Header.Get("Sec-WebSocket-Protocol")}
	m.Connect(socket)
	socket.Headers = &Headers{}
	for _, line := range answer.Header["Sec-Websocket-Extensions"] {
		socket.Headers.Add("Sec-WebSocket-Extensions", line)
	}
	if m.Offer.Deflate == nil {
		socket.Extensions = answer.Header.Get("Sec-WebSocket-Extensions")
		return true, nil
	}
	accepted, err := wire.ParseExtensions(socket.Headers)
	if err != nil {
		return false, err
	}
	agreed, ok, err := wire.AgreedDeflate(accepted, *m.Offer.Deflate)
	if ok {
		socket.Deflate = &agreed
	}
	return true, err
}

// filterFunc makes a filter of a function.
type filterFunc func(m *Message) (bool, error)

func (f filterFunc) Run(m *Message) (bool, error) { return f(m) }

// policyOf makes a policy of filters in a row.
func policyOf(name string, filters ...Filter) *Policy {
	p := &Policy{Name: name, Fault: -1}
	for i, f := range filters {
		p.Nodes = append(p.Nodes, Node{Name: fmt.Sprintf("f%d", i), Type: "test", Filter: f, Success: i + 1, Failure: EndFail})
	}
	p.Nodes[len(filters)-1].Success = EndPass
	return p
}

// echoHost is a remote host that echoes, and counts its open connections.
type echoHost struct {
	address string
	open    atomic.Int32
}

func newEchoHost(t *testing.T) *echoHost {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &echoHost{address: ln.Addr().String()}
	upgrader := websocket.FastHTTPUpgrader{CheckOrigin: func(*fasthttp.RequestCtx) bool { return true }}
	server := &fasthttp.Server{Handler: func(ctx *fasthttp.RequestCtx) {
		upgrader.Upgrade(ctx, func(c *websocket.Conn) {
			h.open.Add(1)
			defer h.open.Add(-1)
			for {
				op, p, err := c.ReadMessage()
				if err != nil {
					return
				}
				if err := c.WriteMessage(op, p); err != nil {
					return
				}
			}
		})
	}}
	done := make(chan struct{})
	go func() { // not server.Serve, whose pool of workers ends 10 s after it
		defer close(done)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go server.ServeConn(conn)
		}
	}()
	t.Cleanup(func() {
		ln.Close()
		<-done
	})
	return h
}

// running is a gateway under test with one port and one websocket.
type running struct {
	*Gateway
	t       *testing.T
	address string
	next    *Snapshot
	closes  int // that gone has seen
}

func snapshotOf(websockets ...*Websocket) *Snapshot {
	p := &Port{Name: "public", Listen: []string{"127.0.0.1:0"}, Limits: PortLimits{Header: 16 << 10, URI: 8 << 10, Handshake: 5 * time.Second}}
	for _, w := range websockets {
		w.Port = "public"
		if w.OnFail == (FrameFault{}) {
			w.OnFail, w.OnAbort = FrameFault{Verdict: Close, Code: 1008}, FrameFault{Verdict: Close, Code: 1011}
		}
		p.Websockets = append(p.Websockets, w)
	}
	return &Snapshot{Ports: map[string]*Port{"public": p}}
}

func start(t *testing.T, s *Snapshot) *running {
	t.Helper()
	return startGateway(t, s, func(*Gateway) {})
}

// startGateway starts a gateway that set has had before.
func startGateway(t *testing.T, s *Snapshot, set func(*Gateway)) *running {
	t.Helper()
	r := &running{t: t, next: s}
	r.Gateway = New(slog.New(slog.NewTextHandler(t.Output(), nil)), func(ctx context.Context, old *Snapshot) (*Snapshot, []Problem) {
		return r.next, nil
	})
	set(r.Gateway)
	if problems, err := r.Start(context.Background()); err != nil {
		t.Fatal(err, problems)
	}
	r.address = r.Addresses()["public"][0]
	for _, p := range s.Ports {
		p.Listen = []string{"127.0.0.1:0"}
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := r.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
	return r
}

func (r *running) dial(path string) *websocket.Conn {
	r.t.Helper()
	c, answer, err := websocket.DefaultDialer.Dial("ws://"+r.address+path, nil)
	if err != nil {
		r.t.Fatalf("dial: %v %v", err, answer)
	}
	r.t.Cleanup(func() { c.Close() })
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	return c
}

func echo(t *testing.T, c *websocket.Conn, op int, text string) {
	t.Helper()
	if err := c.WriteMessage(op, []byte(text)); err != nil {
		t.Fatal(err)
	}
	got, p, err := c.ReadMessage()
	if err != nil || got != op || string(p) != text {
		t.Fatalf("sent %d %.40q, got %d %.40q, %v", op, text, got, p, err)
	}
}

func modes(t *testing.T, f func(t *testing.T, w *Websocket)) {
	t.Run("raw", func(t *testing.T) { f(t, &Websocket{Path: "/"}) })
	t.Run("message", func(t *testing.T) { f(t, &Websocket{Path: "/", MessageMode: true}) })
}

func TestMessagesGoThroughBothWays(t *testing.T) {
	modes(t, func(t *testing.T, w *Websocket) {
		host := newEchoHost(t)
		w.Upgrade = policyOf("admit", dial{host.address})
		r := start(t, snapshotOf(w))
		c := r.dial("/chat")
		echo(t, c, websocket.TextMessage, "hello")
		echo(t, c, websocket.BinaryMessage, strings.Repeat("x", 200_000))
		echo(t, c, websocket.TextMessage, "")
		c.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(4001, "bye"))
		_, _, err := c.ReadMessage()
		if !websocket.IsCloseError(err, 4001) {
			t.Fatalf("the close came back as %v", err)
		}
	})
}

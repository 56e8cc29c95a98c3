package main

import (
	"encoding/json"
	"io"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"framegate/engine/wire"

	"github.com/fasthttp/websocket"
)

// dialEcho connects to a back end with the client of the other library.
func dialEcho(t *testing.T, url string, subprotocols ...string) *websocket.Conn {
	t.Helper()
	var to target
	if err := to.UnmarshalText([]byte(url)); err != nil {
		t.Fatal(err)
	}
	c, err := upgrade(t.Context(), to, nil, subprotocols, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetReadDeadline(time.Now().Add(20 * time.Second))
	return c
}

func say(t *testing.T, c *websocket.Conn, op int, text string) {
	t.Helper()
	if err := c.WriteMessage(op, []byte(text)); err != nil {
		t.Fatalf("sending %q: %v", text, err)
	}
}

func hear(t *testing.T, c *websocket.Conn, op int, want string) {
	t.Helper()
	got, p, err := c.ReadMessage()
	if err != nil || got != op || string(p) != want {
		t.Fatalf("received %d %q, %v; want %d %q", got, p, err, op, want)
	}
}

func hearClose(t *testing.T, c *websocket.Conn, code int, reason string) {
	t.Helper()
	for {
		_, _, err := c.ReadMessage()
		if err == nil {
			continue
		}
		end, ok := err.(*websocket.CloseError)
		if !ok || end.Code != code || end.Text != reason {
			t.Fatalf("ended with %v, want close %d %q", err, code, reason)
		}
		return
	}
}

func TestEchoModes(t *testing.T) {
	url := startEcho(t)
	t.Run("echo", func(t *testing.T) {
		c := dialEcho(t, url+"/any/path")
		for _, m := range []string{"", "short", strings.Repeat("x", 126), strings.Repeat("y", 70_000), strings.Repeat("z", 3<<20)} {
			say(t, c, websocket.TextMessage, m)
			hear(t, c, websocket.TextMessage, m)
			say(t, c, websocket.BinaryMessage, m+"\xff")
			hear(t, c, websocket.BinaryMessage, m+"\xff")
		}
	})
	t.Run("upper", func(t *testing.T) {
		c := dialEcho(t, url+"/rooms/upper")
		say(t, c, websocket.TextMessage, "grün")
		hear(t, c, websocket.TextMessage, "GRÜN")
		say(t, c, websocket.BinaryMessage, "as is")
		hear(t, c, websocket.BinaryMessage, "as is")
	})
	t.Run("tick", func(t *testing.T) {
		c := dialEcho(t, url+"/?mode=tick&every=1ms")
		say(t, c, websocket.TextMessage, "ignored")
		hear(t, c, websocket.TextMessage, "tick 1")
		hear(t, c, websocket.TextMessage, "tick 2")
	})
	t.Run("slow", func(t *testing.T) {
		c := dialEcho(t, url+"/slow?delay=30ms")
		begin := time.Now()
		say(t, c, websocket.TextMessage, "a")
		say(t, c, websocket.TextMessage, "b")
		hear(t, c, websocket.TextMessage, "a")
		hear(t, c, websocket.TextMessage, "b")
		if took := time.Since(begin); took < 60*time.Millisecond {
			t.Errorf("two answers came after %v, want 60ms at least", took)
		}
	})
	t.Run("close-after", func(t *testing.T) {
		c := dialEcho(t, url+"/close-after?after=2&code=4001&reason=enough")
		for _, m := range []string{"one", "two"} {
			say(t, c, websocket.TextMessage, m)
			hear(t, c, websocket.TextMessage, m)
		}
		hearClose(t, c, 4001, "enough")
	})
	t.Run("close-after at once", func(t *testing.T) {
		hearClose(t, dialEcho(t, url+"/close-after?after=0"), 1000, "")
	})
	t.Run("the query goes before the path", func(t *testing.T) {
		c := dialEcho(t, url+"/upper?mode=echo")
		say(t, c, websocket.TextMessage, "small")
		hear(t, c, websocket.TextMessage, "small")
	})
}

func TestEchoHello(t *testing.T) {
	c := dialEcho(t, startEcho(t)+"/rooms/7?hello=true", "chat.v2", "chat.v1")
	if got := c.Subprotocol(); got != "chat.v2" {
		t.Errorf("subprotocol %q, want the first one offered", got)
	}
	_, p, err := c.ReadMessage()
	if err != nil {
		t.Fatal(err)
	}
	var hello struct {
		Client, Request string
		Headers         []string
	}
	if err := json.Unmarshal(p, &hello); err != nil {
		t.Fatalf("%s: %v", p, err)
	}
	if hello.Client != c.LocalAddr().String() || hello.Request != "GET /rooms/7?hello=true HTTP/1.1" || !slices.Contains(hello.Headers, "Sec-WebSocket-Protocol: chat.v2, chat.v1") {
		t.Errorf("hello: %s", p)
	}
	say(t, c, websocket.TextMessage, "then as ever")
	hear(t, c, websocket.TextMessage, "then as ever")
}

func TestEchoRefusesWhatItCannotDo(t *testing.T) {
	tests := []struct{ query, errs string }{
		{"?mode=loud", "400 Bad Request"},
		{"?mode=tick&every=soon", `query parameter every: time: invalid duration "soon"`},
		{"?every=0s", "every must be at least 1ms"},
		{"?code=99999", "query parameter code"},
		{"?code=1006", "close code 1006 must not be sent"},
		{"?after=-1", "cannot be negative"},
		{"?mode=refuse&status=101", "status must be 200 to 599"},
		{"?reason=" + strings.Repeat("x", 124), "at most 123 bytes"},
	}
	url := startEcho(t)
	for _, test := range tests {
		code, _, errs := framegate(t, "", "connect", url+"/"+test.query)
		if code != exitFailed || !strings.Contains(errs, test.errs) {
			t.Errorf("%s: exit code %d, standard error should hold %q:\n%s", test.query, code, test.errs, errs)
		}
	}
}

// rawEcho opens a connection to mode echo for bytes of the test's own making.
func rawEcho(t *testing.T, address string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	var to target
	if err := to.UnmarshalText([]byte("ws://" + address + "/")); err != nil {
		t.Fatal(err)
	}
	if _, err := shake(c, to, nil, nil); err != nil {
		t.Fatal(err)
	}
	return c
}

// clientFrame is a frame as a client sends it.
func clientFrame(fin bool, op wire.Op, payload string) []byte {
	return wire.AppendFrame(nil, wire.Header{Fin: fin, Op: op, Masked: true, Key: [4]byte{1, 2, 3, 4}}, []byte(payload))
}

func expect(t *testing.T, c net.Conn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(c, got); err != nil || string(got) != want {
		t.Fatalf("received %q, %v; want %q", got[:n], err, want)
	}
}

func TestEchoSpeaksTheProtocol(t *testing.T) {
	address := strings.TrimPrefix(startEcho(t), "ws://")
	join := func(frames ...[]byte) []byte { return slices.Concat(frames...) }
	tests := []struct {
		name string
		send []byte
		want string
	}{
		{"fragments with a ping between them", join(clientFrame(false, wire.Text, "a"), clientFrame(true, wire.Ping, "p"), clientFrame(true, wire.Continuation, "b"), clientFrame(true, wire.Close, "")),
			serverFrame(wire.Pong, "p") + serverFrame(wire.Text, "ab") + serverFrame(wire.Close, "")},
		{"a close comes back", clientFrame(true, wire.Close, closePayload(4000, "why")), serverFrame(wire.Close, closePayload(4000, "why"))},
		{"answers before a violation are not lost", join(clientFrame(true, wire.Text, "good"), []byte{0x81, 0x01, 'x'}),
			serverFrame(wire.Text, "good") + serverFrame(wire.Close, closePayload(1002, "client frame without mask"))},
		{"text that is not UTF-8", clientFrame(true, wire.Text, "\xff"), serverFrame(wire.Close, closePayload(1007, "text message is not UTF-8"))},
		{"a message that is too big", wire.AppendHeader(nil, wire.Header{Fin: true, Op: wire.Binary, Masked: true, Length: echoMaxMessage + 1}), serverFrame(wire.Close, closePayload(1009, "message too big"))},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := rawEcho(t, address)
			if _, err := c.Write(test.send); err != nil {
				t.Fatal(err)
			}
			expect(t, c, test.want)
			c.(*net.TCPConn).CloseWrite()
			if rest, err := io.ReadAll(c); err != nil || len(rest) > 0 {
				t.Errorf("then came %q, %v; want the end", rest, err)
			}
		})
	}
}

// countedListener counts the writes to its connections.
type countedListener struct {
	net.Listener
	writes atomic.Int64
}

type countedConn struct {
	net.Conn
	writes *atomic.Int64
}

func (l *countedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return countedConn{c, &l.writes}, nil
}

func (c countedConn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

func TestEchoAnswersABurstInOneWrite(t *testing.T) {
	s, l, err := newEcho()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	l.Close()
	if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	counted := &countedListener{Listener: l}
	s.Start(counted)
	c := rawEcho(t, l.Addr().String())
	upgrade := counted.writes.Load()
	const messages = 100
	c.Write(slices.Repeat(clientFrame(true, wire.Text, "burst"), messages))
	expect(t, c, strings.Repeat(serverFrame(wire.Text, "burst"), messages))
	if writes := counted.writes.Load() - upgrade; writes > 3 {
		t.Errorf("%d writes for %d messages that came at once", writes, messages)
	}
	c.Close()
}

// repeated is a connection on which the same bytes come again and again; what is written is thrown away.
type repeated struct {
	net.Conn
	bytes []byte
}

func (r repeated) Read(p []byte) (int, error)  { return copy(p, r.bytes), nil }
func (r repeated) Write(p []byte) (int, error) { return len(p), nil }

func TestEchoAllocatesNothingPerMessage(t *testing.T) {
	e := echoConn{Conn: repeated{bytes: slices.Repeat(clientFrame(true, wire.Text, "message"), 10)}, in: make([]byte, 4<<10)}
	e.reader.CheckUTF8 = true
	allocs := testing.AllocsPerRun(100, func() { e.read(); e.flush() })
	if e.err != nil || allocs != 0 {
		t.Errorf("%v allocations for 10 messages, error %v", allocs, e.err)
	}
}

func TestEchoTellsEveryoneThatItCloses(t *testing.T) {
	s, l, err := newEcho()
	if err != nil {
		t.Fatal(err)
	}
	url := "ws://" + l.Addr().String()
	var conns []*websocket.Conn
	for _, path := range []string{"/?", "/upper?", "/tick?every=1ms", "/slow?delay=1h", "/close-after?after=9"} {
		c := dialEcho(t, url+path+"&hello=1")
		if _, _, err := c.ReadMessage(); err != nil { // now it is certain that the server holds the connection
			t.Fatal(err)
		}
		say(t, c, websocket.TextMessage, "hello")
		conns = append(conns, c)
	}
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	for _, c := range conns {
		hearClose(t, c, 1001, "")
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if c, err := net.Dial("tcp", l.Addr().String()); err == nil {
		c.Close()
		t.Error("somebody still listens")
	}
}

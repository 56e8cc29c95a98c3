package filters_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fasthttp/websocket"

	"framegate/engine/wire"
)

const firstMessagePolicies = `
      - {path: /token, onUpgrade: token, onClientFrame: client}
      - {path: /raw, onUpgrade: raw}
      - {path: /short, onUpgrade: short, onClientFrame: client}
      - {path: /small, onUpgrade: raw, onClientFrame: client, limits: {message: 10B}}
      - {path: /refused, onUpgrade: refused}
      - {path: /called, onUpgrade: called, onClientFrame: client}
      - {path: /proto, onUpgrade: raw, subprotocols: [v2, v1]}
      - {path: /answers, onUpgrade: answers}
policies:
  route:
    filters:
      - {type: first-message, attribute: hello}
      - type: switch
        value: '${content.body}'
        cases: [{with: gone, policy: gone}, {with: refuse, policy: refuse}, {with: abort, policy: abort}]
        default: pass
      - {type: connect-to-url, url: 'ws://HOST/rooms/${content.body}'}
  gone: {filters: [{type: connect-to-url, url: ws://127.0.0.1:1/}]}
  refuse: {filters: [{type: false-filter}]}
  abort: {filters: [{type: abort}]}
  client: {filters: [{type: set-message, body: '${content.body} after ${websock.context.hello ?: "-"} (${websock.frame.seq})'}]}
  token:
    filters:
      - {type: first-message, consume: true, attribute: hello}
      - {type: compare-attribute, rules: [{value: '${content.body}', op: starts-with, with: 'token '}]}
      - {type: connect-to-url, url: ws://HOST/}
  raw: {filters: [{type: first-message}, {type: connect-to-url, url: ws://HOST/}]}
  short: {filters: [{type: first-message, timeout: 30ms}, {type: connect-to-url, url: ws://HOST/}]}
  refused: {filters: [{type: http-status, status: 451}]}
  called: {filters: [{type: policy, policy: only-message}, {type: connect-to-url, url: ws://HOST/}]}
  only-message: {filters: [{type: first-message}]}
  answers:
    filters:
      - {type: compare-attribute, rules: [{value: '${params.query.early ?: "no"}', with: 'no'}], failure: refuse}
      - {type: first-message}
      - {type: connect-to-url, url: ws://HOST/}
      - {name: refuse, type: json-error, status: 409}
`

func TestAnUpgradeIsDecidedByTheFirstMessage(t *testing.T) {
	g := start(t, "onUpgrade: route\nonClientFrame: client", firstMessagePolicies)
	c := g.open("/chat")
	if len(g.reached) > 0 {
		t.Fatal("the host was reached before the first message")
	}
	says(t, c, "blue", "blue after blue (1)")
	says(t, c, "more", "more after blue (2)")
	if head := <-g.reached; !strings.HasPrefix(head, "/rooms/blue\n") {
		t.Errorf("the host got %s", head)
	}
	for text, code := range map[string]int{"refuse": 1008, "abort": 1011} {
		closes(t, g.open("/chat"), text, code, "")
	}
	lost := g.open("/chat")
	if err := lost.WriteMessage(websocket.TextMessage, []byte("gone")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := lost.ReadMessage(); err == nil || !strings.Contains(err.Error(), "1014") {
		t.Errorf("no host: %v", err)
	}

	token := g.open("/token")
	if err := token.WriteMessage(websocket.TextMessage, []byte("token abc")); err != nil {
		t.Fatal(err)
	}
	says(t, token, "hello", "hello after token abc (1)") // the token went nowhere
	closes(t, g.open("/token"), "no token", 1008, "")
	says(t, g.open("/called"), "x", "x after - (1)")
}

func TestTheFirstMessageGoesOnAsItCame(t *testing.T) {
	g := start(t, "onUpgrade: route", firstMessagePolicies)
	c := g.open("/raw")
	pong := make(chan string, 1)
	c.SetPongHandler(func(text string) error { pong <- text; return nil })
	if err := c.WriteControl(websocket.PingMessage, []byte("there?"), time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	w, err := c.NextWriter(websocket.BinaryMessage) // in fragments, with the next message behind it
	if err != nil {
		t.Fatal(err)
	}
	big := strings.Repeat("\xff\x00", 50_000)
	w.Write([]byte(big[:30_000]))
	w.Write([]byte(big[30_000:]))
	w.Close()
	if err := c.WriteMessage(websocket.TextMessage, []byte("next")); err != nil {
		t.Fatal(err)
	}
	if op, p, err := c.ReadMessage(); err != nil || op != websocket.BinaryMessage || string(p) != big {
		t.Errorf("%d of %d bytes, %v", op, len(p), err)
	}
	if _, p, err := c.ReadMessage(); string(p) != "next" {
		t.Errorf("%q, %v", p, err)
	}
	if text := <-pong; text != "there?" {
		t.Errorf("pong %q", text)
	}
	dialer := websocket.Dialer{Subprotocols: []string{"v1", "v2"}, EnableCompression: true}
	p, answer, err := dialer.Dial("ws://"+g.address+"/proto", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if p.Subprotocol() != "v2" || answer.Header.Get("Sec-WebSocket-Extensions") != "" {
		t.Errorf("subprotocol %q, extensions %q", p.Subprotocol(), answer.Header.Get("Sec-WebSocket-Extensions"))
	}
	<-g.reached
	says(t, p, "hello", "hello")
	if head := <-g.reached; !strings.Contains(head, "Sec-WebSocket-Protocol: v2\r\n") {
		t.Errorf("the host was offered %s", head)
	}
}

func TestWithoutAFirstMessageTheClientIsToldWhy(t *testing.T) {
	g := start(t, "onUpgrade: route", firstMessagePolicies)
	code := func(c *websocket.Conn) int {
		_, _, err := c.ReadMessage()
		var closed *websocket.CloseError
		if !errors.As(err, &closed) {
			t.Errorf("no Close: %v", err)
			return 0
		}
		return closed.Code
	}
	if got := code(g.open("/short")); got != 1008 {
		t.Errorf("no message in time: %d", got)
	}
	long := g.open("/small")
	if err := long.WriteMessage(websocket.TextMessage, []byte("more than ten bytes")); err != nil {
		t.Fatal(err)
	}
	if got := code(long); got != 1009 {
		t.Errorf("a message that is too long: %d", got)
	}
	bad := g.open("/raw")
	if _, err := bad.NetConn().Write([]byte("\x81\x81\x00\x00\x00\x00\xff")); err != nil { // text that is not UTF-8
		t.Fatal(err)
	}
	if got := code(bad); got != 1007 {
		t.Errorf("bad UTF-8: %d", got)
	}
	leaves := g.open("/raw")
	leaves.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1000, ""), time.Now().Add(time.Second))
	leaves.Close()
	g.refuses(451, "/refused")
	answer, body := g.refuses(409, "/answers?early=yes") // before first-message ran, refusals are HTTP
	if answer.Header.Get("Content-Type") != "application/json" || !strings.Contains(body, `"error":"conflict"`) {
		t.Errorf("%q %s", answer.Header, body)
	}
	if g.Sessions().Len() != 0 || len(g.reached) != 0 {
		t.Errorf("%d sessions, %d requests to the host", g.Sessions().Len(), len(g.reached))
	}
	for _, r := range recorded(g) {
		if r.Path == "/small" && (r.Status != 101 || r.Code != 1009 || r.Outcome != "refused") {
			t.Errorf("recorded as %d %d %s", r.Status, r.Code, r.Outcome)
		}
	}
}

// On a connection that has served other requests before, with the message right
// behind the upgrade.
func TestTheFirstMessageOnAKeptConnection(t *testing.T) {
	g := start(t, "onUpgrade: route\nonClientFrame: client", firstMessagePolicies)
	conn, err := net.Dial("tcp", g.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	r := bufio.NewReader(conn)
	for range 2 {
		io.WriteString(conn, "GET /nowhere HTTP/1.1\r\nHost: gate.test\r\n\r\n")
		answer, err := http.ReadResponse(r, nil)
		if err != nil || answer.StatusCode != 404 {
			t.Fatal(answer, err)
		}
		io.Copy(io.Discard, answer.Body)
	}
	frame := wire.AppendFrame(nil, wire.Header{Fin: true, Op: wire.Text, Masked: true, Key: wire.NewMask()}, []byte("blue"))
	io.WriteString(conn, "GET /chat HTTP/1.1\r\nHost: gate.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"+string(frame)+string(frame))
	if head := readHead(r); !strings.HasPrefix(head, "HTTP/1.1 101 ") || strings.Count(head, "Sec-WebSocket-Accept: ") != 1 {
		t.Fatalf("answered %s", head)
	}
	for _, want := range []string{"blue after blue (1)", "blue after blue (2)"} {
		got := make([]byte, 2+len(want))
		if _, err := io.ReadFull(r, got); err != nil || string(got[2:]) != want {
			t.Errorf("read %q, %v; want %q", got, err, want)
		}
	}
}

package main

// The checks that a gateway which follows Axway's must pass, by their numbers. Where the field leaves a question open,
// what DESIGN §5 says is tested.
//
//	1  the bare echo proxy of KB #177173         TestAxway1…
//	2  ws and http alike, and the old way         TestAxway2…; filters: TestTheOldWayOfRoutingSendsTheSameBytes
//	3  allowHTTP11, content codings               TestAxway3…; policies: testdata/broken/allow-http11-false
//	4  messages edited, the upgrade's context     TestAxway4…
//	5  the four hooks, and the close policy once  TestAxway5… (axway_close_test.go)
//	6  every rule of how policies end             TestAxway6… (axway_rules_test.go)
//	7  the execution path                         TestAxway7… (axway_rules_test.go)
//	8  what check finds                           TestAxway8… (axway_rules_test.go)
//	9  a reload with 1,000 open sessions          TestAxway9… (axway_close_test.go)
//	10 the defaults, with the stated deviations   policies: TestDefaults

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fasthttp/websocket"

	"framegate/engine"
	"framegate/policies"
	"framegate/scripts"
)

// axway is a gateway made of YAML text.
type axway struct {
	*engine.Gateway
	t       *testing.T
	dir     string
	log     *lockedBuffer
	address string
}

// newAxway starts a gateway. BACKEND in the text is an echo host.
func newAxway(t *testing.T, text string) *axway {
	t.Helper()
	g := &axway{t: t, dir: t.TempDir(), log: &lockedBuffer{}}
	write(t, filepath.Join(g.dir, "gateway.yaml"), strings.ReplaceAll(text, "BACKEND", echoAddress(t)))
	log := slog.New(slog.NewTextHandler(g.log, nil))
	library := scripts.NewLibrary(scripts.Limits{}, nil, nil)
	g.Gateway = engine.New(log, policies.Loader(g.dir, policies.Options{Log: log, Scripts: library}))
	if problems, err := g.Start(t.Context()); err != nil {
		for _, p := range problems {
			t.Log(p.Excerpt())
		}
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := g.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := library.Close(); err != nil {
			t.Error(err)
		}
	})
	g.address = g.Addresses()["traffic"][0]
	return g
}

// dial opens a session, or gives the answer that was given instead.
func (g *axway) dial(path string, headers ...string) (*websocket.Conn, *http.Response) {
	g.t.Helper()
	h := http.Header{}
	for i := 0; i < len(headers); i += 2 {
		h.Add(headers[i], headers[i+1])
	}
	c, answer, err := websocket.DefaultDialer.Dial("ws://"+g.address+path, h)
	if err != nil && answer == nil {
		g.t.Fatalf("%s: %v", path, err)
	}
	if err != nil {
		return nil, answer
	}
	g.t.Cleanup(func() { c.Close() })
	c.SetReadDeadline(time.Now().Add(20 * time.Second))
	return c, answer
}

// opens is dial for an upgrade that must become a session.
func (g *axway) opens(path string, headers ...string) *websocket.Conn {
	g.t.Helper()
	c, answer := g.dial(path, headers...)
	if c == nil {
		g.t.Fatalf("%s: %s", path, answer.Status)
	}
	return c
}

// exchange sends a message and expects what comes back.
func exchange(t *testing.T, c *websocket.Conn, op int, text, want string) {
	t.Helper()
	if err := c.WriteMessage(op, []byte(text)); err != nil {
		t.Fatal(err)
	}
	if got, p, err := c.ReadMessage(); err != nil || got != op || string(p) != want {
		t.Fatalf("%q came back as %d %q, %v; want %d %q", text, got, p, err, op, want)
	}
}

// waitFor waits until something is so.
func (g *axway) waitFor(what string, so func() bool) {
	g.t.Helper()
	late := time.After(20 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-late:
			g.t.Fatalf("not within 20 seconds: %s\n%s", what, g.log)
		}
	}
}

const echoProxy = `
version: 1
ports: {traffic: {listen: 127.0.0.1:0, websockets: [{path: /echo, onUpgrade: Upgrade}]}}
policies: {Upgrade: {filters: [{name: Connect to URL, type: connect-to-url, url: ws://echo-service/}]}}
remoteHosts: {echo-service: {host: 127.0.0.1, addresses: [BACKEND]}}
`

func TestAxway1TheBareEchoProxyAndWhatItsTrafficLogHas(t *testing.T) {
	g := newAxway(t, echoProxy)
	c := g.opens("/echo")
	exchange(t, c, websocket.TextMessage, "Rock it with WebSocket", "Rock it with WebSocket")
	exchange(t, c, websocket.BinaryMessage, "\x00\xff", "\x00\xff")
	if err := c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1000, "done"), time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	c.ReadMessage()
	var records []engine.Record
	g.waitFor("a record of the close", func() bool {
		records, _ = g.Journal().Read(0, 100)
		return len(records) == 6
	})
	var rows []string
	for _, r := range records {
		rows = append(rows, fmt.Sprintf("%s %s%d %s %s %d %d", r.Kind, r.Path, r.Status, r.Dir, r.Op, r.Size, r.Code))
		if r.At.IsZero() || r.Session == "" || r.Kind != engine.FrameRecord && (r.Client != "127.0.0.1" || r.Duration <= 0) {
			t.Errorf("a record lacks its time, session, client or duration: %+v", r)
		}
	}
	want := []string{
		"upgrade /echo101   0 0", "frame /echo0 client text 22 0", "frame /echo0 host text 22 0",
		"frame /echo0 client binary 2 0", "frame /echo0 host binary 2 0", "close /echo0   0 1000",
	}
	if strings.Join(rows, "\n") != strings.Join(want, "\n") {
		t.Errorf("the traffic log has\n%s\nwant\n%s", strings.Join(rows, "\n"), strings.Join(want, "\n"))
	}
}

func TestAxway2SchemesAndTheOldWayAreAlike(t *testing.T) {
	g := newAxway(t, `
version: 1
ports:
  traffic:
    listen: 127.0.0.1:0
    websockets: [{path: /ws, onUpgrade: ws}, {path: /http, onUpgrade: http}, {path: /old, onUpgrade: old}]
policies:
  ws: {filters: [{type: connect-to-url, url: 'ws://echo/?mode=upper'}]}
  http: {filters: [{type: connect-to-url, url: 'http://echo/?mode=upper'}]}
  old:
    filters:
      - {type: static-router, host: echo, protocol: http}
      - {type: rewrite-url, url: '/?mode=upper'}
      - {type: connection}
remoteHosts: {echo: {host: 127.0.0.1, addresses: [BACKEND]}}
`)
	for _, path := range []string{"/ws", "/http", "/old"} {
		exchange(t, g.opens(path), websocket.TextMessage, "hello", "HELLO")
	}
}

func TestAxway3WithoutHTTP11TheRefusalSaysSoAndCodingsDoNotTouchTheUpgrade(t *testing.T) {
	g := newAxway(t, `
version: 1
showReason: true
ports: {traffic: {listen: 127.0.0.1:0, websockets: [{path: /echo, onUpgrade: Upgrade}]}}
policies: {Upgrade: {filters: [{type: connect-to-url, url: 'ws://${params.query.host}/'}]}}
remoteHosts:
  old: {host: 127.0.0.1, allowHTTP11: false, addresses: [BACKEND]}
  new: {host: 127.0.0.1, addresses: [BACKEND]}
`)
	_, answer := g.dial("/echo?host=old")
	body := make([]byte, 1000)
	n, _ := answer.Body.Read(body)
	if answer.StatusCode != 502 || !strings.Contains(string(body[:n]), "allowHTTP11: false") {
		t.Errorf("%s: %s", answer.Status, body[:n])
	}
	c, answer := g.dial("/echo?host=new", "Accept-Encoding", "gzip, deflate, br")
	if c == nil || answer.Header.Get("Content-Encoding") != "" || answer.Header.Get("Vary") != "" {
		t.Fatalf("%s: %q", answer.Status, answer.Header)
	}
	exchange(t, c, websocket.TextMessage, strings.Repeat("x", 5000), strings.Repeat("x", 5000))
}

func TestAxway4PoliciesEditMessagesAndReadTheUpgrade(t *testing.T) {
	g := newAxway(t, `
version: 1
ports:
  traffic:
    listen: 127.0.0.1:0
    websockets:
      - {path: /edit, onUpgrade: connect, onClientFrame: to-host, onServerFrame: to-client}
      - {path: /write, onUpgrade: connect, onClientFrame: write}
policies:
  connect: {filters: [{type: connect-to-url, url: ws://BACKEND/}]}
  to-host:
    filters:
      - type: script
        code: |
          let count = 0, total = "";
          export function invoke(msg) {
            const who = msg.get("websock.context").get("http.headers").get("X-Who");
            count++;
            if (msg.kind === "binary") {
              const body = msg.get("content.body");
              msg.put("content.body", new Uint8Array([count, ...body]));
              return true;
            }
            msg.put("content.body", who + count + msg.get("content.body"));
            return true;
          }
  to-client:
    filters:
      - {type: switch, value: '${websock.opcode}', cases: [{with: binary, policy: 'last'}], default: tail}
  last:
    filters:
      - type: script
        code: 'export function invoke(msg) { msg.body = new Uint8Array([...msg.body, 255]); return true; }'
  tail: {filters: [{type: set-message, body: '${content.body}!'}]}
  write:
    filters:
      - type: script
        code: 'export function invoke(msg) { msg.get("websock.context").put("x", 1); return true; }'
`)
	a, b := g.opens("/edit", "X-Who", "ann"), g.opens("/edit", "X-Who", "bob")
	exchange(t, a, websocket.TextMessage, " hello", "ann1 hello!")
	exchange(t, b, websocket.TextMessage, " hello", "bob1 hello!") // nothing of the other connection's script
	exchange(t, a, websocket.BinaryMessage, "\x00\xfe", "\x02\x00\xfe\xff")
	exchange(t, a, websocket.TextMessage, "", "ann3!")
	exchange(t, b, websocket.TextMessage, "", "bob2!")
	c := g.opens("/write")
	if err := c.WriteMessage(websocket.TextMessage, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.ReadMessage(); !websocket.IsCloseError(err, 1011) {
		t.Errorf("writing to the context: %v", err)
	}
}

package console

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/valyala/fasthttp"
	"go.uber.org/goleak"

	"framegate/engine"
	"framegate/engine/wire"
)

func TestMain(m *testing.M) {
	// fasthttp's own, which end seconds after their server or never
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"))
}

// filterFunc makes a filter of a function.
type filterFunc func(m *engine.Message) (bool, error)

func (f filterFunc) Run(m *engine.Message) (bool, error) { return f(m) }

// policyOf makes a policy of filters in a row, named f0, f1, …
func policyOf(name string, filters ...filterFunc) *engine.Policy {
	p := &engine.Policy{Name: name, Fault: -1}
	for i, f := range filters {
		p.Nodes = append(p.Nodes, engine.Node{Name: fmt.Sprintf("f%d", i), Type: "test", Filter: f, Success: i + 1, Failure: engine.EndFail})
	}
	p.Nodes[len(filters)-1].Success = engine.EndPass
	return p
}

// connectTo upgrades to an address.
func connectTo(address string) filterFunc {
	return func(m *engine.Message) (bool, error) {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return false, err
		}
		fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n\r\n", address, wire.NewKey())
		in := bufio.NewReader(conn)
		if _, err := http.ReadResponse(in, nil); err != nil {
			conn.Close()
			return false, err
		}
		m.Logf(slog.LevelInfo, "dialled")
		m.Connect(&engine.Socket{Conn: conn, Host: "echo", Address: address})
		return true, nil
	}
}

// echoHost is a remote host that echoes.
func echoHost(t *testing.T) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	upgrader := websocket.FastHTTPUpgrader{}
	server := &fasthttp.Server{Handler: func(ctx *fasthttp.RequestCtx) {
		upgrader.Upgrade(ctx, func(c *websocket.Conn) {
			for {
				op, p, err := c.ReadMessage()
				if err != nil || c.WriteMessage(op, p) != nil {
					return
				}
			}
		})
	}}
	go server.Serve(ln)
	t.Cleanup(func() {
		ln.Close()
		server.Shutdown()
	})
	return ln.Addr().String()
}

// shout makes a text upper case.
func shout(m *engine.Message) (bool, error) {
	if m.Op == wire.Text {
		m.SetBody(bytes.ToUpper(m.Body()))
	}
	return true, nil
}

// running is a gateway with its console: /chat echoes, and what clients say is
// made upper case on the way.
type running struct {
	*Console
	t       *testing.T
	gateway *engine.Gateway
	ports   string
	load    func() (*engine.Snapshot, []engine.Problem)
}

func start(t *testing.T, settings engine.Console, change ...func(*Console)) *running {
	t.Helper()
	r := &running{t: t}
	host, policy := echoHost(t), policyOf("shout", shout)
	r.load = func() (*engine.Snapshot, []engine.Problem) {
		w := &engine.Websocket{
			Port: "public", Path: "/chat", Upgrade: policyOf("admit", connectTo(host)), ClientFrame: policy,
			OnFail: engine.FrameFault{Verdict: engine.Close, Code: 1008}, Log: engine.LogRules{Payload: 16}, Hash: "same",
		}
		p := &engine.Port{
			Name: "public", Listen: []string{"127.0.0.1:0"}, Websockets: []*engine.Websocket{w},
			Limits: engine.PortLimits{Header: 16 << 10, URI: 8 << 10, Handshake: 5 * time.Second},
		}
		return &engine.Snapshot{Revision: "abc", Ports: map[string]*engine.Port{"public": p}, Policies: map[string]*engine.Policy{"shout": policy}}, nil
	}
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	r.gateway = engine.New(log, func(context.Context, *engine.Snapshot) (*engine.Snapshot, []engine.Problem) { return r.load() })
	if problems, err := r.gateway.Start(t.Context()); err != nil {
		t.Fatal(err, problems)
	}
	t.Cleanup(func() { r.stop(r.gateway.Shutdown) })
	r.ports = r.gateway.Addresses()["public"][0]
	if settings.Listen == "" {
		settings.Listen = "127.0.0.1:0"
	}
	r.Console = New(r.gateway, settings, "v1.2.3", log)
	for _, f := range change {
		f(r.Console)
	}
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.stop(r.Shutdown) })
	return r
}

func (r *running) stop(shutdown func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := shutdown(ctx); err != nil {
		r.t.Error(err)
	}
}

// dial opens a session and returns its id too.
func (r *running) dial() (c *websocket.Conn, id string) {
	r.t.Helper()
	had := r.gateway.Journal().Last()
	c, _, err := websocket.DefaultDialer.Dial("ws://"+r.ports+"/chat", nil)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	r.say(c, "hello") // once it is answered, the session is in the table
	records, _ := r.gateway.Journal().Read(had, 1)
	return c, records[0].Session
}

// say sends a text and expects it back in upper case.
func (r *running) say(c *websocket.Conn, text string) {
	r.t.Helper()
	if err := c.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		r.t.Fatal(err)
	}
	r.hear(c, strings.ToUpper(text))
}

func (r *running) hear(c *websocket.Conn, want string) {
	r.t.Helper()
	if _, got, err := c.ReadMessage(); err != nil || string(got) != want {
		r.t.Fatalf("got %q, %v, want %q", got, err, want)
	}
}

var client = http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// do sends a request to the console; headers are "Name: value".
func (r *running) do(method, path, body string, headers ...string) (status int, text string, head http.Header) {
	r.t.Helper()
	q, err := http.NewRequest(method, "http://"+r.Address()+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	if method != "GET" {
		q.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, given := strings.Cut(h, ": ")
		if !given {
			continue
		}
		q.Header.Set(name, value)
		if name == "Host" {
			q.Host = value
		}
	}
	a, err := client.Do(q)
	if err != nil {
		r.t.Fatal(err)
	}
	defer a.Body.Close()
	all, err := io.ReadAll(a.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return a.StatusCode, string(all), a.Header
}

// get reads a JSON answer, which must be a success.
func get[T any](r *running, path string) (v T) {
	r.t.Helper()
	status, text, _ := r.do("GET", path, "")
	if status != 200 {
		r.t.Fatalf("GET %s: %d %s", path, status, text)
	}
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		r.t.Fatalf("GET %s: %v in %s", path, err, text)
	}
	return v
}

// raw sends bytes as they are and returns the first line of the answer.
func (r *running) raw(format string, args ...any) string {
	r.t.Helper()
	conn, err := net.Dial("tcp", r.Address())
	if err != nil {
		r.t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprintf(conn, format, args...)
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		r.t.Fatal(err)
	}
	return line
}

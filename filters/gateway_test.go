package filters_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/valyala/fasthttp"

	"framegate/engine"
	"framegate/policies"
	"framegate/scripts"
)

// gateway is a gateway made of YAML text, with one port and an echo host behind it.
type gateway struct {
	*engine.Gateway
	t       *testing.T
	dir     string
	host    string
	address string
	log     *lines
	reached chan string // the header blocks of the upgrades that reached the host
}

// lines is a log that tests read, and wait for.
type lines struct {
	mu    sync.Mutex
	text  bytes.Buffer
	grown chan struct{}
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case l.grown <- struct{}{}:
	default:
	}
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// wait waits until the log has a text so many times.
func (l *lines) wait(t *testing.T, text string, times int) {
	t.Helper()
	late := time.After(10 * time.Second)
	for strings.Count(l.String(), text) < times {
		select {
		case <-l.grown:
		case <-late:
			t.Fatalf("%q did not come %d times within 10 seconds:\n%s", text, times, l)
		}
	}
}

// start starts a gateway with a websocket on path /chat that has the hooks, and
// with the rest of the configuration.
func start(t *testing.T, hooks, text string) *gateway { return startAt(t, nil, hooks, text) }

// startAt is start with a clock; nil is the real one.
func startAt(t *testing.T, now func() time.Time, hooks, text string) *gateway {
	t.Helper()
	return startWith(t, now, nil, hooks, text)
}

// startWith is start with a clock and a state.
func startWith(t *testing.T, now func() time.Time, state engine.State, hooks, text string) *gateway {
	t.Helper()
	g := &gateway{t: t, dir: t.TempDir(), log: &lines{grown: make(chan struct{}, 1)}, reached: make(chan string, 100)}
	g.echo()
	g.write(hooks, text)
	library := scripts.NewLibrary(scripts.Limits{}, nil, nil)
	log := slog.New(slog.NewTextHandler(g.log, nil))
	g.Gateway = engine.New(log, policies.Loader(g.dir, policies.Options{Scripts: library, Log: log, State: state}))
	g.Clock = now
	if problems, err := g.Start(context.Background()); err != nil {
		for _, p := range problems {
			t.Log(p.Excerpt())
		}
		t.Fatal(err)
	}
	g.address = g.Addresses()["public"][0]
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := errors.Join(g.Shutdown(ctx), library.Close()); err != nil {
			t.Error(err)
		}
	})
	return g
}

// write writes the gateway's file. HOST in the text is the echo host.
func (g *gateway) write(hooks, text string) {
	g.t.Helper()
	head := "version: 1\nports:\n  public:\n    listen: 127.0.0.1:0\n    websockets:\n      - path: /chat\n"
	for line := range strings.SplitSeq(strings.TrimSpace(hooks), "\n") {
		head += "        " + strings.TrimSpace(line) + "\n"
	}
	text = strings.ReplaceAll(head+text, "HOST", g.host)
	if err := os.WriteFile(filepath.Join(g.dir, "gateway.yaml"), []byte(text), 0o600); err != nil {
		g.t.Fatal(err)
	}
}

// echo starts the host: it tells its request and sends back what it gets. At
// "host, close" it closes, and at "host, vanish" it is gone without a word.
func (g *gateway) echo() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		g.t.Fatal(err)
	}
	g.host = l.Addr().String()
	upgrader := websocket.FastHTTPUpgrader{CheckOrigin: func(*fasthttp.RequestCtx) bool { return true }}
	server := &fasthttp.Server{Handler: func(ctx *fasthttp.RequestCtx) {
		g.reached <- string(ctx.RequestURI()) + "\n" + string(ctx.Request.Header.RawHeaders())
		upgrader.Upgrade(ctx, func(c *websocket.Conn) {
			for {
				op, p, err := c.ReadMessage()
				switch string(p) {
				case "host, close":
					c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1000, "enough"), time.Now().Add(time.Second))
					continue
				case "host, vanish":
					return
				}
				if err != nil || c.WriteMessage(op, p) != nil {
					return
				}
			}
		})
	}}
	go server.Serve(l)
	g.t.Cleanup(func() { l.Close() })
}

// upgrade asks for a session. It returns the connection, or the answer that was given instead.
func (g *gateway) upgrade(target string, headers ...string) (*websocket.Conn, *http.Response, string) {
	g.t.Helper()
	h := http.Header{}
	for i := 0; i+1 < len(headers); i += 2 {
		h.Add(headers[i], headers[i+1])
	}
	dialer := websocket.Dialer{HandshakeTimeout: 10 * time.Second}
	c, answer, err := dialer.Dial("ws://"+g.address+target, h)
	if err == nil {
		g.t.Cleanup(func() { c.Close() })
		c.SetReadDeadline(time.Now().Add(10 * time.Second))
		return c, answer, ""
	}
	if answer == nil {
		g.t.Fatalf("upgrade %s: %v", target, err)
	}
	var body bytes.Buffer
	body.ReadFrom(answer.Body)
	return nil, answer, body.String()
}

// open is an upgrade that must become a session.
func (g *gateway) open(target string, headers ...string) *websocket.Conn {
	g.t.Helper()
	c, answer, body := g.upgrade(target, headers...)
	if c == nil {
		g.t.Fatalf("refused with %s: %s", answer.Status, body)
	}
	return c
}

// refuses expects an upgrade to be answered with the status; it returns the answer's body.
func (g *gateway) refuses(status int, target string, headers ...string) (*http.Response, string) {
	g.t.Helper()
	c, answer, body := g.upgrade(target, headers...)
	if c != nil || answer.StatusCode != status {
		g.t.Errorf("%s %q: %s, want %d", target, headers, answer.Status, status)
	}
	return answer, body
}

// says sends a message and expects the next one that comes back.
func says(t *testing.T, c *websocket.Conn, text, want string) {
	t.Helper()
	if err := c.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		t.Fatal(err)
	}
	if _, got, err := c.ReadMessage(); err != nil || string(got) != want {
		t.Errorf("%q came back as %q, %v; want %q", text, got, err, want)
	}
}

// closes sends a message and expects the session to be closed.
func closes(t *testing.T, c *websocket.Conn, text string, code int, reason string) {
	t.Helper()
	if err := c.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		t.Fatal(err)
	}
	_, p, err := c.ReadMessage()
	var closed *websocket.CloseError
	if !errors.As(err, &closed) || closed.Code != code || !strings.Contains(closed.Text, reason) {
		t.Errorf("%q: got %q, %v; want close %d %q", text, p, err, code, reason)
	}
}

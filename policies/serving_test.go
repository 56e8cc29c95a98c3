package policies_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
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

// served is a gateway of a directory that runs, with an echo host behind it.
type served struct {
	*engine.Gateway
	t    *testing.T
	dir  string
	host string
	log  *serverLog

	mu      sync.Mutex
	reached []map[string]string // the headers of the upgrades that reached the host
}

type serverLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *serverLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *serverLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// admission is the policy of the websocket /chat that the tests' ports have.
const admission = `
policies:
  admit:
    filters:
      - type: connect-to-url
        url: ws://HOST/
`

// serve starts a gateway of files: their names and texts in turn, gateway.yaml
// first. HOST in it is the echo host.
func serve(t *testing.T, yaml string, files map[string]string) *served {
	t.Helper()
	return serveAt(t, yaml, files, nil)
}

// serveAt starts one whose clock the test turns.
func serveAt(t *testing.T, yaml string, files map[string]string, clock func() time.Time) *served {
	t.Helper()
	g := &served{t: t, dir: t.TempDir(), log: &serverLog{}}
	g.echo()
	for name, text := range files {
		g.put(name, text)
	}
	g.put("gateway.yaml", yaml)
	library := scripts.NewLibrary(scripts.Limits{}, nil, nil)
	log := slog.New(slog.NewTextHandler(g.log, nil))
	g.Gateway = engine.New(log, policies.Loader(g.dir, policies.Options{Scripts: library, Log: log}))
	g.Clock = clock
	if problems, err := g.Start(context.Background()); err != nil {
		t.Fatal(err, problems)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := errors.Join(g.Shutdown(ctx), library.Close()); err != nil {
			t.Error(err)
		}
	})
	return g
}

// put writes a file of the gateway.
func (g *served) put(name, text string) {
	g.t.Helper()
	name = filepath.Join(g.dir, name)
	err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, []byte(strings.ReplaceAll(text, "HOST", g.host)), 0o600))
	if err != nil {
		g.t.Fatal(err)
	}
}

// reload takes over the files as they are now.
func (g *served) reload() {
	g.t.Helper()
	if problems, err := g.Reload(context.Background()); err != nil {
		g.t.Fatal(err, problems)
	}
}

// address is where the port public listens: its first plain address, or its first with TLS.
func (g *served) address(tls bool) string {
	g.t.Helper()
	for _, p := range g.Ports() {
		for _, a := range p.Addresses {
			if p.Name == "public" && a.TLS == tls {
				return a.Address
			}
		}
	}
	g.t.Fatalf("the port public listens nowhere with TLS %v: %+v", tls, g.Ports())
	return ""
}

// echo starts the host: it notes its request and sends back what it gets.
func (g *served) echo() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		g.t.Fatal(err)
	}
	g.host = l.Addr().String()
	upgrader := websocket.FastHTTPUpgrader{CheckOrigin: func(*fasthttp.RequestCtx) bool { return true }}
	server := &fasthttp.Server{Handler: func(ctx *fasthttp.RequestCtx) {
		headers := make(map[string]string)
		for name, value := range ctx.Request.Header.All() {
			headers[string(name)] = string(value)
		}
		g.mu.Lock()
		g.reached = append(g.reached, headers)
		g.mu.Unlock()
		upgrader.Upgrade(ctx, func(c *websocket.Conn) {
			for {
				op, p, err := c.ReadMessage()
				if err != nil || c.WriteMessage(op, p) != nil {
					return
				}
			}
		})
	}}
	go server.Serve(l)
	g.t.Cleanup(func() { l.Close() })
}

// lastReached is the headers of the last upgrade that reached the host.
func (g *served) lastReached() map[string]string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.reached) == 0 {
		g.t.Fatal("no upgrade reached the host")
	}
	return g.reached[len(g.reached)-1]
}

// echoes sends a message through a session and expects it back.
func echoes(t *testing.T, c *websocket.Conn, text string) {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if err := c.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		t.Fatal(err)
	}
	if _, got, err := c.ReadMessage(); err != nil || string(got) != text {
		t.Fatalf("%q came back as %q, %v", text, got, err)
	}
}

// eventually waits for something that another goroutine does.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 10 s: %s", what)
		}
	}
}

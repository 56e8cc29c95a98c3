package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fasthttp/websocket"

	"framegate/engine"
	"framegate/engine/console"
	"framegate/policies"
)

// A gateway in front of a back end with one dead and one living address: the
// upgrade succeeds, and the command tells which is out and why.
func TestRemoteHostsOfARunningGateway(t *testing.T) {
	alive := echoAddress(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := l.Addr().String()
	l.Close()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "gateway.yaml"), `
version: 1
ports:
  public: {listen: 127.0.0.1:0, websockets: [{path: /, onUpgrade: admit}]}
policies:
  admit: {filters: [{type: connect-to-url, url: ws://chat/}]}
remoteHosts:
  chat:
    host: chat.internal
    maxConnections: 7
    addresses:
      - {priority: high, list: ['`+dead+`'], weight: 2}
      - '`+alive+`'
`)
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	g := engine.New(log, policies.Loader(dir, policies.Options{Log: log}))
	if problems, err := g.Start(t.Context()); err != nil {
		t.Fatal(err, problems)
	}
	c := console.New(g, engine.Console{Listen: "127.0.0.1:0"}, "test", log)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stopConsole(t, c)
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		g.Shutdown(ctx)
	})
	conn, _, err := websocket.DefaultDialer.Dial("ws://"+g.Addresses()["public"][0]+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()

	out, problems, code := cli(t, "remotehosts", "--url", "http://"+c.Address())
	if code != 0 {
		t.Fatalf("exit %d: %s", code, problems)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[0], "HOST ") {
		t.Fatalf("printed\n%s", out)
	}
	for i, want := range []string{"chat " + dead + " high 2 out 0 - connection refused (for", "chat " + alive + " medium 1 in 1"} {
		if got := strings.Join(strings.Fields(lines[i+1]), " "); !strings.HasPrefix(got, want) {
			t.Errorf("line %d is %q, want %q", i+1, got, want)
		}
	}
	out, _, _ = cli(t, "remotehosts", "chat", "--json", "--url", "http://"+c.Address())
	var answer console.RemoteHosts
	if err := json.Unmarshal([]byte(out), &answer); err != nil || len(answer.RemoteHosts) != 1 {
		t.Fatalf("%v: %s", err, out)
	}
	if h := answer.RemoteHosts[0]; h.Limit != 7 || h.Open != 1 || h.Addresses[0].Out == nil || h.Addresses[1].Connected != 1 {
		t.Errorf("the console says %+v", h)
	}
	if _, problems, code := cli(t, "remotehosts", "caht", "--url", "http://"+c.Address()); code != 1 || !strings.Contains(problems, `no remote host "caht"; there is chat`) {
		t.Errorf("exit %d: %s", code, problems)
	}
}

// echoAddress starts a back end that echoes, until the test ends.
func echoAddress(t *testing.T) string {
	t.Helper()
	settings, err := defaultEchoSettings()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := newEchoServer(settings)
	s.Start(l)
	t.Cleanup(func() { s.Close() })
	return l.Addr().String()
}

func TestRemoteHostsWithAnOpenBreaker(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 10, 0, time.UTC)
	var out strings.Builder
	hosts := []engine.RemoteHost{{Name: "a\x1b[2J", Open: 2, Breaker: &engine.Setback{Since: now.Add(-10 * time.Second), Until: now.Add(4 * time.Second), Failures: 5, Why: "connection refused"}}}
	if err := writeRemoteHosts(&out, hosts, now); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); strings.Contains(got, "\x1b") || !strings.Contains(got, "connection refused (for 10s, 5 failures, is tried in 4s)") {
		t.Errorf("printed %q", got)
	}
	if err := writeRemoteHosts(io.Discard, nil, now); err != nil {
		t.Error(err)
	}
}

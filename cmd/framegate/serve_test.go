package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
)

const leaving = `version: 1
console: {listen: 'off'}
shutdown: {delay: 2s, timeout: 5s}
ports:
  public:
    listen: 127.0.0.1:0
    ready: /ready
    websockets: [{path: /echo, onUpgrade: admit}]
remoteHosts:
  echo: {host: echo.test, dev: echo}
policies:
  admit:
    filters:
      - {type: connect-to-url, url: 'ws://echo/'}
`

// A load balancer that asks /ready takes the gateway out before a client is refused.
func TestPortsStayOpenForAWhileAfterTheSignal(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "gateway.yaml"), []byte(leaving), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := newServer(dir, stdio{strings.NewReader(""), io.Discard, io.Discard}, true, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, signal := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.serve(ctx) }()
	url := s.url("/echo")
	ready := strings.Replace(strings.Replace(url, "ws:", "http:", 1), "/echo", "/ready", 1)

	before, _, err := websocket.DefaultDialer.Dial(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer before.Close()
	signal()
	for status := 0; status != http.StatusServiceUnavailable; {
		answer, err := http.Get(ready)
		if err != nil {
			t.Fatal("not ready, and no longer there:", err)
		}
		answer.Body.Close()
		status = answer.StatusCode
	}
	late, _, err := websocket.DefaultDialer.Dial(url, nil)
	if err != nil {
		t.Fatal("a client that comes before the load balancer has noticed:", err)
	}
	defer late.Close()
	for _, c := range []*websocket.Conn{before, late} {
		c.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, _, err := c.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseGoingAway) {
			t.Errorf("in the end the session got %v, want 1001", err)
		}
		c.Close()
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := http.Get(ready); err == nil {
		t.Error("the port is still open")
	}
}

func TestTheBannerSaysWhatToTypeNext(t *testing.T) {
	for console, want := range map[string]string{"'off'": " tail\n", "127.0.0.1:0": " tail --url http://127.0.0.1:"} {
		dir, out := t.TempDir(), &lockedBuffer{}
		write(t, filepath.Join(dir, "gateway.yaml"), strings.Replace(leaving, "listen: 'off'", "listen: "+console, 1))
		s, err := newServer(dir, stdio{strings.NewReader(""), out, io.Discard}, true, false)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.start(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.banner()
		_, next, _ := strings.Cut(out.String(), "\nnext: ")
		lines := strings.SplitAfter(next, "\n")
		if len(lines) != 3 || !strings.Contains(lines[0], " connect "+s.url("/echo")) || !strings.Contains(lines[1], want) {
			t.Errorf("with the console on %s it says to type %q", console, lines)
		}
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	}
}

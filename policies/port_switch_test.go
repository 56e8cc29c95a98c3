package policies_test

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/fasthttp/websocket"

	"framegate/engine"
)

// open opens a session on the port public.
func (g *served) open() *websocket.Conn {
	g.t.Helper()
	c, _, err := websocket.DefaultDialer.Dial("ws://"+g.address(false)+"/chat", nil)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { c.Close() })
	return c
}

// port is the port public as it is now.
func (g *served) port() engine.PortInfo { return g.Ports()[0] }

func TestSwitchedPort(t *testing.T) {
	g := serve(t, portYAML("enabled: true"), nil)
	c := g.open()
	address := g.address(false)
	if err := g.SwitchPort("public", false, false); err != nil {
		t.Fatal(err)
	}
	if conn, err := net.Dial("tcp", address); err == nil {
		conn.Close()
		t.Error("it accepts still")
	}
	echoes(t, c, "sessions are kept")
	g.reload()
	if p := g.port(); p.Enabled || !p.Switched {
		t.Errorf("after a reload it is %+v", p)
	}
	echoes(t, c, "over a reload too")

	// The configuration has something new to say: it decides again.
	g.put("gateway.yaml", portYAML("enabled: false"))
	g.reload()
	if p := g.port(); p.Enabled || p.Switched {
		t.Errorf("disabled by the configuration it is %+v", p)
	}
	if err := g.SwitchPort("public", true, false); err != nil {
		t.Fatal(err)
	}
	again := g.open()
	g.reload()
	echoes(t, again, "enabled by hand over a reload")
	if p := g.port(); !p.Enabled || !p.Switched || p.Sessions == 0 {
		t.Errorf("enabled by hand it is %+v", p)
	}
	if err := g.ResetPort("public", false); err != nil {
		t.Fatal(err)
	}
	if p := g.port(); p.Enabled || p.Switched {
		t.Errorf("reset it is %+v", p)
	}
	if err := g.SwitchPort("public", false, false); err != nil || g.port().Switched {
		t.Errorf("what it is anyway counts as switched: %v", err)
	}
	if err := g.SwitchPort("other", false, false); !errors.Is(err, engine.ErrNoPort) {
		t.Errorf("a port that is none: %v", err)
	}
}

func TestSwitchedPortDrains(t *testing.T) {
	now := time.Now()
	g := serve(t, portYAML("enabled: true"), nil)
	c := g.open()
	echoes(t, c, "hello")
	if err := g.SwitchPort("public", false, true); err != nil {
		t.Fatal(err)
	}
	c.SetReadDeadline(now.Add(30 * time.Second))
	_, _, err := c.ReadMessage()
	if !websocket.IsCloseError(err, websocket.CloseServiceRestart) {
		t.Errorf("a drained session ends with %v", err)
	}
}

func TestPortThatCannotBeEnabledStaysDisabled(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := serve(t, strings.Replace(portYAML("enabled: false"), "127.0.0.1:0", taken.Addr().String(), 1), nil)
	if err := g.SwitchPort("public", true, false); err == nil || !strings.Contains(err.Error(), "listen on") {
		t.Errorf("a taken address: %v", err)
	}
	if p := g.port(); p.Enabled || p.Switched {
		t.Errorf("afterwards it is %+v", p)
	}
	taken.Close()
	if err := g.SwitchPort("public", true, false); err != nil {
		t.Fatal(err)
	}
	echoes(t, g.open(), "hello")
}

func TestProbesOfAPort(t *testing.T) {
	g := serve(t, portYAML("health: /health\nready: /ready"), nil)
	for request, want := range map[string]int{
		"GET /health": 200, "HEAD /ready": 200, "GET /ready?now": 200, "POST /health": 405, "GET /healthy": 404, "GET /health/x": 404,
	} {
		if status := send(g.dial(false), request+" HTTP/1.1\r\nHost: probe\r\n\r\n"); status != want {
			t.Errorf("%s: %d, want %d", request, status, want)
		}
	}
	if status := ask(g.dial(false), "", ""); status != 101 {
		t.Errorf("an upgrade: %d", status)
	}
}

func TestAGatewayThatLeavesIsNotReadyAndStillServes(t *testing.T) {
	g := serve(t, portYAML("health: /health\nready: /ready"), nil)
	open := g.open()
	g.Leave()
	for path, want := range map[string]int{"/health": 200, "/ready": 503} {
		if status := send(g.dial(false), "GET "+path+" HTTP/1.1\r\nHost: probe\r\n\r\n"); status != want {
			t.Errorf("GET %s: %d, want %d", path, status, want)
		}
	}
	echoes(t, open, "an open session goes on")
	echoes(t, g.open(), "and a client that has not heard of it is served")
}

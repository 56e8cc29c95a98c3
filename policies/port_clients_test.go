package policies_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
)

const clientsYAML = `trustedProxies: [127.0.0.1]
idleTimeout: 1m
limits: {perClient: 1}
clients:
  - {from: [192.0.2.0/24], perClient: 2, message: 2MiB, idleTimeout: 1h}
  - {from: [192.0.2.9], perClient: 0, message: 16, expire: 10m}`

// from dials as a client of an address.
func (g *served) from(address string) *websocket.Conn {
	g.t.Helper()
	c, answer, err := websocket.DefaultDialer.Dial("ws://"+g.address(false)+"/chat", map[string][]string{"X-Forwarded-For": {address}})
	if err != nil {
		status := 0
		if answer != nil {
			status = answer.StatusCode
		}
		g.t.Fatalf("a client from %s: %v (%d)", address, err, status)
	}
	g.t.Cleanup(func() { c.Close() })
	return c
}

func TestClientsOfSomeNetworksHaveTheirOwnLimits(t *testing.T) {
	g := serve(t, portYAML(clientsYAML), nil)
	long := strings.Repeat("x", 1<<20+1) // the websocket's own limit is 1 MiB

	partner, stranger, device := g.from("192.0.2.7"), g.from("198.51.100.7"), g.from("192.0.2.9")
	echoes(t, partner, long)
	echoes(t, device, "sixteen bytes ok")
	tooLong(t, device, "seventeen bytes :")
	tooLong(t, stranger, long)

	g.from("192.0.2.7")
	eventually(t, "the sessions that were closed are not counted any more", func() bool { return g.Sessions().Len() == 2 })
	g.from("198.51.100.7")
	for _, address := range []string{"192.0.2.7", "198.51.100.7"} {
		if got := ask(g.dial(false), "", "X-Forwarded-For: "+address+"\r\n"); got != 429 {
			t.Errorf("one more connection from %s: %d, want 429", address, got)
		}
	}
	for range 3 {
		g.from("192.0.2.9")
	}
}

// tooLong sends a message and expects the session to be closed with 1009.
func tooLong(t *testing.T, c *websocket.Conn, text string) {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if err := c.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseMessageTooBig) {
		t.Errorf("a message of %d bytes ended with %v, want 1009", len(text), err)
	}
	c.Close()
}

func TestClientsOfSomeNetworksHaveTheirOwnTimes(t *testing.T) {
	start, turned := time.Now(), atomic.Int64{}
	g := serveAt(t, portYAML(clientsYAML), nil, func() time.Time { return start.Add(time.Duration(turned.Load())) })
	later := func(d time.Duration) {
		turned.Add(int64(d))
		g.Sweep()
	}
	partner, stranger, device := g.from("192.0.2.7"), g.from("198.51.100.7"), g.from("192.0.2.9")
	g.Sweep()
	later(5 * time.Minute)
	closed(t, stranger, "idle for 1m0s")
	closed(t, device, "idle for 1m0s") // its own settings leave the port's idleTimeout as it is
	echoes(t, partner, "still there")

	device = g.from("192.0.2.9")
	for range 12 {
		echoes(t, device, "not idle")
		g.Sweep()
		turned.Add(int64(50 * time.Second))
	}
	later(time.Minute)
	closed(t, device, "session expired")
	later(2 * time.Hour)
	closed(t, partner, "idle for 1h0m0s")
}

// closed expects a session to have been closed with 1001 and a reason.
func closed(t *testing.T, c *websocket.Conn, reason string) {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	_, _, err := c.ReadMessage()
	if e, ok := err.(*websocket.CloseError); !ok || e.Code != websocket.CloseGoingAway || e.Text != reason {
		t.Errorf("closed with %v, want 1001 %s", err, reason)
	}
}

func TestClientSettingsChangeWithAReload(t *testing.T) {
	port := strings.Replace(portYAML(clientsYAML), "path: /chat,", "path: /chat, onChange: migrate,", 1)
	g := serve(t, port, nil)
	device := g.from("192.0.2.9")
	g.put("gateway.yaml", strings.Replace(port, "message: 16,", "message: 32,", 1))
	g.reload()
	echoes(t, device, "that is more than sixteen bytes")
}

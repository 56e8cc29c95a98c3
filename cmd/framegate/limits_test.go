package main

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fasthttp/websocket"
)

const limitsExample = "../../examples/api-keys-with-limits"

// feed opens a session of the example with a key; without one it returns the status.
func feed(t *testing.T, s *server, key string) (c *websocket.Conn, status int) {
	t.Helper()
	c, answer, err := websocket.DefaultDialer.Dial(s.url("/feed"), http.Header{"X-Api-Key": {key}})
	if answer == nil {
		t.Fatal(err)
	}
	if c != nil {
		t.Cleanup(func() { c.Close() })
	}
	return c, answer.StatusCode
}

// ask sends a message and returns what comes back.
func ask(t *testing.T, c *websocket.Conn, text string) string {
	t.Helper()
	if err := c.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		t.Fatal(err)
	}
	_, p, err := c.ReadMessage()
	if err != nil {
		t.Fatal(err)
	}
	return string(p)
}

func TestExampleApiKeysWithLimits(t *testing.T) {
	withinADay(t)
	dir := copyGateway(t, filepath.FromSlash(limitsExample))
	s, log := dev(t, dir)
	if _, status := feed(t, s, "guessed"); status != http.StatusUnauthorized {
		t.Errorf("a wrong key: %d", status)
	}
	free, _ := feed(t, s, "demo-key-free")
	second, _ := feed(t, s, "demo-key-free")
	if _, status := feed(t, s, "demo-key-free"); status != http.StatusTooManyRequests {
		t.Errorf("a third session at once: %d", status)
	}
	for i, c := range []*websocket.Conn{free, second, free} { // they count together
		if got := ask(t, c, "hello"); got != "hello" {
			t.Errorf("message %d is answered %s: %s", i+1, got, log)
		}
	}
	if got := ask(t, second, "hello"); !strings.HasPrefix(got, `{"error":"nothing left for today","waitSeconds":`) {
		t.Errorf("the fourth of the day is answered %s", got)
	}
	gold, _ := feed(t, s, "demo-key-gold") // has no quota, but a rate
	told := 0
	for range 200 {
		if strings.HasPrefix(ask(t, gold, "hello"), `{"error":"too fast","waitSeconds":`) {
			told++
		}
	}
	if told < 100 || told == 200 {
		t.Errorf("%d of 200 messages are too fast, want at least those past 100 a minute", told)
	}
}

// The day's count of a key is there after a restart.
func TestExampleApiKeysWithLimitsOverARestart(t *testing.T) {
	withinADay(t)
	dir := copyGateway(t, filepath.FromSlash(limitsExample))
	edit(t, filepath.Join(dir, "stores", "clients.yaml"), "messagesPerDay: 3", "messagesPerDay: 1")
	edit(t, filepath.Join(dir, "gateway.yaml"), "host: 127.0.0.1, port: 9001", "host: 127.0.0.1, port: "+echoPort(t))
	for i, want := range []string{"hello", `{"error":"nothing left for today"`} {
		s, log, stop := startOnce(t, dir)
		c, _ := feed(t, s, "demo-key-free")
		if got := ask(t, c, "hello"); !strings.HasPrefix(got, want) {
			t.Errorf("start %d: answered %s, want %s: %s", i+1, got, want, log)
		}
		c.Close()
		stop()
	}
}

// echoPort is the port of an echo back end that runs until the test ends.
func echoPort(t *testing.T) string {
	t.Helper()
	s, l, err := newEcho()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	address := l.Addr().String()
	return address[strings.LastIndexByte(address, ':')+1:]
}

package filters_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fasthttp/websocket"

	"framegate/engine"
)

// hourglass is a clock that only goes on when a test turns it.
type hourglass struct{ turned atomic.Int64 }

var began = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func (h *hourglass) now() time.Time       { return began.Add(time.Duration(h.turned.Load())) }
func (h *hourglass) turn(d time.Duration) { h.turned.Add(int64(d)) }

// limited is a gateway whose messages from the client run through one filter.
func limited(t *testing.T, clock *hourglass, filter string) *gateway {
	t.Helper()
	return startAt(t, clock.now, "onUpgrade: connect\nonClientFrame: limit", `
policies:
  connect: {filters: [{type: connect-to-url, url: ws://HOST/}]}
  limit: {filters: [{`+filter+`}]}
`)
}

func write(t *testing.T, c *websocket.Conn, text string) {
	t.Helper()
	if err := c.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

func reads(t *testing.T, c *websocket.Conn, want string) {
	t.Helper()
	if _, p, err := c.ReadMessage(); err != nil || string(p) != want {
		t.Errorf("got %q, %v; want %q", p, err, want)
	}
}

func TestOverALimitMessagesAreDropped(t *testing.T) {
	clock := new(hourglass)
	g := limited(t, clock, "type: throttling, allow: 2, every: 1h, over: drop")
	c := g.open("/chat")
	for i := range 50 { // a burst
		write(t, c, fmt.Sprint(i))
	}
	reads(t, c, "0")
	reads(t, c, "1")
	c.SetPongHandler(func(string) error { // all 50 have been through the policy
		clock.turn(time.Hour)
		return c.WriteMessage(websocket.TextMessage, []byte("next"))
	})
	if err := c.WriteControl(websocket.PingMessage, nil, time.Now().Add(10*time.Second)); err != nil {
		t.Fatal(err)
	}
	reads(t, c, "next")
	for _, r := range recorded(g) {
		if r.Kind == engine.FrameRecord && r.Reason != "" && r.Reason != `filter "throttling" failed: more than 2 in 1h0m0s` {
			t.Errorf("recorded %q", r.Reason)
		}
	}
}

func TestOverALimitTheSenderIsAnswered(t *testing.T) {
	clock := new(hourglass)
	g := limited(t, clock, `type: throttling, allow: 1, every: 1m, over: reply, body: '{"wait":${limit.wait}}'`)
	c := g.open("/chat")
	says(t, c, "a", "a")
	clock.turn(20 * time.Second)
	says(t, c, "b", `{"wait":40}`)
	clock.turn(40 * time.Second)
	says(t, c, "c", "c")
	plain := limited(t, clock, `type: throttling, every: 1m, over: reply`).open("/chat")
	says(t, plain, "a", "a")
	says(t, plain, "b", `{"error":"too many messages"}`)
}

func TestOverALimitTheSessionIsClosed(t *testing.T) {
	clock := new(hourglass)
	c := limited(t, clock, "type: throttling, every: 1m, over: close").open("/chat")
	says(t, c, "a", "a")
	closes(t, c, "b", 1008, "more than 1 in 1m0s")
	c = limited(t, clock, "type: throttling, every: 1m, over: close, code: 4029").open("/chat")
	says(t, c, "a", "a")
	closes(t, c, "b", 4029, "more than 1 in 1m0s")
	c = limited(t, clock, "type: throttling, every: 1m").open("/chat") // fail, as in Axway
	says(t, c, "a", "a")
	closes(t, c, "b", 1008, "refused by policy")
}

func TestOverALimitMessagesWaitInTheirOrder(t *testing.T) {
	g := start(t, "onUpgrade: connect\nonClientFrame: limit", `
policies:
  connect: {filters: [{type: connect-to-url, url: ws://HOST/}]}
  limit: {filters: [{type: throttling, algorithm: smooth, allow: 1000, every: 1s, over: delay}]}
`)
	c := g.open("/chat")
	for i := range 40 {
		write(t, c, fmt.Sprint(i))
	}
	for i := range 40 {
		reads(t, c, fmt.Sprint(i))
	}
}

func TestTheFailureArrowDecidesLast(t *testing.T) {
	clock := new(hourglass)
	g := limited(t, clock, "type: throttling, every: 1h, over: drop, failure: answer, success: pass}, {name: answer, type: reply-frame, body: slow down")
	c := g.open("/chat")
	says(t, c, "a", "a")
	says(t, c, "b", "slow down")
}

// Each direction counts what it says it counts: a limit on the client's messages
// does not count the host's, and the other way round.
func TestWhichDirectionALimitCounts(t *testing.T) {
	clock := new(hourglass)
	text := `
policies:
  connect: {filters: [{type: connect-to-url, url: ws://HOST/}]}
  limit: {filters: [{type: throttling, allow: 4, every: 1h, over: close}]}
`
	for hooks, pairs := range map[string]int{
		"onUpgrade: connect\nonClientFrame: limit":                       4,
		"onUpgrade: connect\nonServerFrame: limit":                       4,
		"onUpgrade: connect\nonClientFrame: limit\nonServerFrame: limit": 2,
	} {
		c := startAt(t, clock.now, hooks, text).open("/chat")
		for range pairs {
			says(t, c, "x", "x")
		}
		closes(t, c, "too many", 1008, "more than 4")
	}
}

func TestUpgradesTellTheirRateLimit(t *testing.T) {
	clock := new(hourglass)
	g := startAt(t, clock.now, "onUpgrade: admit", `
policies:
  admit:
    filters:
      - {type: throttling, allow: 2, every: 1m, count: connections, headers: true}
      - {type: connect-to-url, url: ws://HOST/}
`)
	limits := func(h interface{ Get(string) string }) string {
		return h.Get("X-Rate-Limit-Limit") + " " + h.Get("X-Rate-Limit-Remaining") + " " + h.Get("X-Rate-Limit-Reset") + " " + h.Get("Retry-After")
	}
	for i, want := range []string{"2 1 60 ", "2 0 60 "} {
		if _, answer, _ := g.upgrade("/chat"); answer.StatusCode != 101 || limits(answer.Header) != want {
			t.Errorf("upgrade %d: %s %q, want %q", i, answer.Status, limits(answer.Header), want)
		}
		clock.turn(10 * time.Second)
	}
	if answer, _ := g.refuses(429, "/chat"); limits(answer.Header) != "2 0 50 40" {
		t.Errorf("the refusal says %q", limits(answer.Header))
	}
	clock.turn(40 * time.Second)
	g.open("/chat")
}

// Axway's Alert: one line a minute for each client, however many messages there are,
// and a line for what is more than so many.
func TestThrottlingBeforeALogLineIsAnAlert(t *testing.T) {
	clock := &hourglass{}
	g := startAt(t, clock.now, "onUpgrade: admit\nonClientFrame: watch", `
policies:
  admit: {filters: [{type: connect-to-url, url: ws://HOST/}]}
  watch:
    filters:
      - {name: seldom, type: throttling, allow: 1, every: 1m, failure: often}
      - {type: log-message, format: 'somebody talks', level: warn}
      - {name: often, type: throttling, allow: 3, every: 1m, success: pass, failure: told}
      - {name: told, type: log-message, format: 'too much talk', level: error}
`)
	c := g.open("/chat")
	for range 5 {
		says(t, c, "x", "x")
	}
	g.log.wait(t, "somebody talks", 1)
	g.log.wait(t, "too much talk", 2)
	clock.turn(61 * time.Second)
	says(t, c, "x", "x")
	g.log.wait(t, "somebody talks", 2)
	if log := g.log.String(); strings.Count(log, "somebody talks") != 2 || strings.Count(log, "too much talk") != 2 {
		t.Errorf("the log:\n%s", log)
	}
}

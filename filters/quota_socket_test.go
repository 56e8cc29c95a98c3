package filters_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fasthttp/websocket"

	"framegate/engine/state"
)

const dailyMessages = `
policies:
  admit:
    filters:
      - {type: quota, counter: plan, key: '${params.query.who}', allow: 6, per: day}
      - {type: connect-to-url, url: ws://HOST/}
  count:
    filters:
      - {type: quota, counter: plan, key: '${websock.context.params.query.who}', allow: 6, per: day, OVER}
`

// One counter counts upgrades and messages of both directions, survives a
// restart of the gateway, and is full again the next day.
func TestAQuotaOfADayOverARestart(t *testing.T) {
	clock, file := new(hourglass), filepath.Join(t.TempDir(), "state.db")
	hooks := "onUpgrade: admit\nonClientFrame: count\nonServerFrame: count"
	text := strings.Replace(dailyMessages, "OVER", `over: reply, body: 'in ${limit.wait} seconds'`, 1)
	run := func() (*gateway, *state.Disk) {
		disk := state.NewDisk(1<<20, clock.now, nil)
		if err := disk.Open(file, true); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { disk.Close() })
		return startWith(t, clock.now, disk, hooks, text), disk
	}
	g, disk := run()
	c := g.open("/chat?who=ann") // 1
	says(t, c, "a", "a")         // 3
	if err := disk.Close(); err != nil {
		t.Fatal(err)
	}

	g, disk = run()
	c = g.open("/chat?who=ann") // 4
	says(t, c, "b", "b")        // 6
	wait := "68033"             // until midnight
	says(t, c, "c", "in "+wait+" seconds")
	if answer, _ := g.refuses(429, "/chat?who=ann"); answer.Header.Get("Retry-After") != wait {
		t.Errorf("Retry-After is %q", answer.Header.Get("Retry-After"))
	}
	says(t, g.open("/chat?who=bob"), "of his own", "of his own")
	clock.turn(68033 * time.Second)
	says(t, c, "the next day", "the next day")
	if err := disk.Close(); err != nil {
		t.Fatal(err)
	}
}

// What happens to a session that is open when its quota is used up.
func TestAQuotaThatEndsWhileASessionIsOpen(t *testing.T) {
	clock := new(hourglass)
	open := func(over string) *websocket.Conn {
		memory := state.NewMemory(1<<20, clock.now)
		g := startWith(t, clock.now, memory, "onUpgrade: admit\nonClientFrame: count", strings.Replace(dailyMessages, "OVER", over, 1))
		c := g.open("/chat?who=ann")
		for range 5 {
			says(t, c, "x", "x")
		}
		return c
	}
	closes(t, open("over: fail"), "x", 1008, "refused by policy")
	closes(t, open("over: close, code: 4008"), "x", 4008, "quota of 6 a day is used up")
	c := open("over: drop")
	write(t, c, "lost")
	c.SetPongHandler(func(string) error {
		clock.turn(24 * time.Hour)
		return c.WriteMessage(websocket.TextMessage, []byte("the next day"))
	})
	if err := c.WriteControl(websocket.PingMessage, nil, time.Now().Add(10*time.Second)); err != nil {
		t.Fatal(err)
	}
	reads(t, c, "the next day")
}

func TestASoftLimitIsToldAndLoggedOnce(t *testing.T) {
	clock := new(hourglass)
	g := startWith(t, clock.now, state.NewMemory(1<<20, clock.now), "onUpgrade: admit\nonClientFrame: count", `
policies:
  admit: {filters: [{type: connect-to-url, url: ws://HOST/}]}
  count:
    filters:
      - {type: quota, allow: 4, per: month, warnAt: 75}
      - {type: set-message, body: '${quota.used} used, ${quota.left} left, warning ${quota.warning}'}
`)
	c := g.open("/chat")
	says(t, c, "", "1 used, 3 left, warning false")
	says(t, c, "", "2 used, 2 left, warning false")
	says(t, c, "", "3 used, 1 left, warning true")
	says(t, c, "", "4 used, 0 left, warning true")
	if log := g.log.String(); strings.Count(log, "quota is nearly used up") != 1 {
		t.Errorf("logged %s", log)
	}
}

func TestCostOfMessagesOverASocket(t *testing.T) {
	clock := new(hourglass)
	g := startAt(t, clock.now, "onUpgrade: admit\nonClientFrame: count", `
policies:
  admit: {filters: [{type: connect-to-url, url: ws://HOST/}]}
  count:
    filters:
      - {type: cost, kind: '${websock.opcode}', costs: {binary: 4}}
      - {type: throttling, cost: '${message.cost}', allow: 7, every: 1h, over: reply, body: 'too dear at ${message.cost}'}
`)
	c := g.open("/chat")
	says(t, c, "one", "one")
	if err := c.WriteMessage(websocket.BinaryMessage, []byte("five")); err != nil {
		t.Fatal(err)
	}
	reads(t, c, "five")
	if err := c.WriteMessage(websocket.BinaryMessage, []byte("five")); err != nil {
		t.Fatal(err)
	}
	reads(t, c, "too dear at 5")
	says(t, c, "one", "one")
	says(t, c, "one", "too dear at 1")
}

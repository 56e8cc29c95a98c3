package remotehosts_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"framegate/remotehosts"
)

// watched is a host that answers watchdogs with a status, and upgrades with 101
// while that is 200; otherwise it closes.
func watched(t *testing.T) (b *backend, status *atomic.Int64) {
	status = new(atomic.Int64)
	status.Store(200)
	return serve(t, nil, func(c net.Conn, head string) {
		code := status.Load()
		switch {
		case strings.HasPrefix(head, "OPTIONS "):
			fmt.Fprintf(c, "HTTP/1.1 %d Said\r\nContent-Length: 0\r\n\r\n", code)
		case code == 200:
			accept(c, head)
		}
	}), status
}

func watchdog(pollIfUp bool) func(*remotehosts.Definition) {
	return func(d *remotehosts.Definition) {
		d.Watchdog = &remotehosts.Watchdog{
			Method: "OPTIONS", URI: "*", OK: []remotehosts.StatusRange{{From: 200, To: 399}},
			Every: time.Minute, Timeout: patience, PollIfUp: pollIfUp,
		}
	}
}

// An address that is out stays out until the watchdog finds it well, however
// long that takes; no upgrade has to try it.
func TestWatchdogBringsAnAddressBack(t *testing.T) {
	b, status := watched(t)
	good := accepting(t, 1)[0]
	h, clock := pooled(t, []remotehosts.Addresses{group(1, b.address), group(2, good)}, watchdog(false))
	status.Store(500)
	hangUp(upgraded(t, h, call()))
	if head := <-b.heads; !strings.HasPrefix(head, "GET ") {
		t.Fatalf("first came %s", head)
	}
	for range 3 {
		until(t, "the watchdog waits", func() bool { return clock.Waiting() > 0 })
		clock.Turn(time.Minute + 13*time.Second)
		if head := <-b.heads; !strings.HasPrefix(head, "OPTIONS * HTTP/1.1\r\nHost: 192.0.2.1:9001\r\n") {
			t.Errorf("the watchdog sent\n%s", head)
		}
		until(t, "the poll counts", func() bool { return stateOf(t, h, b.address).Out.Why == "watchdog: answered 500" })
		hangUp(upgraded(t, h, call()))
	}
	if len(b.heads) > 0 {
		t.Errorf("an upgrade tried the address: %s", <-b.heads)
	}
	status.Store(200)
	until(t, "the watchdog waits", func() bool { return clock.Waiting() > 0 })
	clock.Turn(2 * time.Minute)
	until(t, "the address is back", func() bool { return stateOf(t, h, b.address).In })
	if s := upgraded(t, h, call()); s.Address != b.address {
		t.Errorf("%s took the upgrade", s.Address)
	}
}

// With pollIfUp an address goes out before any upgrade has suffered, and real
// traffic counts as polls.
func TestWatchdogPollsWhatIsUp(t *testing.T) {
	b, status := watched(t)
	h, clock := pooled(t, []remotehosts.Addresses{group(1, b.address)}, watchdog(true))
	until(t, "the watchdog waits", func() bool { return clock.Waiting() > 0 })
	clock.Turn(time.Minute)
	if head := <-b.heads; !strings.HasPrefix(head, "OPTIONS ") {
		t.Errorf("first came\n%s", head)
	}
	until(t, "the poll counts", func() bool { return clock.Waiting() > 0 })
	clock.Turn(50 * time.Second)
	hangUp(upgraded(t, h, call()))
	<-b.heads
	until(t, "the watchdog waits", func() bool { return clock.Waiting() > 0 })
	clock.Turn(50 * time.Second) // the upgrade was 50 s ago: no poll
	until(t, "the watchdog waits", func() bool { return clock.Waiting() > 0 })
	if len(b.heads) > 0 {
		t.Errorf("polled in spite of the upgrade:\n%s", <-b.heads)
	}
	status.Store(503)
	clock.Turn(11 * time.Second)
	<-b.heads
	until(t, "the address is out", func() bool { return !stateOf(t, h, b.address).In })
}

// A host whose definition stays the same keeps its watchdog over reloads, and
// the last set that is closed ends it.
func TestWatchdogLivesAsLongAsItsHost(t *testing.T) {
	b, _ := watched(t)
	def := definition("chat", b.address)
	watchdog(true)(&def)
	clock := remotehosts.NewTurnedClock()
	poll := func() {
		until(t, "the watchdog waits", func() bool { return clock.Waiting() > 0 })
		clock.Turn(2 * time.Minute)
		<-b.heads
	}
	var sets []*remotehosts.Set
	var old *remotehosts.Set
	for range 3 {
		set, problems := remotehosts.NewSetAt([]remotehosts.Definition{def}, os.DirFS(t.TempDir()), old, clock)
		if len(problems) > 0 {
			t.Fatal(problems[0])
		}
		set.Start()
		sets, old = append(sets, set), set
		poll()
	}
	unused, _ := remotehosts.NewSetAt([]remotehosts.Definition{def}, os.DirFS(t.TempDir()), old, clock)
	unused.Close() // a configuration that was never served
	sets[0].Close()
	sets[1].Close()
	sets[1].Close()
	poll()
	sets[2].Close()
	until(t, "the watchdog has ended", func() bool { return clock.Waiting() == 0 })
}

// Polls that stall end with the set.
func TestCloseEndsPolls(t *testing.T) {
	b := serve(t, nil, func(c net.Conn, _ string) { io.Copy(io.Discard, c) })
	def := definition("chat", b.address)
	watchdog(true)(&def)
	clock := remotehosts.NewTurnedClock()
	set, _ := remotehosts.NewSetAt([]remotehosts.Definition{def}, nil, nil, clock)
	set.Start()
	until(t, "the watchdog waits", func() bool { return clock.Waiting() > 0 })
	clock.Turn(2 * time.Minute)
	<-b.heads
	set.Close()
}

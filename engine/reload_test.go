package engine

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"

	"framegate/engine/wire"
)

// version makes a configuration whose policy puts its number behind every
// message of a client. Every third relays untouched, in raw mode.
func version(host *wsHost, n int, rule ChangeRule) *Snapshot {
	w := &Websocket{
		Path: "/", Upgrade: policyOf("admit", dial{host.address}), Hash: fmt.Sprint("version ", n), OnChange: rule,
		OnFail: FrameFault{Verdict: Close, Code: 1008}, OnAbort: FrameFault{Verdict: Close, Code: 1011},
	}
	if n%3 != 2 {
		w.ClientFrame = policyOf("stamp", filterFunc(func(m *Message) (bool, error) {
			m.SetBody(fmt.Appendf(nil, "%s v%d", m.Body(), n))
			return true, nil
		}))
	}
	return snapshotOf(w)
}

// stamped is what version n makes of a message.
func stamped(body string, n int) string {
	if n%3 == 2 {
		return body
	}
	return fmt.Sprintf("%s v%d", body, n)
}

func (r *running) reload(next *Snapshot) {
	r.t.Helper()
	r.next = next
	if problems, err := r.Reload(context.Background()); err != nil {
		r.t.Fatal(err, problems)
	}
}

// Each reload with onChange: migrate changes exactly the next message, whatever
// the modes before and after, also between two messages that arrive together;
// one that is half received ends by the old policy.
func TestMigrateChangesTheNextMessage(t *testing.T) {
	host := newWSHost(t)
	r := start(t, version(host, 0, Migrate))
	client, h := pair(t, r.address, host, "/")
	r.only()
	for n := 1; n <= 50; n++ {
		client.Write(client.frame(opText, "half "))
		client.send(opPing, "half is there")
		h.gets(t, opPing, "half is there")
		r.reload(version(host, n, Migrate))
		rest := client.frame(final|opContinuation, "message")
		client.Write(append(append(rest, client.frame(final|opPing, "p")...), client.frame(final|opText, "next")...))
		h.gets(t, opText, stamped("half message", n-1))
		h.gets(t, opPing, "p")
		h.gets(t, opText, stamped("next", n))
		h.send(opText, "back")
		client.gets(t, opText, "back")
		client.send(opText, "later")
		h.gets(t, opText, stamped("later", n))
	}
}

// 200 sessions send numbered messages while the configuration is reloaded 50
// times: none is lost, none comes twice or out of order, no session ends, and no
// session goes back to an older version.
func TestReloadUnderLoad(t *testing.T) {
	const sessions, reloads = 200, 50
	for _, tt := range []struct {
		name string
		next func(host *wsHost, n int) *Snapshot
		sees func(n, newest int) bool // whether a session of the first version may be at n
	}{
		{"migrate", func(h *wsHost, n int) *Snapshot { return version(h, n, Migrate) }, func(n, newest int) bool { return n <= newest }},
		{"pin", func(h *wsHost, n int) *Snapshot { return version(h, n, Pin) }, func(n, newest int) bool { return n == 0 }},
		{"removed and kept", func(h *wsHost, n int) *Snapshot { return snapshotOf() }, func(n, newest int) bool { return n == 0 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			host := newWSHost(t)
			first := version(host, 0, Migrate)
			first.Ports["public"].Websockets[0].KeepRemoved = true
			r := start(t, first)
			var newest, total atomic.Int64
			var over atomic.Bool
			var all sync.WaitGroup
			for i := range sessions {
				client, h := pair(t, r.address, host, fmt.Sprint("/", i))
				all.Go(func() { h.echo() })
				all.Go(func() {
					at := 0
					for number := 0; !over.Load(); number++ {
						body := fmt.Sprintf("%d of %d", number, i)
						client.Write(client.frame(opText, body[:2]))
						client.Write(client.frame(final|opContinuation, body[2:]))
						ev, err := client.receive()
						n := at
						for n <= int(newest.Load()) && ev.body != stamped(body, n) {
							n++
						}
						if err != nil || ev.op != opText || ev.body != stamped(body, n) || !tt.sees(n, int(newest.Load())) {
							t.Errorf("session %d sent %q at version %d and got %v, %v", i, body, at, ev, err)
							return
						}
						at = n
						if n%3 == 2 {
							at = n - 2 // raw: any of them
						}
						total.Add(1)
					}
					client.sendClose(wire.CloseNormal, "")
					client.getsClose(t, wire.CloseNormal, "")
				})
			}
			for n := 1; n <= reloads; n++ {
				newest.Store(int64(n))
				r.reload(tt.next(host, n))
				before := total.Load()
				eventually(t, "messages go on", func() bool { return total.Load() > before+sessions/2 || t.Failed() })
			}
			over.Store(true)
			all.Wait()
			r.gone()
			t.Logf("%d messages through %d reloads", total.Load(), reloads)
		})
	}
}

// Sessions of a changed websocket with onChange: drain, and of one that is
// removed, are closed with 1012 at some time within the spread, not before.
func TestReloadDrainsSessions(t *testing.T) {
	for _, tt := range []struct {
		name string
		next func(h *wsHost) *Snapshot
	}{
		{"changed", func(h *wsHost) *Snapshot { return version(h, 1, Drain) }},
		{"removed", func(h *wsHost) *Snapshot { return snapshotOf() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			host := newWSHost(t)
			c := &clock{}
			r := startGateway(t, version(host, 0, Migrate), func(g *Gateway) { g.Clock = c.now })
			var clients, hosts []*wsPeer
			for i := range 20 {
				client, h := pair(t, r.address, host, fmt.Sprint("/", i))
				clients, hosts = append(clients, client), append(hosts, h)
			}
			eventually(t, "all sessions are open", func() bool { return r.Sessions().Len() == len(clients) })
			r.reload(tt.next(host))
			for i := range clients { // all go on, by the old policy
				clients[i].send(opText, "hello")
				hosts[i].gets(t, opText, stamped("hello", 0))
			}
			c.turn(drainSpread / 2)
			r.Sweep()
			closing := 0
			for _, s := range r.Sessions().All() {
				if s.Info().Closing {
					closing++
				}
			}
			if open := r.Sessions().Len(); closing == open && open == len(clients) {
				t.Error("all sessions were closed at once")
			}
			c.turn(drainSpread)
			r.Sweep()
			for i := range clients {
				for _, p := range []*wsPeer{clients[i], hosts[i]} {
					p.getsClose(t, wire.CloseServiceRestart, "configuration changed")
					p.getsEnd(t)
					p.Close()
				}
			}
			if rec := r.gone(); rec.By != "reload" || rec.Code != wire.CloseServiceRestart {
				t.Errorf("recorded as %+v", rec)
			}
		})
	}
}

// closerFunc makes an io.Closer of a function.
type closerFunc func()

func (f closerFunc) Close() error {
	f()
	return nil
}

// A snapshot is closed when its last session has ended or moved on, and the
// gateway serves another.
func TestSnapshotsCloseWithTheirLastSession(t *testing.T) {
	host := newWSHost(t)
	var closed [3]atomic.Bool
	snapshot := func(n int, rule ChangeRule) *Snapshot {
		s := version(host, n, rule)
		s.Closers = []io.Closer{closerFunc(func() { closed[n].Store(true) })}
		return s
	}
	r := start(t, snapshot(0, Pin))
	client, h := pair(t, r.address, host, "/")
	r.only()
	r.reload(snapshot(1, Pin))
	r.Sweep()
	if closed[0].Load() {
		t.Fatal("the snapshot of a pinned session was closed")
	}
	newer, newerHost := pair(t, r.address, host, "/newer")
	eventually(t, "both are open", func() bool { return r.Sessions().Len() == 2 })
	client.sendClose(wire.CloseNormal, "")
	h.getsClose(t, wire.CloseNormal, "")
	h.Close()
	client.Close()
	eventually(t, "the first snapshot is closed", closed[0].Load)

	r.reload(snapshot(2, Migrate))
	exchangeStamped := func(n int) {
		t.Helper()
		newer.send(opText, "hello")
		newerHost.gets(t, opText, stamped("hello", n))
		newerHost.send(opText, "hello")
		newer.gets(t, opText, "hello")
	}
	exchangeStamped(2)
	eventually(t, "the second snapshot is closed", func() bool {
		r.Sweep()
		return closed[1].Load()
	})
	exchangeStamped(2)
	if closed[2].Load() {
		t.Error("the snapshot that is served was closed")
	}
}

// What is reloaded while an upgrade is on its way holds for its session as well:
// it goes on by the new policy, or is closed with the others.
func TestReloadDuringAnUpgrade(t *testing.T) {
	begin := func(t *testing.T, next func(*wsHost) *Snapshot) (client, h *wsPeer, r *running, c *clock) {
		host, deciding, decided := newWSHost(t), make(chan struct{}), make(chan struct{})
		first := version(host, 0, Migrate)
		first.Ports["public"].Websockets[0].Upgrade = policyOf("admit", dial{host.address}, filterFunc(func(*Message) (bool, error) {
			close(deciding)
			<-decided
			return true, nil
		}))
		c = &clock{}
		r = startGateway(t, first, func(g *Gateway) { g.Clock = c.now })
		go func() {
			<-deciding
			r.reload(next(host))
			close(decided)
		}()
		client, h = pair(t, r.address, host, "/")
		return client, h, r, c
	}
	t.Run("changed", func(t *testing.T) {
		client, h, _, _ := begin(t, func(host *wsHost) *Snapshot { return version(host, 1, Migrate) })
		client.send(opText, "hello")
		h.gets(t, opText, stamped("hello", 1))
	})
	t.Run("pinned", func(t *testing.T) {
		client, h, _, _ := begin(t, func(host *wsHost) *Snapshot { return version(host, 1, Pin) })
		client.send(opText, "hello")
		h.gets(t, opText, stamped("hello", 0))
	})
	t.Run("removed", func(t *testing.T) {
		client, h, r, c := begin(t, func(*wsHost) *Snapshot { return snapshotOf() })
		r.only()
		c.turn(drainSpread)
		r.Sweep()
		client.getsClose(t, wire.CloseServiceRestart, "configuration changed")
		h.getsClose(t, wire.CloseServiceRestart, "configuration changed")
	})
}

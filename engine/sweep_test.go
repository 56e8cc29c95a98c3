package engine

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"framegate/engine/wire"
)

// clock is a gateway's clock that the test turns.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time       { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) turn(d time.Duration) { c.ahead.Add(int64(d)) }

// turned starts a gateway with a clock, and opens one session.
func turned(t *testing.T, w *Websocket) (r *running, c *clock, client, host *wsPeer) {
	t.Helper()
	h := newWSHost(t)
	w.Path, w.Upgrade = "/", policyOf("admit", dial{h.address})
	c = &clock{}
	r = startGateway(t, snapshotOf(w), func(g *Gateway) { g.Clock = c.now })
	client, host = pair(t, r.address, h, "/")
	r.only()
	r.Sweep()
	return r, c, client, host
}

// exchange sends a message each way.
func exchange(t *testing.T, client, host *wsPeer, body string) {
	t.Helper()
	client.send(opText, body)
	host.gets(t, opText, body)
	host.send(opText, body)
	client.gets(t, opText, body)
}

func (r *running) endsWith(client, host *wsPeer, by string, code uint16, reason string) {
	r.t.Helper()
	for _, p := range []*wsPeer{client, host} {
		p.getsClose(r.t, code, reason)
		p.getsEnd(r.t)
		p.Close()
	}
	if c := r.gone(); c.By != by || c.Code != code {
		r.t.Errorf("recorded as by %q with %d, want %q with %d", c.By, c.Code, by, code)
	}
}

func TestIdleSessionsAreClosed(t *testing.T) {
	modes(t, func(t *testing.T, w *Websocket) {
		w.Idle = time.Minute
		r, c, client, host := turned(t, w)
		for range 3 { // messages keep it open
			c.turn(50 * time.Second)
			exchange(t, client, host, "still here")
			eventually(t, "the messages are counted", func() bool { return r.only().traffic(HostSide).Messages > 0 })
			r.Sweep()
		}
		c.turn(30 * time.Second)
		client.send(opPing, "pings do not") // only data messages count
		host.gets(t, opPing, "pings do not")
		r.Sweep()
		exchangeNothing(t, r)
		c.turn(31 * time.Second)
		r.Sweep()
		r.endsWith(client, host, "idle timeout", wire.CloseGoingAway, "idle for 1m0s")
	})
}

// exchangeNothing sees that the session is open.
func exchangeNothing(t *testing.T, r *running) {
	t.Helper()
	if r.only().Info().Closing {
		t.Fatal("the session is closing")
	}
}

func TestSessionsExpire(t *testing.T) {
	t.Run("by the websocket", func(t *testing.T) {
		r, c, client, host := turned(t, &Websocket{Expire: time.Hour})
		c.turn(59 * time.Minute)
		exchange(t, client, host, "hello")
		r.Sweep()
		exchangeNothing(t, r)
		c.turn(time.Minute)
		r.Sweep()
		r.endsWith(client, host, "expiry", wire.CloseGoingAway, "session expired")
	})
	t.Run("by ExpireAt", func(t *testing.T) {
		r, c, client, host := turned(t, &Websocket{})
		s := r.only()
		s.ExpireAt(c.now().Add(time.Minute), 4321)
		r.Sweep()
		exchange(t, client, host, "hello")
		s.ExpireAt(time.Time{}, 0) // taken away
		c.turn(2 * time.Minute)
		r.Sweep()
		exchange(t, client, host, "hello")
		s.ExpireAt(c.now(), 4321)
		r.Sweep()
		r.endsWith(client, host, "expiry", 4321, "session expired")
	})
}

// The gateway's own pings are between it and each peer: the other one sees
// neither them nor the pongs, while the peers' own pings and pongs go through.
func TestKeepAlive(t *testing.T) {
	modes(t, func(t *testing.T, w *Websocket) {
		w.Ping = Ping{Every: 30 * time.Second, Timeout: 10 * time.Second}
		r, c, client, host := turned(t, w)
		pinged := func(p *wsPeer) string {
			t.Helper()
			ev, err := p.receive()
			if err != nil || ev.op != opPing || !strings.HasPrefix(ev.body, pingMark) {
				t.Fatalf("got %v, %v; want a ping of the gateway", ev, err)
			}
			return ev.body
		}
		answer := func(p *wsPeer) {
			t.Helper()
			p.send(opPong, pinged(p))
		}
		answer(client)
		answer(host)
		for range 3 {
			exchange(t, client, host, "hello") // comes behind the pong, which was read by then
			client.send(opPing, "end to end")
			host.gets(t, opPing, "end to end")
			host.send(opPong, "end to end")
			client.gets(t, opPong, "end to end")
			c.turn(15 * time.Second)
			r.Sweep()
			exchangeNothing(t, r)
			c.turn(15 * time.Second)
			r.Sweep()
			answer(client)
			answer(host)
		}
		exchange(t, client, host, "hello")
		c.turn(30 * time.Second)
		r.Sweep()
		answer(client)
		pinged(host) // who does not answer
		c.turn(9 * time.Second)
		client.send(opText, "hello")
		host.gets(t, opText, "hello")
		r.Sweep()
		exchangeNothing(t, r)
		c.turn(time.Second)
		r.Sweep()
		r.endsWith(client, host, "host", wire.CloseGoingAway, "no pong within 10s")
	})
}

// A peer that never answers the Close cannot keep the session.
func TestSessionsThatDoNotEndAreStopped(t *testing.T) {
	stuck := make(chan struct{})
	r, c, client, host := turned(t, &Websocket{ClientFrame: policyOf("stuck", filterFunc(func(m *Message) (bool, error) {
		close(stuck)
		<-m.Context().Done()
		return false, m.Context().Err()
	}))})
	client.send(opText, "hello")
	<-stuck
	host.sendClose(wire.CloseNormal, "")
	client.getsClose(t, wire.CloseNormal, "")
	c.turn(5 * time.Second)
	r.Sweep()
	host.getsClose(t, wire.CloseNormal, "")
	client.Close()
	host.Close()
	r.gone()
}

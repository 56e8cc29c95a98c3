package remotehosts_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"framegate/engine"
	"framegate/remotehosts"
)

// stateOf finds an address in the state of its host.
func stateOf(t *testing.T, h *remotehosts.Host, address string) engine.RemoteHostAddress {
	t.Helper()
	for _, a := range h.State().Addresses {
		if a.Address == address {
			return a
		}
	}
	t.Fatalf("%s is no address of the host: %+v", address, h.State())
	return engine.RemoteHostAddress{}
}

// switched is a host that can be made sick: it resets then.
func switched(t *testing.T) (b *backend, sick *atomic.Bool) {
	sick = new(atomic.Bool)
	return serve(t, nil, func(c net.Conn, head string) {
		if sick.Load() {
			c.(*net.TCPConn).SetLinger(0)
			return
		}
		accept(c, head)
	}), sick
}

// An address that fails is out for a while, for longer each time, and comes back
// by one upgrade that finds it well.
func TestEjectionAndReturn(t *testing.T) {
	flaky, sick := switched(t)
	good := accepting(t, 1)[0]
	h, clock := pooled(t, []remotehosts.Addresses{group(1, flaky.address), group(2, good)}, nil)
	sick.Store(true)
	for round, want := range []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second, 40 * time.Second, time.Minute, time.Minute} {
		for range 4 { // only the first of them asks the flaky one
			hangUp(upgraded(t, h, call()))
		}
		if got := len(flaky.heads); got != round+1 {
			t.Fatalf("round %d: the flaky address was asked %d times", round, got)
		}
		a := stateOf(t, h, flaky.address)
		if a.In || a.Out == nil || !strings.Contains(a.Out.Why, "reset") || !a.Out.Since.Equal(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)) {
			t.Fatalf("state is %+v, %+v", a, a.Out)
		}
		left := a.Out.Until.Sub(clock.Now())
		if left < want*4/5 || left > want*6/5+time.Millisecond {
			t.Errorf("round %d: out for %s, want %s and a fifth more or less", round, left, want)
		}
		clock.Turn(left)
	}
	sick.Store(false)
	if s := upgraded(t, h, call()); s.Address != flaky.address {
		t.Errorf("%s took the upgrade", s.Address)
	}
	if a := stateOf(t, h, flaky.address); !a.In || a.Out != nil || a.Open != 1 {
		t.Errorf("state is %+v", a)
	}
	sick.Store(true) // the next time begins with the short time again
	hangUp(upgraded(t, h, call()))
	if left := stateOf(t, h, flaky.address).Out.Until.Sub(clock.Now()); left > 6*time.Second+time.Millisecond {
		t.Errorf("out for %s", left)
	}
}

// While one upgrade tries an address that was out, no other does.
func TestOneTrialAtATime(t *testing.T) {
	release := make(chan struct{})
	var sick atomic.Bool
	flaky := serve(t, nil, func(c net.Conn, head string) {
		if sick.Load() {
			return
		}
		<-release
		accept(c, head)
	})
	good := accepting(t, 1)[0]
	h, clock := pooled(t, []remotehosts.Addresses{group(1, flaky.address), group(2, good)}, nil)
	sick.Store(true)
	hangUp(upgraded(t, h, call()))
	<-flaky.heads
	sick.Store(false)
	clock.Turn(10 * time.Second)
	trial := make(chan *engine.Socket, 1)
	go func() {
		s, _ := h.Upgrade(t.Context(), call())
		trial <- s
	}()
	<-flaky.heads
	if got := taken(t, h, 5); got[good] != 5 {
		t.Errorf("taken: %v", got)
	}
	close(release)
	if s := <-trial; s == nil || s.Address != flaky.address {
		t.Errorf("the trial got %+v", s)
	} else {
		hangUp(s)
	}
	if !stateOf(t, h, flaky.address).In {
		t.Error("the address is not back")
	}
}

// 5xx set an address aside only when they come in a row: one request that makes
// it stumble must not take it from everybody.
func TestFiveHundredsInARow(t *testing.T) {
	var status atomic.Int64
	b := serve(t, nil, func(c net.Conn, head string) {
		if code := status.Load(); code != 0 {
			fmt.Fprintf(c, "HTTP/1.1 %d Oops\r\nContent-Length: 0\r\n\r\n", code)
			return
		}
		accept(c, head)
	})
	h, _ := pooled(t, []remotehosts.Addresses{group(1, b.address), group(2, unreachable(t))}, nil)
	fail := func(times int) {
		status.Store(500)
		for range times {
			if _, err := h.Upgrade(t.Context(), call()); !errors.As(err, new(*remotehosts.Refused)) {
				t.Errorf("error is %v, want the host's own answer", err)
			}
		}
		status.Store(0)
	}
	fail(4)
	hangUp(upgraded(t, h, call()))
	fail(4)
	if !stateOf(t, h, b.address).In {
		t.Error("out after four in a row")
	}
	fail(1)
	if a := stateOf(t, h, b.address); a.In || a.Out.Why != "answers 500" {
		t.Errorf("after five in a row: %+v", a)
	}
}

// A host of which every address fails is not asked any more; after a while one
// upgrade is let through, and when the host is well all are.
func TestCircuitBreaker(t *testing.T) {
	one, sick := switched(t)
	h, clock := pooled(t, []remotehosts.Addresses{group(1, one.address)}, func(d *remotehosts.Definition) {
		d.Breaker = remotehosts.Breaker{Failures: 3, First: 2 * time.Second, Most: time.Minute}
	})
	sick.Store(true)
	for range 3 {
		expectError(t, h, call(), 502, "reset")
	}
	for range 5 {
		expectError(t, h, call(), 503, "its circuit breaker is open after 3 failures in a row, the last: ")
	}
	if asked := len(one.heads); asked != 3 {
		t.Errorf("the host was asked %d times", asked)
	}
	b := h.State().Breaker
	if b == nil || b.Failures != 3 || !strings.Contains(b.Why, "reset") || b.Until.Sub(clock.Now()) < 1600*time.Millisecond {
		t.Fatalf("breaker is %+v", b)
	}
	clock.Turn(b.Until.Sub(clock.Now()))
	expectError(t, h, call(), 502, "reset") // the trial
	expectError(t, h, call(), 503, "circuit breaker")
	if longer := h.State().Breaker.Until.Sub(clock.Now()); longer < 3*time.Second {
		t.Errorf("after the trial it is open for %s", longer)
	}
	clock.Turn(time.Minute)
	sick.Store(false)
	hangUp(upgraded(t, h, call()))
	if h.State().Breaker != nil {
		t.Error("the breaker is still open")
	}
}

// An answer of any status shows that the host is there.
func TestAnswersKeepTheBreakerClosed(t *testing.T) {
	b := serve(t, nil, func(c net.Conn, _ string) { io.WriteString(c, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n") })
	h, _ := pooled(t, []remotehosts.Addresses{group(1, b.address)}, func(d *remotehosts.Definition) {
		d.Breaker = remotehosts.Breaker{Failures: 2, First: time.Second, Most: time.Second}
	})
	for range 10 {
		if _, err := h.Upgrade(t.Context(), call()); !errors.As(err, new(*remotehosts.Refused)) {
			t.Fatalf("error is %v", err)
		}
	}
}

// What a request itself may be the fault of opens no breaker: a host that names
// a subprotocol to those who offered none is well for all others.
func TestUnfitAnswersKeepTheBreakerClosed(t *testing.T) {
	b := serve(t, nil, func(c net.Conn, head string) {
		io.WriteString(c, switching(head, "Sec-WebSocket-Protocol: chat.v1\r\n"))
		io.Copy(io.Discard, c)
	})
	h, _ := pooled(t, []remotehosts.Addresses{group(1, b.address)}, func(d *remotehosts.Definition) {
		d.Breaker = remotehosts.Breaker{Failures: 2, First: time.Second, Most: time.Second}
	})
	for range 6 {
		expectError(t, h, call(), 502, "chat.v1")
	}
	c := call()
	c.Offer.Subprotocols = []string{"chat.v1"}
	hangUp(upgraded(t, h, c))
}

// Upgrades that go away while they try an address leave it to the next.
func TestTrialThatGoesAway(t *testing.T) {
	var mode atomic.Int64 // 0: well, 1: resets, 2: waits
	b := serve(t, nil, func(c net.Conn, head string) {
		switch mode.Load() {
		case 1:
			c.(*net.TCPConn).SetLinger(0)
		case 2:
			io.Copy(io.Discard, c)
		default:
			accept(c, head)
		}
	})
	h, clock := pooled(t, []remotehosts.Addresses{group(1, b.address), group(2, accepting(t, 1)...)}, nil)
	mode.Store(1)
	hangUp(upgraded(t, h, call()))
	<-b.heads
	mode.Store(2)
	clock.Turn(10 * time.Second)
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() {
		_, err := h.Upgrade(ctx, call())
		gone <- err
	}()
	<-b.heads
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	mode.Store(0)
	if s := upgraded(t, h, call()); s.Address != b.address {
		t.Errorf("%s took the upgrade: the trial was never given back", s.Address)
	}
}

package filters

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"framegate/engine"
	"framegate/engine/meter"
)

const second = engine.Duration(time.Second)

// throttle is a throttling filter and a message on a clock that can be turned.
func throttle(t *testing.T, settings func(f *throttling)) (*throttling, *engine.Message, *clock) {
	t.Helper()
	c, m := newClock(), upgrade("/")
	m.SetClock(c.now)
	return build(t, nil, settings), m, c
}

// tries runs the filter some times and counts the passes.
func tries(t *testing.T, f engine.Filter, m *engine.Message, times int) (passed int) {
	t.Helper()
	for range times {
		pass, err := f.Run(m)
		if err != nil {
			t.Fatal(err)
		}
		if pass {
			passed++
		}
	}
	return passed
}

func TestFloatingWindow(t *testing.T) {
	f, m, c := throttle(t, func(f *throttling) { f.Allow, f.Every = 3, 10*second })
	for i, step := range []struct {
		turn   time.Duration
		tries  int
		passed int
	}{
		{0, 1, 1},                    // at 0 s
		{4 * time.Second, 1, 1},      // at 4 s
		{5 * time.Second, 3, 1},      // at 9 s
		{time.Second - 1, 2, 0},      // a nanosecond before the first is 10 s old
		{1, 2, 1},                    // at 10 s
		{4 * time.Second, 2, 1},      // at 14 s
		{4 * time.Second, 9, 0},      // at 18 s
		{20 * time.Second, 9, 3},     // at 38 s
		{-30 * time.Second, 9, 0},    // a clock that was turned back gives nothing away
		{1000 * time.Second, 1e3, 3}, // at 1008 s
		{100*time.Second - 1, 1, 1},  // at 1107 s
	} {
		c.turn(step.turn)
		if got := tries(t, f, m, step.tries); got != step.passed {
			t.Errorf("step %d: %d of %d passed, want %d", i, got, step.tries, step.passed)
		}
	}
}

func TestAFloatingWindowOnAClockThatIsTurnedBack(t *testing.T) {
	f, m, c := throttle(t, func(f *throttling) { f.Allow, f.Every = 2, 10*second })
	passes(t, f, m)
	c.turn(-time.Minute)
	passes(t, f, m)
	c.turn(time.Minute)
	fails(t, f, m, 429)
	c.turn(10 * time.Second)
	if got := tries(t, f, m, 5); got != 2 {
		t.Errorf("%d passed after the window, want 2", got)
	}
}

func TestAFloatingWindowNeverLetsTooManyPass(t *testing.T) {
	for _, allow := range []int{1, 7, 64, 65, 1000} {
		t.Run(fmt.Sprint(allow), func(t *testing.T) {
			f, m, c := throttle(t, func(f *throttling) { f.Allow, f.Every = quantity(allow), 10*second })
			var passed []time.Time
			step := 10 * time.Second / time.Duration(3*allow) // three times as many as are allowed
			for i := range 12 * allow {
				if pass, _ := f.Run(m); pass {
					passed = append(passed, c.now())
				}
				c.turn(step + time.Duration(i%7)*step/11)
			}
			for i := allow; i < len(passed); i++ {
				if span := passed[i].Sub(passed[i-allow]); span < 10*time.Second {
					t.Fatalf("%d passed in %s", allow+1, span)
				}
			}
			if floor := 4 * allow * 9 / 10; len(passed) < floor {
				t.Errorf("only %d passed in four windows", len(passed))
			}
		})
	}
}

func TestTokenBucket(t *testing.T) {
	f, m, c := throttle(t, func(f *throttling) { f.Allow, f.Every, f.Algorithm, f.Burst = 10, 10*second, "token-bucket", 3 })
	for i, step := range []struct {
		turn   time.Duration
		tries  int
		passed int
	}{
		{0, 9, 3},                       // the burst
		{time.Second - 1, 1, 0},         // one more each second
		{1, 2, 1},                       //
		{2500 * time.Millisecond, 9, 2}, // half a token is left
		{500 * time.Millisecond, 2, 1},
		{time.Hour, 9, 3}, // never more than the burst
	} {
		c.turn(step.turn)
		if got := tries(t, f, m, step.tries); got != step.passed {
			t.Errorf("step %d: %d of %d passed, want %d", i, got, step.tries, step.passed)
		}
	}
	all, m, _ := throttle(t, func(f *throttling) { f.Allow, f.Algorithm = 5, "token-bucket" })
	if got := tries(t, all, m, 20); got != 5 {
		t.Errorf("without a burst %d passed at once, want 5", got)
	}
}

func TestThrottlingTellsWhenToTryAgain(t *testing.T) {
	for _, algorithm := range []string{"floating-window", "token-bucket"} {
		f, m, c := throttle(t, func(f *throttling) { f.Allow, f.Every, f.Algorithm = 1, 90*second, algorithm })
		passes(t, f, m)
		c.turn(500 * time.Millisecond)
		fails(t, f, m, 429)
		_, headers, reason := m.Refusal()
		if headers.Get("Retry-After") != "90" || reason != "more than 1 in 1m30s" {
			t.Errorf("%s: Retry-After %s, %s", algorithm, headers.Get("Retry-After"), reason)
		}
		c.turn(89500 * time.Millisecond)
		passes(t, f, m)
	}
}

func TestThrottlingCountsEachKeyApart(t *testing.T) {
	f := build(t, nil, func(f *throttling) { f.Allow, f.Every = 2, 3600*second })
	for _, client := range []string{"192.0.2.1:1", "192.0.2.2:1", "[2001:db8::1]:1"} {
		if got := tries(t, f, from(client), 5); got != 2 {
			t.Errorf("%s: %d passed", client, got)
		}
	}
	if got := tries(t, f, from("[::ffff:192.0.2.1]:9"), 1); got != 0 {
		t.Error("an address counts as another when it is mapped into IPv6")
	}

	byHeader := build(t, nil, func(f *throttling) { f.Allow, f.Every, f.Key = 1, 3600*second, sel("${http.header.X-Id}") })
	long := strings.Repeat("a", 10_000)
	for _, id := range []string{"a", "b", long + "1", long + "2"} {
		if got := tries(t, byHeader, upgrade("/", "X-Id: "+id), 3); got != 1 {
			t.Errorf("%.20s: %d passed", id, got)
		}
	}
	together := build(t, nil, func(f *throttling) { f.Allow, f.Every, f.Key = 3, 3600*second, sel("everybody") })
	if got := tries(t, together, from("192.0.2.1:1"), 2) + tries(t, together, from("192.0.2.2:1"), 2); got != 3 {
		t.Errorf("%d passed of everybody", got)
	}
}

func TestThrottlingIsExactHoweverManyAsk(t *testing.T) {
	for _, algorithm := range []string{"floating-window", "token-bucket", "smooth"} {
		f := build(t, nil, func(f *throttling) {
			f.Allow, f.Every, f.Algorithm = 1000, 3600*second, algorithm
			if algorithm != "floating-window" {
				f.Burst = 1000
			}
		})
		c := newClock()
		var passed atomic.Int64
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				m := upgrade("/")
				m.SetClock(c.now)
				for range 500 {
					if pass, err := f.Run(m); pass && err == nil {
						passed.Add(1)
					}
				}
			})
		}
		wg.Wait()
		if passed.Load() != 1000 {
			t.Errorf("%s: %d of 4000 passed, want 1000", algorithm, passed.Load())
		}
	}
}

func TestThrottlingForgetsKeys(t *testing.T) {
	l := newLimiter(160, meter.Rate{Allow: 1, Every: 10 * time.Second})
	c := newClock()
	ask := func(key string) bool {
		return l.take([]byte(key), 1, c.now()).OK
	}
	ask("busy")
	for i := range 5000 {
		ask(fmt.Sprint(i))
		if ask("busy") { // seen all the time, so never forgotten
			t.Fatalf("a busy key was forgotten after %d others", i)
		}
	}
	if n := l.len(); n > 160 {
		t.Errorf("%d keys are kept", n)
	}
	for i := range 500 {
		c.turn(10 * time.Second)
		ask(fmt.Sprint("late ", i))
	}
	if n := l.len(); n > 2*limiterShards {
		t.Errorf("%d keys are kept, though all but one are idle", n)
	}
}

func TestThrottlingGoesOnCountingAfterAReload(t *testing.T) {
	settings := func(f *throttling) { f.Allow, f.Every = 3, 3600*second }
	before, m, _ := throttle(t, settings)
	tries(t, before, m, 2)
	after := build(t, nil, settings)
	after.Inherit(before)
	if got := tries(t, after, m, 1) + tries(t, before, m, 1); got != 1 {
		t.Errorf("%d passed after the reload, want the 1 that was left", got)
	}
	other := build(t, nil, func(f *throttling) { f.Allow, f.Every = 4, 3600*second })
	other.Inherit(before)
	if got := tries(t, other, m, 9); got != 4 {
		t.Errorf("%d passed with other settings, want 4", got)
	}
}

func TestABurstInsideAMillisecondIsCutExactly(t *testing.T) {
	for _, algorithm := range []string{"floating-window", "token-bucket"} {
		for _, allow := range []int{1, 4, 64, 65, 999} {
			f, m, c := throttle(t, func(f *throttling) { f.Allow, f.Every, f.Algorithm = quantity(allow), 60*second, algorithm })
			passed := 0
			for range 1000 {
				passed += tries(t, f, m, 1)
				c.turn(999 * time.Nanosecond)
			}
			if passed != allow {
				t.Errorf("%s: %d of 1000 passed within a millisecond, want %d", algorithm, passed, allow)
			}
		}
	}
}

func TestSmoothSpreadsEvenly(t *testing.T) {
	f, m, c := throttle(t, func(f *throttling) { f.Allow, f.Every, f.Algorithm = 10, second, "smooth" })
	for range 30 {
		if got := tries(t, f, m, 5); got != 1 {
			t.Fatalf("%d passed at once", got)
		}
		c.turn(100*time.Millisecond - 1)
		if got := tries(t, f, m, 1); got != 0 {
			t.Fatal("the next one passed before its time")
		}
		c.turn(1)
	}
	c.turn(time.Hour)
	if got := tries(t, f, m, 5); got != 1 {
		t.Errorf("%d passed after a pause", got)
	}
	f, m, c = throttle(t, func(f *throttling) { f.Allow, f.Every, f.Algorithm, f.Burst = 3, second, "smooth", 2 })
	c.turn(time.Hour)
	if got := tries(t, f, m, 5); got != 2 {
		t.Errorf("%d passed after a pause, want the burst", got)
	}
	c.turn(333_333_333) // a third of a second is a little more
	if got := tries(t, f, m, 1); got != 0 {
		t.Error("the third passed a third of a nanosecond early")
	}
	c.turn(1)
	passes(t, f, m)
}

func TestEachOfSeveralLimitsHolds(t *testing.T) {
	f, m, c := throttle(t, func(f *throttling) {
		f.Limits = []throttlingLimit{{Allow: 2, Every: second}, {Allow: 5, Every: 60 * second}}
	})
	for i, want := range []int{2, 2, 1, 0, 0} {
		if got := tries(t, f, m, 9); got != want {
			t.Errorf("second %d: %d passed, want %d", i, got, want)
		}
		c.turn(time.Second)
	}
	fails(t, f, m, 429)
	if _, headers, reason := m.Refusal(); reason != "more than 5 in 1m0s" || headers.Get("Retry-After") != "55" {
		t.Errorf("%s, after %s", reason, headers.Get("Retry-After"))
	}
	if attribute(m, "limit.wait") != "55" {
		t.Errorf("limit.wait is %s", attribute(m, "limit.wait"))
	}
	c.turn(55 * time.Second) // what was refused has counted for nothing
	if got := tries(t, f, m, 9); got != 2 {
		t.Errorf("%d passed a minute after the first", got)
	}
}

// costly is a frame that has a cost.
func costly(cost engine.Value) *engine.Message {
	m := frame("")
	if err := m.Set(engine.AttrOf("message.cost"), cost); err != nil {
		panic(err)
	}
	return m
}

func TestThrottlingByCost(t *testing.T) {
	f := build(t, nil, func(f *throttling) {
		f.Allow, f.Every, f.Cost, f.Key = 10, 3600*second, sel("${message.cost}"), sel("all")
	})
	passes(t, f, costly(engine.IntValue(4)))
	passes(t, f, costly(engine.FloatValue(2.5)))      // counts 3
	fails(t, f, costly(engine.StringValue("4")), 429) // and for nothing
	passes(t, f, costly(engine.StringValue(" 3 ")))
	fails(t, f, costly(engine.IntValue(1)), 429)
	passes(t, f, costly(engine.IntValue(0)))
	never := costly(engine.IntValue(11))
	fails(t, f, never, 429)
	if _, headers, reason := never.Refusal(); headers.Has("Retry-After") || !strings.Contains(reason, "this alone counts 11") || attribute(never, "limit.wait") != "-1" {
		t.Errorf("%s, retry after %s", reason, headers.Get("Retry-After"))
	}
	for _, broken := range []engine.Value{
		engine.StringValue("many"), engine.StringValue(""), engine.IntValue(-1), engine.FloatValue(-0.5), engine.StringValue("NaN"),
		engine.StringValue("Inf"), engine.BoolValue(true), engine.TreeValue([]any{1.0}), engine.FloatValue(1e16),
	} {
		aborts(t, f, costly(broken), "cost: ")
	}
	aborts(t, f, frame(""), "message.cost")
}

func TestThrottlingCountsBytesOfMessages(t *testing.T) {
	f := build(t, nil, func(f *throttling) { f.Allow, f.Every, f.Count, f.Key = 10, 3600*second, "bytes", sel("all") })
	passes(t, f, upgrade("/")) // has none
	passes(t, f, frame("12345678"))
	fails(t, f, frame("123"), 429)
	passes(t, f, binaryFrame("12"))
	passes(t, f, frame(""))
	fails(t, f, frame("1"), 429)

	connections := build(t, nil, func(f *throttling) { f.Allow, f.Every, f.Count, f.Key = 1, 3600*second, "connections", sel("all") })
	passes(t, connections, frame("x"))
	passes(t, connections, upgrade("/"))
	fails(t, connections, upgrade("/"), 429)
	passes(t, connections, frame("x"))
}

func TestIPv6ClientsOfANetworkCountTogether(t *testing.T) {
	f := build(t, nil, func(f *throttling) { f.Every = 3600 * second })
	passes(t, f, from("[2001:db8:1:2::1]:1"))
	fails(t, f, from("[2001:db8:1:2:ffff::2]:1"), 429)
	passes(t, f, from("[2001:db8:1:3::1]:1"))
	apart := build(t, nil, func(f *throttling) { f.Every, f.IPv6Prefix = 3600*second, 128 })
	passes(t, apart, from("[2001:db8:1:2::1]:1"))
	passes(t, apart, from("[2001:db8:1:2::2]:1"))
	passes(t, apart, from("192.0.2.1:1"))
	passes(t, apart, from("192.0.2.2:1"))
}

func TestADelayEndsWithTheSession(t *testing.T) {
	f := build(t, nil, func(f *throttling) { f.Every, f.Over, f.MaxDelay = 60*second, "delay", 300*second })
	m := frame("")
	passes(t, f, m)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m.SetContext(ctx)
	aborts(t, f, m, "context canceled")
	short := build(t, nil, func(f *throttling) { f.Every, f.Over = 60*second, "delay" })
	passes(t, short, m)
	fails(t, short, m, 429) // a minute is more than maxDelay: at once
}

func TestThrottlingSettingsThatAreRefused(t *testing.T) {
	onUpgrade, onFrame := &Env{Hooks: engine.OnUpgrade}, &Env{Hooks: engine.OnClientFrame}
	for i, c := range []struct {
		field    string
		env      *Env
		settings func(f *throttling)
	}{
		{"allow", nil, func(f *throttling) { f.Allow = 0 }},
		{"every", nil, func(f *throttling) { f.Every = 0 }},
		{"burst", nil, func(f *throttling) { f.Burst = 5 }},
		{"burst", nil, func(f *throttling) {
			f.Algorithm, f.Every, f.Burst = "token-bucket", engine.Duration(365*24*time.Hour), 1000
		}},
		{"burst", nil, func(f *throttling) { f.Algorithm, f.Count = "smooth", "bytes" }},
		{"burst", nil, func(f *throttling) { f.Algorithm, f.Cost = "smooth", sel("${message.cost}") }},
		{"burst", nil, func(f *throttling) {
			f.Algorithm, f.Burst, f.Limits = "token-bucket", 5, []throttlingLimit{{Allow: 1, Every: second}}
		}},
		{"limits.1.allow", nil, func(f *throttling) { f.Limits = []throttlingLimit{{Allow: 1, Every: second}, {Every: second}} }},
		{"limits.0.every", nil, func(f *throttling) { f.Limits = []throttlingLimit{{Allow: 1}} }},
		{"limits.0.burst", nil, func(f *throttling) { f.Limits = []throttlingLimit{{Allow: 1, Every: second, Burst: 2}} }},
		{"cost", nil, func(f *throttling) { f.Cost, f.Count = sel("1"), "bytes" }},
		{"cost", nil, func(f *throttling) { f.Cost = sel("dear") }},
		{"cost", nil, func(f *throttling) { f.Cost = sel("-1") }},
		{"count", onUpgrade, func(f *throttling) { f.Count = "bytes" }},
		{"count", onFrame, func(f *throttling) { f.Count = "connections" }},
		{"over", onUpgrade, func(f *throttling) { f.Over = "drop" }},
		{"body", nil, func(f *throttling) { f.Body = sel("no") }},
		{"code", nil, func(f *throttling) { f.Over, f.Code = "close", 1005 }},
		{"code", nil, func(f *throttling) { f.Code = 4000 }},
	} {
		t.Run(fmt.Sprint(i, c.field), func(t *testing.T) {
			_, err := try(c.env, c.settings)
			refused(t, err, c.field)
		})
	}
}

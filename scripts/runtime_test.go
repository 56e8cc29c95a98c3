package scripts

import (
	"bytes"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"framegate/engine"
	"framegate/engine/wire"
)

func TestWhatACallMayReturn(t *testing.T) {
	l := library(t)
	for result, want := range map[string]string{
		"1": "returned 1 instead of true or false", "'true'": `returned "true"`, "undefined": "returned undefined", "null": "returned null",
		"{}": "returned an object of class Object", "new Boolean(true)": "returned an object", "Symbol('x')": "returned a symbol", "NaN": "returned NaN",
		"() => true": "returned an object of class Function", "Promise.resolve(1)": "returned 1", "Promise.reject(new Error('no'))": "Error: no",
		"new Promise(() => {})": "returned a promise that nothing settles", "Promise.reject('text')": `threw "text"`, "{then(f) { f(true) }}": "returned an object",
	} {
		p := compiled(t, l, "const r = () => ("+result+");\nexport function invoke() { return r() }")
		e := aborted(t, p, textMessage(""))
		if !strings.Contains(e.What, want) || e.File != "policies/x.yaml" {
			t.Errorf("%s: %v", result, e)
		}
	}
	for _, result := range []string{"Promise.resolve(true)", "(async () => { await null; await null; return true })()"} {
		if !run(t, compiled(t, l, "export function invoke() { return "+result+" }"), textMessage("")) {
			t.Errorf("%s is not true", result)
		}
	}
}

func TestWhatACallMayThrow(t *testing.T) {
	l := library(t)
	for thrown, want := range map[string]string{
		"'text'": `threw "text"`, "7": "threw 7", "null": "threw null", "undefined": "threw undefined", "{a: 1}": "threw an object of class Object",
		"'x'.repeat(1e6)": "threw a long string", "new Proxy({}, {get() { for (;;); }})": "threw an object", "Symbol('x')": "threw a symbol",
		"new Error('a\\nb\\u2028c')": "Error: a b c", "new RangeError()": "RangeError",
		"Object.assign(new Error('x'), {toString() { throw 1 }})":            "threw an error that cannot be shown",
		"Object.defineProperty(new Error(), 'message', {get() { throw 1 }})": "threw an error that cannot be shown",
	} {
		e := aborted(t, compiled(t, l, "export function invoke() { throw "+thrown+" }"), textMessage(""))
		if !strings.Contains(e.What, want) || e.Line != 7 || len(e.What) > 400 {
			t.Errorf("%s: %v", thrown, e)
		}
	}
	l = NewLibrary(Limits{}, nil, nil)
	defer l.Close()
	loops := compiled(t, l, "export function invoke() { throw Object.assign(new Error('x'), {toString() { for (;;); }}) }")
	if e := aborted(t, loops, textMessage("")); !errors.As(e, new(*Bound)) {
		t.Errorf("an error whose toString never ends: %v", e)
	}
}

// A panic in a host function is an abort, and the copy is thrown away.
func TestAPanicIsAnAbort(t *testing.T) {
	var log bytes.Buffer
	l := NewLibrary(Limits{Call: patience}, nil, slog.New(slog.NewTextHandler(&log, nil)))
	defer l.Close()
	src := inline(`let n = 0; export function invoke(msg) { n++; if (msg.body === "panic") { try { stores.get("a", "b") } catch {} } return n === 1 }`)
	src.Store = func(string) (*engine.Store, error) { panic("a bug") }
	p, err := l.Compile(nil, src)
	if err != nil {
		t.Fatal(err)
	}
	m := textMessage("panic")
	if e := aborted(t, p, m); !strings.Contains(e.What, "panic in a native function: a bug") || !strings.Contains(log.String(), "a bug") {
		t.Errorf("%v; log %s", e, log.String())
	}
	m.Receive(wire.Text, []byte("go on"))
	if !run(t, p, m) {
		t.Error("the copy was used again")
	}
}

func TestTheTopLevelIsBounded(t *testing.T) {
	l := NewLibrary(Limits{Load: 50 * time.Millisecond}, nil, nil)
	defer l.Close()
	for _, text := range []string{
		"for (;;);", "const a = 'x'.repeat(2 ** 40)", "const f = () => f(); f()", "JSON.parse('['.repeat(1e6))", "const re = /^(a+)+\\1$/; re.test('a'.repeat(40) + '!'); for (;;);",
	} {
		_, err := l.Compile(nil, inline(text+"\nexport function invoke() { return true }"))
		if !errors.As(err, new(*Bound)) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestTooManyErrorsStopTheScriptForAMinute(t *testing.T) {
	var log bytes.Buffer
	l := NewLibrary(Limits{Errors: 3, Call: patience}, nil, slog.New(slog.NewTextHandler(&log, nil)))
	defer l.Close()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	l.now = func() time.Time { return now }
	p := compiled(t, l, `let runs = 0; export function invoke(msg) { runs++; if (msg.body === "bad") throw new Error("x"); return runs === Number(msg.body) }`)
	m := textMessage("bad")
	for i := range 4 {
		if e := aborted(t, p, m); errors.Is(e, ErrTooManyErrors) {
			t.Fatalf("stopped after %d errors", i)
		}
	}
	m.SetBody([]byte("5"))
	for range 3 {
		if e := aborted(t, p, m); !errors.Is(e, ErrTooManyErrors) {
			t.Fatalf("not stopped: %v", e)
		}
	}
	if n := strings.Count(log.String(), "too many errors"); n != 1 {
		t.Errorf("logged %d times:\n%s", n, log.String())
	}
	if !run(t, p, textMessage("1")) {
		t.Error("one session's errors stopped the script of another")
	}
	now = now.Add(time.Minute)
	if !run(t, p, m) {
		t.Error("the script ran meanwhile")
	}
}

// Many short calls beside many that are stopped: no interrupt that was meant for one call reaches another.
func TestNoStrayInterrupt(t *testing.T) {
	l := NewLibrary(Limits{Errors: 1 << 30}, nil, nil)
	defer l.Close()
	timed := func(limit time.Duration, text string) *Program {
		src := inline(text)
		src.Timeout = limit
		p, err := l.Compile(nil, src)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	long := timed(4*time.Millisecond, `export function invoke() { for (;;); }`)
	short := timed(time.Hour, `let n = 0; export function invoke() { n++; return true }`)
	edge := timed(4*time.Millisecond, `let n = 0; export function invoke(msg) { for (let i = 0; i < Number(msg.body); i++) n += i; return true }`)
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			m := textMessage("")
			for range 15 {
				if _, err := long.Run(m); !errors.As(err, new(*Bound)) {
					t.Errorf("a call without end: %v", err)
				}
			}
		})
		all.Go(func() {
			m := textMessage("")
			for range 30_000 {
				if pass, err := short.Run(m); !pass || err != nil {
					t.Errorf("an innocent call was stopped: %v", err)
					return
				}
			}
		})
		all.Go(func() {
			m := textMessage("10000")
			for range 60 {
				if pass, err := edge.Run(m); err == nil && !pass || err != nil && !errors.As(err, new(*Bound)) {
					t.Errorf("a call about as long as the limit: %v, %v", pass, err)
				}
			}
		})
	}
	all.Wait()
}

// The watchdog counts only what it saw: a turn that it sees once is new, and a turn that waits does not age.
func TestTheWatchdogCountsTurns(t *testing.T) {
	var stopped int
	dog := newWatchdog()
	dog.starting.Do(func() {}) // the test is its own watchdog
	one := &turn{interrupt: func() { stopped++ }}
	for range 1000 {
		dog.begin(one, 3*tick)
		dog.look()
		dog.look()
		if !dog.end(one) {
			t.Fatal("a call that was seen twice was stopped")
		}
	}
	dog.begin(one, 3*tick)
	one.wait()
	for range 100 {
		dog.look()
	}
	one.proceed()
	if stopped != 0 {
		t.Fatal("a call that waited was stopped")
	}
	for range 10 {
		dog.look()
	}
	if stopped != 1 || !one.stopped() || dog.end(one) {
		t.Fatalf("stopped %d times, and the caller ended it: want once, and the caller knows", stopped)
	}
	if dog.begin(one, tick); one.stopped() || !dog.end(one) {
		t.Error("the next call is stopped")
	}
	var many [3 * slots]turn
	for i := range many {
		many[i].interrupt = func() { stopped++ }
		dog.begin(&many[i], tick)
	}
	for range 4 * len(many) {
		dog.look()
	}
	if stopped != 1+len(many) {
		t.Errorf("of %d calls at once %d were stopped", len(many), stopped-1)
	}
	for i := range many {
		dog.end(&many[i])
	}
	if dog.look() {
		t.Error("something is still running")
	}
}

// The watchdog sleeps when nothing runs, and wakes for the next call.
func TestTheWatchdogSleeps(t *testing.T) {
	l := NewLibrary(Limits{}, nil, nil)
	defer l.Close()
	p := compiled(t, l, `export function invoke(msg) { if (msg.body) for (;;); return true }`)
	run(t, p, textMessage(""))
	deadline := time.Now().Add(time.Minute)
	for !l.dog.asleep.Load() {
		if runtime.Gosched(); time.Now().After(deadline) {
			t.Fatal("the watchdog does not sleep")
		}
	}
	if e := aborted(t, p, textMessage("loop")); !errors.As(e, new(*Bound)) {
		t.Error(e)
	}
}

func TestACallAllocatesLittle(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	l := library(t)
	for text, most := range map[string]float64{
		"export function invoke() { return true }":                                             2,
		"let n = 0; export function invoke() { n = 1; return true }":                           2,
		`export function invoke(msg) { return !msg.body.includes("forbidden") }`:               8,
		`export function invoke(msg) { return msg.context.headers.get("X-Device-Id") !== "" }`: 8,
	} {
		p := compiled(t, l, text)
		m := textMessage("")
		m.Follow(false)
		body := []byte(strings.Repeat("x", 128))
		got := testing.AllocsPerRun(200, func() {
			m.Receive(wire.Text, body)
			if _, err := p.Run(m); err != nil {
				t.Fatal(err)
			}
		})
		if got > most {
			t.Errorf("%s: %v allocations a call, want at most %v", text, got, most)
		}
	}
}

// Two libraries close their goroutines; closing twice and without use is fine.
func TestALibraryCloses(t *testing.T) {
	l := NewLibrary(Limits{}, nil, nil)
	l.Close()
	l.Close()
	l = NewLibrary(Limits{}, nil, nil)
	run(t, compiled(t, l, "export function invoke() { return true }"), textMessage(""))
	l.Close()
	l.Close()
}

package state

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"framegate/engine"
)

// midnight is when the day of a time ends, in UTC.
func midnight(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour).Add(24 * time.Hour) }

func daily(limit int64) engine.Allowance { return engine.Allowance{Limit: limit, Ends: midnight} }

func rolling(limit int64, every time.Duration) engine.Allowance {
	return engine.Allowance{Limit: limit, Every: every}
}

func takes(t *testing.T, s engine.State, n int64, a engine.Allowance, want engine.Taken) {
	t.Helper()
	got, err := s.Take("b", "k", n, a)
	if err != nil || got != want {
		t.Errorf("take %d: %+v, %v; want %+v", n, got, err, want)
	}
}

func TestAPeriodOfTheCalendar(t *testing.T) {
	c := newClock() // at 03:04:05
	s := NewMemory(1<<20, c.now)
	left := 20*time.Hour + 55*time.Minute + 55*time.Second
	takes(t, s, 0, daily(10), engine.Taken{OK: true})
	takes(t, s, 11, daily(10), engine.Taken{}) // never
	takes(t, s, 7, daily(10), engine.Taken{OK: true, Used: 7, Anew: left})
	takes(t, s, 4, daily(10), engine.Taken{Used: 7, Wait: left, Anew: left})
	takes(t, s, 3, daily(10), engine.Taken{OK: true, Used: 10, Anew: left})
	takes(t, s, 0, daily(10), engine.Taken{OK: true, Used: 10, Anew: left})
	takes(t, s, 1, daily(5), engine.Taken{Used: 10, Wait: left, Anew: left}) // a smaller plan since
	c.turn(left - 1)
	takes(t, s, 1, daily(10), engine.Taken{Used: 10, Wait: 1, Anew: 1})
	c.turn(1)
	takes(t, s, 10, daily(10), engine.Taken{OK: true, Used: 10, Anew: 24 * time.Hour})
}

func TestASpanOfTime(t *testing.T) {
	c := newClock()
	s := NewMemory(1<<20, c.now)
	a := rolling(10, time.Hour)
	takes(t, s, 6, a, engine.Taken{OK: true, Used: 6, Anew: time.Hour})
	c.turn(40 * time.Minute)
	takes(t, s, 4, a, engine.Taken{OK: true, Used: 10, Anew: time.Hour})
	c.turn(10 * time.Minute)
	takes(t, s, 1, a, engine.Taken{Used: 10, Wait: 10 * time.Minute, Anew: 50 * time.Minute})
	takes(t, s, 7, a, engine.Taken{Used: 10, Wait: 50 * time.Minute, Anew: 50 * time.Minute})
	takes(t, s, 11, a, engine.Taken{Used: 10, Anew: 50 * time.Minute})
	c.turn(10 * time.Minute)
	takes(t, s, 6, a, engine.Taken{OK: true, Used: 10, Anew: time.Hour})
	expect(t, s, "k", "10", true)
	c.turn(time.Hour)
	expect(t, s, "k", "", false)
	if s.Sweep(); s.Used() != 0 {
		t.Errorf("%d bytes are left of it", s.Used())
	}
}

func TestTakingIsExactHoweverManyDo(t *testing.T) {
	for name, a := range map[string]engine.Allowance{"calendar": daily(1000), "span": rolling(1000, time.Hour)} {
		s := NewMemory(1<<20, newClock().now)
		var taken atomic.Int64
		var wg sync.WaitGroup
		for i := range 8 {
			n := int64(i%3 + 1)
			wg.Go(func() {
				for range 400 {
					got, err := s.Take("b", "k", n, a)
					if err != nil {
						t.Error(err)
					}
					if got.OK {
						taken.Add(n)
					}
				}
			})
		}
		wg.Wait()
		if taken.Load() != 1000 {
			t.Errorf("%s: %d of 1000 taken", name, taken.Load())
		}
	}
}

func TestTakesThatAreRefused(t *testing.T) {
	s := NewMemory(1<<30, newClock().now)
	put(t, s, "k", "text", 0)
	for name, a := range map[string]engine.Allowance{"calendar": daily(1), "span": rolling(1, time.Hour)} {
		if _, err := s.Take("b", "k", 1, a); !errors.Is(err, ErrNotCounter) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := s.Take("b", "n", -1, a); !errors.Is(err, ErrNegative) {
			t.Errorf("%s: %v", name, err)
		}
	}
	small := NewMemory(10*overhead, newClock().now)
	var err error
	keys := 0
	for ; err == nil && keys < 100; keys++ {
		_, err = small.Take("b", strconv.Itoa(keys), 1, rolling(100, time.Hour))
	}
	if !errors.Is(err, ErrFull) || small.Used() > 10*overhead {
		t.Errorf("after %d keys, %d bytes: %v", keys, small.Used(), err)
	}
	if got, err := small.Take("b", "0", 1, rolling(100, time.Hour)); err != nil || !got.OK {
		t.Errorf("a key that is there: %+v, %v", got, err)
	}
}

func TestAWindowsMemoryIsCounted(t *testing.T) {
	c := newClock()
	s := NewMemory(1<<20, c.now)
	for i := range 200 {
		if _, err := s.Take("b", "k", 1, rolling(1000, time.Hour)); err != nil {
			t.Fatal(i, err)
		}
		c.turn(time.Minute)
	}
	if s.Used() < overhead+1000 || s.Used() > overhead+4<<10 {
		t.Errorf("%d bytes", s.Used())
	}
	s.Delete("b", "k")
	if s.Used() != 0 {
		t.Errorf("%d bytes in use with nothing stored", s.Used())
	}
}

func BenchmarkTake(b *testing.B) {
	s := NewMemory(1<<30, nil)
	a := daily(1 << 60)
	keys := make([]string, 1000)
	for i := range keys {
		keys[i] = fmt.Sprint("client ", i)
	}
	b.ReportAllocs()
	for i := range b.N {
		if _, err := s.Take("quota", keys[i%len(keys)], 1, a); err != nil {
			b.Fatal(err)
		}
	}
}

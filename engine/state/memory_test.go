package state

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"framegate/engine"
)

var _ engine.State = (*Memory)(nil)

// clock is a clock that tests turn.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) turn(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func expect(t *testing.T, s *Memory, key, want string, there bool) {
	t.Helper()
	value, ok, err := s.Get("b", key)
	if err != nil || ok != there || string(value) != want {
		t.Errorf("get %s: %q, %v, %v; want %q, %v", key, value, ok, err, want, there)
	}
}

func put(t *testing.T, s *Memory, key, value string, ttl time.Duration) {
	t.Helper()
	if err := s.Put("b", key, []byte(value), ttl); err != nil {
		t.Fatal(err)
	}
}

func TestValuesLiveUntilTheirTime(t *testing.T) {
	c := newClock()
	s := NewMemory(1<<20, c.now)
	put(t, s, "short", "1", time.Second)
	put(t, s, "long", "2", time.Minute)
	put(t, s, "for ever", "3", 0)
	expect(t, s, "short", "1", true)

	c.turn(time.Second - 1)
	expect(t, s, "short", "1", true)
	c.turn(1)
	expect(t, s, "short", "", false)
	expect(t, s, "long", "2", true)

	put(t, s, "long", "again", time.Minute) // a new value has a new time
	c.turn(59 * time.Second)
	expect(t, s, "long", "again", true)
	put(t, s, "long", "kept", 0)
	c.turn(1000 * time.Hour)
	expect(t, s, "long", "kept", true)
	expect(t, s, "for ever", "3", true)

	if err := s.Delete("b", "long"); err != nil {
		t.Fatal(err)
	}
	expect(t, s, "long", "", false)
	if err := s.Delete("b", "long"); err != nil {
		t.Errorf("deleting what is not there: %v", err)
	}
}

func TestBucketsAreApart(t *testing.T) {
	s := NewMemory(1<<20, newClock().now)
	for _, n := range []name{{"a", "bc"}, {"ab", "c"}} {
		if err := s.Put(n.bucket, n.key, []byte(n.bucket), 0); err != nil {
			t.Fatal(err)
		}
	}
	value, _, _ := s.Get("a", "bc")
	if string(value) != "a" {
		t.Errorf("bucket a holds %q", value)
	}
}

func TestWhatIsReadAndWrittenIsACopy(t *testing.T) {
	s := NewMemory(1<<20, newClock().now)
	mine := []byte("abc")
	if err := s.Put("b", "k", mine, 0); err != nil {
		t.Fatal(err)
	}
	mine[0] = 'X'
	got, _, _ := s.Get("b", "k")
	got[1] = 'Y'
	expect(t, s, "k", "abc", true)
}

func TestCountersExpireFromTheirFirstAddition(t *testing.T) {
	c := newClock()
	s := NewMemory(1<<20, c.now)
	add := func(n, want int64) {
		t.Helper()
		if got, err := s.Add("b", "n", n, time.Minute); err != nil || got != want {
			t.Errorf("add %d: %d, %v; want %d", n, got, err, want)
		}
	}
	add(2, 2)
	c.turn(40 * time.Second)
	add(3, 5)
	expect(t, s, "n", "5", true)
	c.turn(20 * time.Second)
	expect(t, s, "n", "", false)
	add(-1, -1)

	put(t, s, "stored", "40", 0)
	if got, err := s.Add("b", "stored", 2, 0); err != nil || got != 42 {
		t.Errorf("add to a stored number: %d, %v", got, err)
	}
}

func TestWritesThatAreRefused(t *testing.T) {
	s := NewMemory(1<<30, newClock().now)
	put(t, s, "text", "secret value", 0)
	put(t, s, "full", fmt.Sprint(int64(math.MaxInt64)), 0)
	put(t, s, "empty", fmt.Sprint(int64(math.MinInt64)), 0)
	long := strings.Repeat("k", MaxKey)
	cases := map[string]struct {
		err  error
		want error
	}{
		"long key":         {s.Put("b", long, nil, 0), ErrKey},
		"long value":       {s.Put("b", "k", make([]byte, MaxValue+1), 0), ErrValue},
		"negative ttl":     {s.Put("b", "k", nil, -1), ErrTTL},
		"not a counter":    {second(s.Add("b", "text", 1, 0)), ErrNotCounter},
		"overflow":         {second(s.Add("b", "full", 1, 0)), ErrOverflow},
		"underflow":        {second(s.Add("b", "empty", -1, 0)), ErrOverflow},
		"counter long key": {second(s.Add("b", long, 1, 0)), ErrKey},
	}
	for what, c := range cases {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, want %v", what, c.err, c.want)
		}
		if c.err != nil && strings.Contains(c.err.Error(), "secret value") {
			t.Errorf("%s: the error shows the value: %v", what, c.err)
		}
	}
}

func second(_ int64, err error) error { return err }

func TestMemoryIsBounded(t *testing.T) {
	c := newClock()
	const limit = 100 << 10
	s := NewMemory(limit, c.now)
	stored := 0
	var err error
	for ; err == nil && stored < 10000; stored++ {
		err = s.Put("b", fmt.Sprint(stored), make([]byte, 1000), time.Minute)
	}
	if !errors.Is(err, ErrFull) || s.Used() > limit || stored < 50 {
		t.Fatalf("after %d values, %d bytes: %v", stored, s.Used(), err)
	}
	if _, err := s.Add("b", "counter", 1, 0); err != nil && !errors.Is(err, ErrFull) {
		t.Error(err)
	}
	put(t, s, "0", "smaller", time.Minute) // what is there may shrink
	c.turn(time.Minute)
	put(t, s, "new", "fits since the others expired", 0)
	if err := s.Delete("b", "new"); err != nil {
		t.Fatal(err)
	}
	s.Delete("b", "counter")
	s.Sweep()
	if s.Used() != 0 {
		t.Errorf("%d bytes in use with nothing stored", s.Used())
	}
}

func TestShardsThatAreWrittenToKeepNoDeadWeight(t *testing.T) {
	c := newClock()
	s := NewMemory(1<<40, c.now)
	for i := range 20000 {
		put(t, s, fmt.Sprint(i), "v", time.Second)
		c.turn(10 * time.Millisecond) // 100 are alive at any time
	}
	if alive := s.Used() / overhead; alive > 100+2*shards {
		t.Errorf("%d entries are kept, 100 of them alive", alive)
	}
}

func TestCountingTogetherLosesNothing(t *testing.T) {
	s := NewMemory(1<<20, newClock().now)
	const goroutines, each = 8, 500
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for i := range each {
				if _, err := s.Add("b", "n", 1, time.Hour); err != nil {
					t.Error(err)
				}
				if err := s.Put("b", fmt.Sprint(i%10), []byte("x"), time.Hour); err != nil {
					t.Error(err)
				}
				s.Delete("b", fmt.Sprint((i+5)%10))
			}
		})
	}
	wg.Wait()
	expect(t, s, "n", fmt.Sprint(goroutines*each), true)
	for i := range 10 {
		s.Delete("b", fmt.Sprint(i))
	}
	s.Delete("b", "n")
	if s.Used() != 0 {
		t.Errorf("%d bytes in use with nothing stored", s.Used())
	}
}

func TestWithoutAClockItIsTheProcess(t *testing.T) {
	s := NewMemory(1<<20, nil)
	put(t, s, "k", "v", time.Hour)
	expect(t, s, "k", "v", true)
}

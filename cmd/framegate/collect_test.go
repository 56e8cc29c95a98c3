package main

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func TestPercentFor(t *testing.T) {
	for _, c := range []struct {
		live uint64
		want int
	}{{0, 400}, {1 << 20, 400}, {4 << 20, 300}, {8 << 20, 100}, {12 << 20, 50}, {16 << 20, 50}, {300 << 20, 50}} {
		if got := percentFor(c.live); got != c.want {
			t.Errorf("with %d MiB in use GOGC is %d, want %d", c.live>>20, got, c.want)
		}
	}
}

// A heap that has outgrown the floor is collected early, and one that has shrunk again is not.
func TestHeapFloorIsKept(t *testing.T) {
	t.Setenv("GOGC", "")
	before := debug.SetGCPercent(100)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	c := &collector{percent: 100}
	c.watch()
	pace := func() int {
		p := debug.SetGCPercent(100)
		debug.SetGCPercent(p)
		return p
	}
	kept := make([]byte, 4*heapFloor)
	reach := func(what string, done func(percent int) bool) {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); !done(pace()); runtime.GC() {
			if time.Now().After(deadline) {
				t.Fatalf("%s: GOGC is %d", what, pace())
			}
		}
	}
	reach("with a large heap", func(p int) bool { return p == garbage })
	runtime.KeepAlive(kept)
	kept = nil
	reach("with a small heap", func(p int) bool { return p > garbage })
}

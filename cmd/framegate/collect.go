package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// garbage is how much garbage may stand beside what is in use before it is
	// collected, in percent. The memory of a gateway is that of its idle sessions,
	// and the relay makes no garbage, so half of Go's default costs little and saves
	// a tenth of a session.
	garbage = 50
	// heapFloor is how large the heap may grow before it is worth collecting, however
	// little of it is in use. Go collects a small heap every few MiB: at some thousand
	// upgrades per second that is twenty times a second, and a fifth of their CPU.
	heapFloor = 16 << 20
)

// paceCollections makes Go collect by garbage and heapFloor. GOGC in the
// environment goes before them.
func paceCollections() {
	if os.Getenv("GOGC") != "" {
		return
	}
	c := &collector{percent: 100} // Go's own
	c.set(percentFor(liveHeap()))
	c.watch()
}

// collector follows the heap from one collection to the next.
type collector struct{ percent int }

// watch is called again by every collection, of which the unreachable mark is the sign.
func (c *collector) watch() {
	mark := new([16]byte)
	runtime.AddCleanup(mark, func(c *collector) {
		c.set(percentFor(liveHeap()))
		c.watch()
	}, c)
}

// set changes the pace where that is worth stopping the process for.
func (c *collector) set(percent int) {
	if percent > c.percent*9/10 && percent < c.percent*11/10 {
		return
	}
	c.percent = percent
	debug.SetGCPercent(percent)
}

// percentFor is the GOGC with which a heap is next collected at the floor, or above it with that much garbage.
func percentFor(live uint64) int {
	live = max(live, heapFloor/5) // below, Go itself has a least heap: 4 MiB at 100
	if live >= heapFloor {
		return garbage
	}
	return max(garbage, int((heapFloor-live)*100/live))
}

// liveHeap is what the last collection left.
func liveHeap() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

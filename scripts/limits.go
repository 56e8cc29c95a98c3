package scripts

import (
	"runtime"
	"time"
)

// Limits bounds what scripts may use. The zero value of a field is its default.
type Limits struct {
	Call     time.Duration // one call, counted while the script itself runs, to some 4ms; 50ms
	Load     time.Duration // bundling aside, loading a copy: its top level; 2s
	Depth    int           // nested calls; 200
	Bytes    int           // of one string, buffer or body that a script makes; 16 MiB
	Elements int           // of one array or array-like given to a native function; 1,000,000
	Sends    int           // messages that one call may send; 100, and never more
	Errors   int           // aborts of one script in a minute, after which it is not run until the minute is over; 60
	Pool     int           // copies of a script that keeps nothing, past which a call waits 10ms for one; 4 for each processor
}

// Bounds of JSON, of text given to regular expressions and to other natives that look at every character and cannot be
// stopped, and of integers.
const (
	maxJSONDepth   = 512
	maxJSONValues  = 100_000
	maxSubject     = 1 << 20
	maxBigBits     = 1_000_000
	maxProxyDepth  = 100
	maxFlatDepth   = 512
	maxRegexpCheck = 64 << 10
)

func (l Limits) withDefaults() Limits {
	orElse(&l.Call, 50*time.Millisecond)
	orElse(&l.Load, 2*time.Second)
	orElse(&l.Depth, 200)
	orElse(&l.Bytes, 16<<20)
	orElse(&l.Elements, 1_000_000)
	orElse(&l.Sends, 100)
	orElse(&l.Errors, 60)
	orElse(&l.Pool, 4*runtime.GOMAXPROCS(0))
	return l
}

func orElse[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

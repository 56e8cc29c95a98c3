package scripts

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// The watchdog is one goroutine that stops calls which run too long. It looks at turns, not at clocks: a call is a turn
// of its machine, and only time in which the watchdog itself saw the same turn running counts. A machine that a busy
// system did not let run loses nothing, because a look that comes late counts as one tick, and a look at more calls than
// there are processors counts for each as its share.
//
// A turn is ended by exactly one of the two: the caller or the watchdog takes it with a compare-and-swap. Who loses
// knows it. A machine whose turn the watchdog ended is thrown away, so its interrupt can never reach another call.

// tick is how often the watchdog looks while anything runs.
const tick = 2 * time.Millisecond

// idleTicks is how long it goes on looking when nothing runs, before it sleeps until it is called.
const idleTicks = 500

// turn is the watched side of a machine. Its number goes up by turnStep with every call; the low bits say what the call
// is doing.
type turn struct {
	state     atomic.Uint64
	interrupt func()       // stops the machine; called at most once
	limit     atomic.Int64 // nanoseconds
	slot      *atomic.Pointer[turn]

	seen  uint64        // the watchdog's own: the turn it saw last,
	spent time.Duration // and for how long
}

const (
	turnRunning uint64 = 1 << iota
	turnWaiting        // in a host function that may wait: does not count
	turnStopped        // by the watchdog
	turnStep
)

const turnFlags = turnStep - 1

// stopped tells natives that run long whether their call is over.
func (t *turn) stopped() bool { return t.state.Load()&turnStopped != 0 }

// wait and proceed enclose a host function that may wait: the time is the message's, not the script's.
func (t *turn) wait()    { t.flip(turnWaiting) }
func (t *turn) proceed() { t.flip(turnWaiting) }

func (t *turn) flip(bit uint64) {
	for {
		old := t.state.Load()
		if t.state.CompareAndSwap(old, old^bit) {
			return
		}
	}
}

// slots is how many calls are watched without a lock; more go to a list.
const slots = 64

type watchdog struct {
	running  [slots]paddedSlot
	asleep   atomic.Bool
	wake     chan struct{}
	done     chan struct{}
	starting sync.Once
	stopping sync.Once
	ended    sync.WaitGroup

	mu       sync.Mutex
	overflow map[*turn]struct{}

	seen []*turn // the goroutine's own
}

// paddedSlot keeps slots of different processors on different cache lines.
type paddedSlot struct {
	turn atomic.Pointer[turn]
	_    [56]byte
}

func newWatchdog() *watchdog {
	return &watchdog{wake: make(chan struct{}, 1), done: make(chan struct{}), overflow: make(map[*turn]struct{})}
}

// begin starts a turn.
func (d *watchdog) begin(t *turn, limit time.Duration) {
	t.limit.Store(int64(limit))
	t.state.Store(t.state.Load()&^turnFlags + turnStep | turnRunning)
	if !d.occupy(t) {
		d.mu.Lock()
		d.overflow[t] = struct{}{}
		d.mu.Unlock()
	}
	if d.asleep.Load() {
		d.rouse()
	}
	d.starting.Do(d.start)
}

// occupy takes a free slot, the last one used by this machine first.
func (d *watchdog) occupy(t *turn) bool {
	if t.slot != nil && t.slot.CompareAndSwap(nil, t) {
		return true
	}
	for i := range d.running {
		slot := &d.running[i].turn
		if slot.Load() == nil && slot.CompareAndSwap(nil, t) {
			t.slot = slot
			return true
		}
	}
	t.slot = nil
	return false
}

// end ends a turn. It is false when the watchdog did it first.
func (d *watchdog) end(t *turn) bool {
	old := t.state.Load()
	inTime := old&turnStopped == 0 && t.state.CompareAndSwap(old, old&^turnFlags)
	if t.slot != nil {
		t.slot.Store(nil)
		return inTime
	}
	d.mu.Lock()
	delete(d.overflow, t)
	d.mu.Unlock()
	return inTime
}

func (d *watchdog) start() {
	d.ended.Add(1)
	go d.watch()
}

func (d *watchdog) close() {
	d.stopping.Do(func() { close(d.done) })
	d.ended.Wait()
}

func (d *watchdog) rouse() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// watch is the goroutine.
func (d *watchdog) watch() {
	defer d.ended.Done()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for quiet := 0; ; {
		select {
		case <-d.done:
			return
		case <-ticker.C:
		}
		if d.look() {
			quiet = 0
			continue
		}
		if quiet++; quiet < idleTicks {
			continue
		}
		ticker.Stop()
		d.asleep.Store(true)
		if !d.look() {
			select {
			case <-d.done:
				return
			case <-d.wake:
			}
		}
		d.asleep.Store(false)
		quiet = 0
		ticker.Reset(tick)
	}
}

// look goes over the running turns and tells whether there were any. Where there are more of them than processors, each
// has had its share of the time only.
func (d *watchdog) look() (any bool) {
	seen := d.seen[:0]
	for i := range d.running {
		if t := d.running[i].turn.Load(); t != nil {
			seen = append(seen, t)
		}
	}
	d.mu.Lock()
	for t := range d.overflow {
		seen = append(seen, t)
	}
	d.mu.Unlock()
	processors := runtime.GOMAXPROCS(0)
	share := tick * time.Duration(processors) / time.Duration(max(processors, len(seen)))
	for _, t := range seen {
		t.look(share)
	}
	any = len(seen) > 0
	clear(seen)
	d.seen = seen
	return any
}

// look adds to the time of a turn that was already running at the look before, and ends it past its limit.
func (t *turn) look(share time.Duration) {
	now := t.state.Load()
	if now&turnRunning == 0 || now&turnStopped != 0 {
		return
	}
	if number := now &^ turnFlags; number != t.seen {
		t.seen, t.spent = number, 0
		return
	}
	if now&turnWaiting != 0 {
		return
	}
	if t.spent += share; int64(t.spent) > t.limit.Load() && t.state.CompareAndSwap(now, now|turnStopped) {
		t.interrupt()
		runtime.Gosched()
	}
}

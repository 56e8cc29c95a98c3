package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"framegate/engine/socket"
	"framegate/engine/wire"
)

// Gateway serves a snapshot: its ports accept, its sessions run.
type Gateway struct {
	// Clock tells the time; nil is time.Now. Tests turn it and call Sweep.
	Clock func() time.Time
	// State keeps revocations; nil: there are none. Set it before Start.
	State State

	log      *slog.Logger
	loader   Loader
	journal  *Journal
	sessions *Sessions
	now_     atomic.Pointer[Snapshot]

	mu          sync.Mutex            // held by Start, Reload and Shutdown
	listeners   map[string]*listener  // by listenKey
	states      map[string]*portState // by port
	switches    map[string]portSwitch // by port
	missing     map[string]string     // by port: the remote host without which it does not listen
	stop        chan struct{}
	warnings    warnings
	sweeping    sync.WaitGroup
	sweepMu     sync.Mutex // held by Sweep
	requests    requests
	live        sync.WaitGroup // sessions and connections that are being served
	pumps       *crew[*pump]
	lot         *socket.Lot // where idle sessions wait; nil where the platform has none
	leaving     atomic.Bool // not ready any more, and still serving
	draining    atomic.Bool
	rechecks    rechecks
	revocations atomic.Uint64             // how many there have been
	buffered    atomic.Int64              // bytes in half-received messages
	problems    atomic.Pointer[[]Problem] // of the last reload
}

// DefaultJournal is how many records the journal holds when the configuration
// does not say.
const DefaultJournal = 10_000

// restingPumps is how many goroutines wait for sessions to wake.
const restingPumps = 8

// New makes a gateway that gets its configuration from the loader.
func New(log *slog.Logger, loader Loader) *Gateway {
	stop := make(chan struct{})
	return &Gateway{
		log: log, loader: loader, journal: NewJournal(DefaultJournal), sessions: newSessions(),
		listeners: make(map[string]*listener), states: make(map[string]*portState),
		switches: make(map[string]portSwitch), stop: stop, pumps: newCrew(restingPumps, stop, (*pump).run),
	}
}

// Sessions is the table of open sessions.
func (g *Gateway) Sessions() *Sessions { return g.sessions }

// Journal is where records go. Its size is that of the first configuration, so
// take it after Start.
func (g *Gateway) Journal() *Journal { return g.journal }

// Snapshot is what the gateway serves now; nil before Start.
func (g *Gateway) Snapshot() *Snapshot { return g.now_.Load() }

// Problems is what the last load or reload found, warnings included.
func (g *Gateway) Problems() []Problem {
	if p := g.problems.Load(); p != nil {
		return *p
	}
	return nil
}

// ErrConfiguration is returned by Start and Reload when the configuration has
// problems that are more than warnings; they are returned beside it.
var ErrConfiguration = errors.New("the configuration has errors")

// Start loads the configuration and opens its ports.
func (g *Gateway) Start(ctx context.Context) ([]Problem, error) {
	lot, err := socket.NewLot()
	if err != nil {
		g.log.Warn("idle sessions keep their goroutines", "error", err)
	}
	g.lot = lot
	problems, err := g.Reload(ctx)
	if err != nil {
		g.closeLot()
		return problems, err
	}
	g.sweeping.Add(1)
	go g.sweepLoop()
	return problems, nil
}

func (g *Gateway) closeLot() {
	if g.lot != nil {
		g.lot.Close()
	}
}

func (g *Gateway) sweepLoop() {
	defer g.sweeping.Done()
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			g.sweepOnce()
		case <-g.stop:
			return
		}
	}
}

func (g *Gateway) sweepOnce() {
	defer func() {
		if r := recover(); r != nil {
			g.panicked("sweep", r)
		}
	}()
	g.Sweep()
}

// Leave makes [Gateway.Ready] say 503 while all else goes on: whoever balances
// load learns that new sessions should go elsewhere before the ports close.
func (g *Gateway) Leave() { g.leaving.Store(true) }

// Shutdown stops accepting, closes every session with 1001 and waits for them
// until ctx ends; then it cuts what is left.
func (g *Gateway) Shutdown(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.draining.CompareAndSwap(false, true) {
		return nil
	}
	for _, l := range g.listeners {
		l.close()
	}
	for _, s := range g.sessions.All() {
		s.Stop(Cause{By: "shutdown", Code: wire.CloseGoingAway, Reason: "gateway is shutting down"})
	}
	close(g.stop)
	g.sweeping.Wait()
	done := make(chan struct{})
	go func() {
		g.live.Wait()
		close(done)
	}()
	var err error
	select {
	case <-done:
	case <-ctx.Done():
		err = fmt.Errorf("shutdown: %d sessions and %d requests did not end in time: %w", g.sessions.Len(), g.requests.cut(), context.Cause(ctx))
		for _, s := range g.sessions.All() {
			s.Stop(Cause{})
		}
	}
	g.closeLot()
	if snapshot := g.now_.Load(); snapshot != nil {
		snapshot.release()
	}
	return err
}

func (g *Gateway) now() time.Time {
	if g.Clock != nil {
		return g.Clock()
	}
	return time.Now()
}

// panicError is a panic that was caught at the root of a goroutine.
type panicError struct{ value any }

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// panicked logs a panic and makes an error of it.
func (g *Gateway) panicked(where string, value any) error {
	g.log.Error("panic", "in", where, "value", fmt.Sprint(value), "stack", string(debug.Stack()))
	return &panicError{value}
}

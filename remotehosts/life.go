package remotehosts

import (
	"context"
	"sync"
)

// life is how long a host is in use: from the first set with it that is started
// to the last that is closed.
type life struct {
	mu    sync.Mutex
	users int
	end   context.CancelFunc // nil without a watchdog
	dogs  sync.WaitGroup
}

// Start starts the watchdogs of the hosts that no set before has started.
func (s *Set) Start() error {
	s.using.Lock()
	defer s.using.Unlock()
	if s.started {
		return nil
	}
	s.started = true
	for _, name := range s.names {
		s.hosts[name].start()
	}
	return nil
}

// Close ends what runs for hosts that are in no other set. WebSockets and requests
// that are on their way stay open.
func (s *Set) Close() error {
	s.using.Lock()
	defer s.using.Unlock()
	if !s.started {
		return nil
	}
	s.started = false
	s.loose.close()
	for _, name := range s.names {
		s.hosts[name].stop()
	}
	return nil
}

func (h *Host) start() {
	h.life.mu.Lock()
	defer h.life.mu.Unlock()
	h.life.users++
	if h.life.users > 1 || h.def.Watchdog == nil || h.def.StandIn != "" {
		return
	}
	ctx, end := context.WithCancel(context.Background())
	h.life.end = end
	h.pool.watch(true)
	h.life.dogs.Go(func() { h.runWatchdog(ctx) })
}

func (h *Host) stop() {
	h.life.mu.Lock()
	defer h.life.mu.Unlock()
	h.life.users--
	if h.life.users > 0 {
		return
	}
	if h.life.end != nil {
		h.life.end()
		h.life.dogs.Wait()
		h.pool.watch(false)
	}
	h.pool.names.close()
	h.http.transport.CloseIdleConnections()
}

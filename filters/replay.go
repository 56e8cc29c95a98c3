package filters

import (
	"crypto/sha256"
	"sync"
	"time"
)

// replayed remembers for each client what it has sent, so that the same thing
// counts once. What is remembered is bounded for each client: one that fills its
// share is refused until there is room again, and no other notices.
type replayed struct {
	keep time.Duration // for how long
	max  int           // for each client

	mu      sync.Mutex
	clients map[string]*history
}

// history is what one client has sent: a set, and its members by age.
type history struct {
	seen map[[sha256.Size]byte]bool
	ages []receipt // the oldest first
}

// receipt is something that was sent, and how long that is remembered.
type receipt struct {
	what  [sha256.Size]byte
	until time.Time
}

func newReplayed(keep time.Duration, perClient int) *replayed {
	return &replayed{keep: keep, max: perClient, clients: make(map[string]*history)}
}

// The outcomes of [replayed.add].
type replayOutcome uint8

const (
	unseen replayOutcome = iota // and remembered from now on
	seenBefore
	historyFull
)

// add remembers what a client has sent.
func (r *replayed) add(client string, what [sha256.Size]byte, now time.Time) replayOutcome {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.clients[client]
	if h == nil {
		h = &history{seen: make(map[[sha256.Size]byte]bool)}
		r.clients[client] = h
	}
	h.forget(now)
	switch {
	case h.seen[what]:
		return seenBefore
	case len(h.ages) >= r.max:
		return historyFull
	}
	h.seen[what] = true
	h.ages = append(h.ages, receipt{what, now.Add(r.keep)})
	return unseen
}

func (h *history) forget(now time.Time) {
	old := 0
	for old < len(h.ages) && !now.Before(h.ages[old].until) {
		delete(h.seen, h.ages[old].what)
		old++
	}
	h.ages = h.ages[old:]
	if len(h.ages) == 0 {
		h.ages = nil
	}
}

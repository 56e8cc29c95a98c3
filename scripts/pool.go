package scripts

import (
	"slices"
	"sync"
	"time"
)

// pool keeps the copies of a script that keeps nothing between messages. Making one takes a thousand times as long as a
// call, so that it is better to wait for one that is just being used than to make another for every message of a busy
// moment.
type pool struct {
	mu      sync.Mutex
	idle    []*machine
	made    int // copies there are, in use or idle
	max     int // copies that are made before anybody waits
	waiting []chan *machine
}

// poolPatience is how long a call waits for a copy that is in use before it gets another: its user may itself be waiting.
const poolPatience = 10 * time.Millisecond

// take returns a copy, or nil where the caller has to make one.
func (p *pool) take() *machine {
	p.mu.Lock()
	if n := len(p.idle); n > 0 {
		c := p.idle[n-1] // the one used last
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return c
	}
	if p.made < p.max {
		p.made++
		p.mu.Unlock()
		return nil
	}
	turn := make(chan *machine, 1)
	p.waiting = append(p.waiting, turn)
	p.mu.Unlock()
	return p.wait(turn)
}

func (p *pool) wait(turn chan *machine) *machine {
	timer := time.NewTimer(poolPatience)
	defer timer.Stop()
	select {
	case c := <-turn:
		return c
	case <-timer.C:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.Index(p.waiting, turn); i >= 0 {
		p.waiting = slices.Delete(p.waiting, i, i+1)
		p.made++
		return nil
	}
	return <-turn // it was given just now
}

// give gives a copy back; nil for one that was thrown away or could not be made.
func (p *pool) give(c *machine) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case len(p.waiting) > 0: // with nil, to make one
		p.waiting[0] <- c
		p.waiting = slices.Delete(p.waiting, 0, 1)
	case c == nil || len(p.idle) >= p.max:
		p.made--
	default:
		p.idle = append(p.idle, c)
	}
}

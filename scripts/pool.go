package scripts

import "sync"

// pool keeps idle copies of a script that keeps nothing between messages.
type pool struct {
	mu   sync.Mutex
	idle []*machine
	max  int
}

// take returns an idle copy, the one used last, or nil.
func (p *pool) take() *machine {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle)
	if n == 0 {
		return nil
	}
	c := p.idle[n-1]
	p.idle = p.idle[:n-1]
	return c
}

// give keeps a copy for the next message; past the pool's size it is let go.
func (p *pool) give(c *machine) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) < p.max {
		p.idle = append(p.idle, c)
	}
}

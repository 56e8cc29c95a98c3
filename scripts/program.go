package scripts

import (
	"fmt"
	"runtime"
	"time"

	"framegate/engine"
)

// Program is a compiled script: an [engine.Filter] that all sessions share. Each session runs its own copy of the
// script in each direction, except when the script is proven, or said by its author, to keep nothing.
type Program struct {
	code    *code
	library *Library
	store   func(name string) (*engine.Store, error)
	call    func(name string) (*engine.Policy, error)
	limit   time.Duration
}

// Run calls the script's function with the message. True is success, false is failure; everything else that it may
// return or throw is an error, which names the script and, where there is one, the author's file, line and column.
func (p *Program) Run(m *engine.Message) (bool, error) {
	if b, _ := m.Local(p).(*breaker); b != nil && b.refuses(p.library.now(), p.library.limits.Errors) {
		return false, &Error{Position: engine.Position{File: p.code.name}, What: "stopped for this minute: too many errors", Err: ErrTooManyErrors}
	}
	c, err := p.take(m)
	if err != nil {
		return false, p.failed(m, err)
	}
	pass, err := c.run(p, m)
	p.give(m, c)
	if err != nil {
		return false, p.failed(m, err)
	}
	return pass, nil
}

// take gives the copy to run: the session's own, or one of the pool's. A script that calls a policy in which it stands
// itself finds its copy busy and gets another for the inner call.
func (p *Program) take(m *engine.Message) (*machine, error) {
	if p.code.pooled() {
		if c := p.code.pool.take(); c != nil {
			return c, nil
		}
		c, err := p.load()
		if err != nil {
			p.code.pool.give(nil)
		}
		return c, err
	}
	own, _ := m.Local(p.code).(*machine)
	if own != nil && !own.broken && !own.busy() {
		return own, nil
	}
	c, err := p.load()
	if err == nil && (own == nil || !own.busy()) {
		m.SetLocal(p.code, c)
	}
	return c, err
}

// give puts a pooled copy back. A copy that crossed a bound is thrown away.
func (p *Program) give(m *engine.Message, c *machine) {
	switch {
	case p.code.pooled() && c.broken:
		p.code.pool.give(nil)
	case p.code.pooled():
		p.code.pool.give(c)
	case c.broken && m.Local(p.code) == c:
		m.SetLocal(p.code, nil)
	}
}

// failed counts an error against the session, and stops the script there for the rest of the minute when it was one too
// many.
func (p *Program) failed(m *engine.Message, err error) error {
	b, _ := m.Local(p).(*breaker)
	if b == nil {
		b = &breaker{}
		m.SetLocal(p, b)
	}
	if b.count(p.library.now(), p.library.limits.Errors) {
		p.library.log.Error("script stopped for this minute: too many errors", "script", p.code.name, "session", m.Session.ID,
			"limit", p.library.limits.Errors, "error", err)
	}
	return err
}

// try loads one copy, so that a script which cannot be loaded is found before it is used.
func (p *Program) try() error {
	if !p.code.pooled() {
		_, err := p.load()
		return err
	}
	c, err := p.take(nil)
	if err == nil {
		p.code.pool.give(c)
	}
	return err
}

// Poolable tells whether copies of the script are shared by all sessions, and if not, what it might keep between
// messages.
func (p *Program) Poolable() (bool, string) { return p.code.pooled(), p.code.keeps }

// Reads lists the attributes that the script names in msg.get and msg.select, for check.
func (p *Program) Reads() []string { return p.code.facts.reads }

// Writes lists the attributes that the script names in msg.put, for check.
func (p *Program) Writes() []string { return p.code.facts.writes }

// measured is how many copies CopyBytes makes.
const measured = 16

// CopyBytes measures what a session pays for its copy of the script in one direction, in bytes. It makes copies and
// collects garbage: it is for check, not for a running gateway.
func (p *Program) CopyBytes() (int, error) {
	copies := make([]*machine, measured)
	for i := range copies {
		c, err := p.load()
		if err != nil {
			return 0, fmt.Errorf("measure %s: %w", p.code.name, err)
		}
		copies[i] = c
	}
	with := heap()
	runtime.KeepAlive(copies)
	clear(copies)
	return max(0, int(with)-int(heap())) / measured, nil
}

func heap() uint64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.GC() // the first one only takes pools down
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"framegate/engine/wire"
)

// measureUpgrades opens and closes connections, the rounds of all subjects interleaved.
func measureUpgrades(ctx context.Context, l *load, subjects []*subject, rounds int) error {
	for range rounds {
		for _, s := range subjects {
			r, err := l.runUpgrades(ctx, s.to, s.watched)
			if err != nil {
				return fmt.Errorf("bench %s: %w", s.to, err)
			}
			s.rounds = append(s.rounds, r.upgradeFigures(s.watched != nil))
			s.fail(r.failed, r.failure)
		}
	}
	return nil
}

// upgrader opens and closes one connection after the other.
type upgrader struct {
	load      *load
	upgrades  uint64
	latencies histogram
	err       error
}

// runUpgrades has as many upgraders as connections were asked for, and counts what they do. An upgrader that fails ends.
func (l *load) runUpgrades(ctx context.Context, to target, watched *process) (*round, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var phase atomic.Int32
	var running sync.WaitGroup
	all := make([]upgrader, l.connections)
	for i := range all {
		u := &all[i]
		u.load = l
		running.Go(func() { u.err = u.run(ctx, to, &phase) })
	}
	ended := make(chan struct{})
	go func() { running.Wait(); close(ended) }()

	r := &round{}
	err := sleep(ctx, l.warmup, ended)
	if err == nil {
		err = r.count(ctx, l.duration, &phase, watched, ended)
	}
	phase.Store(done)
	if err != nil {
		cancel()
	}
	<-ended
	for i := range all {
		r.messages += all[i].upgrades
		r.latencies.merge(&all[i].latencies)
		r.fail(all[i].err)
	}
	if err == nil && r.failed == l.connections {
		err = fmt.Errorf("no connection: %w", r.failure)
	}
	return r, err
}

// run goes on until the phase is done. Counted is what ends while counting, so that as much is counted that began before as
// is left out that ends after.
func (u *upgrader) run(ctx context.Context, to target, phase *atomic.Int32) error {
	for phase.Load() != done {
		begin := time.Now()
		c, err := u.load.dial(ctx, to)
		if err != nil {
			return err
		}
		took := time.Since(begin)
		if err := c.bye(); err != nil {
			return fmt.Errorf("close: %w", err)
		}
		if phase.Load() == counting {
			u.latencies.add(took, 1)
			u.upgrades++
		}
	}
	return nil
}

// bye closes the connection as RFC 6455 §7.1.1 has it: a Close each way, then the server closes, or is closed.
func (c *benchConn) bye() error {
	defer c.conn.Close()
	c.conn.SetDeadline(time.Now().Add(handshakeTimeout))
	h := wire.Header{Fin: true, Op: wire.Close, Masked: true, Key: c.keys.Next()}
	if _, err := c.conn.Write(wire.AppendFrame(nil, h, wire.AppendClose(nil, wire.CloseNormal, ""))); err != nil {
		return err
	}
	for p := c.rest; ; {
		ended, err := c.ended(p)
		if ended || err != nil {
			return err
		}
		n, err := c.conn.Read(c.in)
		if err != nil {
			return err
		}
		p = c.in[:n]
	}
}

// ended looks for the server's Close.
func (c *benchConn) ended(p []byte) (bool, error) {
	for len(p) > 0 {
		ev, n, err := c.follow.Next(p)
		if err != nil {
			return false, fmt.Errorf("the server broke the protocol: %w", err)
		}
		if ev.Kind == wire.Control && ev.Op == wire.Close {
			return true, nil
		}
		p = p[n:]
	}
	return false, nil
}

// upgradeFigures computes the figures of a round that counted upgrades.
func (r *round) upgradeFigures(watched bool) figures {
	f := unknownFigures()
	upgrades := float64(r.messages)
	f[upgradesPerSecond] = upgrades / r.took.Seconds()
	for at, q := range quantiles {
		f[at] = micros(r.latencies.quantile(q))
	}
	if r.messages > 0 && watched {
		f[cpuEachUpgrade] = micros(r.cpu) / upgrades
	}
	if r.messages > 0 && r.own > 0 {
		f[ownCPUEachUpgrade] = micros(r.own) / upgrades
	}
	return f
}

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// measureIdle takes the memory of each subject's process before and after connections were opened. There is one round: what a
// process once took it seldom gives back, so a second one would measure nothing.
func measureIdle(ctx context.Context, l *load, subjects []*subject) error {
	for _, s := range subjects {
		if err := s.measureIdle(ctx, l); err != nil {
			return fmt.Errorf("bench %s: %w", s.to, err)
		}
	}
	return nil
}

func (s *subject) measureIdle(ctx context.Context, l *load) error {
	before, err := s.watched.resident()
	if err != nil {
		return err
	}
	conns, errs := l.open(ctx, s.to)
	defer func() {
		for _, c := range conns {
			c.conn.Close()
		}
	}()
	if len(conns) == 0 {
		return fmt.Errorf("no connection: %w", errs[0])
	}
	if len(errs) > 0 {
		s.fail(len(errs), errs[0])
	}
	if err := sleep(ctx, l.duration, nil); err != nil {
		return err
	}
	after, err := s.watched.resident()
	if err != nil {
		return err
	}
	s.fail(lost(conns))
	f := unknownFigures()
	f[residentEach] = float64(after-before) / float64(len(conns)) / 1024
	f[residentAll] = float64(after) / 1024 / 1024
	s.rounds = append(s.rounds, f)
	return nil
}

// lost counts the connections that did not survive the silence, and gives the first cause.
func lost(conns []*benchConn) (n int, first error) {
	var checking sync.WaitGroup
	errs := make([]error, len(conns))
	for i, c := range conns {
		checking.Go(func() { errs[i] = c.check() })
	}
	checking.Wait()
	for _, err := range errs {
		if err == nil {
			continue
		}
		if n++; first == nil {
			first = err
		}
	}
	return n, first
}

// check reads what came while nobody read.
func (c *benchConn) check() error {
	if _, err := c.followed(c.rest); err != nil {
		return err
	}
	c.conn.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	n, err := c.conn.Read(c.in)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	if n > 0 {
		_, err = c.followed(c.in[:n])
	}
	return err
}

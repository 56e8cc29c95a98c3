package remotehosts

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"
)

// runWatchdog polls addresses until ctx ends. It is the only goroutine that a
// host has for long, besides one for each poll.
func (h *Host) runWatchdog(ctx context.Context) {
	for ctx.Err() == nil {
		due, wait := h.pool.due()
		if len(due) > 0 {
			h.poll(ctx, due)
			continue
		}
		wake, stop := h.clock.after(wait)
		select {
		case <-ctx.Done():
		case <-wake:
			h.look(ctx)
		case <-h.pool.changed:
		}
		stop()
	}
}

// watch says whether the watchdog decides when addresses are back.
func (p *pool) watch(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.watched = on
}

// look finds out the addresses of the host where all of them are to be polled.
func (h *Host) look(ctx context.Context) {
	if !h.def.Watchdog.PollIfUp {
		return
	}
	for range h.pool.candidates(ctx, &Call{TLS: h.assumesTLS(), ConnectTimeout: h.def.Watchdog.Timeout}) {
	}
}

// assumesTLS tells whether to speak TLS where no upgrade has shown it.
func (h *Host) assumesTLS() bool { return h.def.Port == 443 || h.def.TLS != TLS{} }

// due lists the addresses to poll now, or how long there are none.
func (p *pool) due() (due []*address, wait time.Duration) {
	listed := p.listed()
	p.mu.Lock()
	defer p.mu.Unlock()
	now, w := p.now(), p.def.Watchdog
	wait = w.Every
	for key, a := range p.addresses {
		if _, there := listed[key]; !there {
			continue
		}
		at := a.heard.Add(w.Every)
		switch {
		case a.breaker.open:
			at = a.breaker.until
		case !w.PollIfUp:
			continue
		}
		if left := at.Sub(now); left > 0 {
			wait = min(wait, left)
			continue
		}
		due = append(due, a)
	}
	return due, wait
}

// poll asks addresses at the same time, and waits for all.
func (h *Host) poll(ctx context.Context, due []*address) {
	var polls sync.WaitGroup
	for _, a := range due {
		polls.Go(func() {
			began := h.clock.now()
			how, why := h.health(ctx, a)
			if ctx.Err() == nil {
				h.pool.polled(a, how, why, began)
			}
		})
	}
	polls.Wait()
}

// health asks an address how it is. What a host sends is read here, so that a
// mistake in reading it must not end the process.
func (h *Host) health(ctx context.Context, a *address) (how outcome, why string) {
	defer func() {
		if r := recover(); r != nil {
			how, why = failed, fmt.Sprintf("watchdog: internal error: %v", r)
		}
	}()
	status, err := h.ask(ctx, a)
	switch {
	case err != nil:
		_, what := plain("the watchdog's request", h.def.Watchdog.Timeout, err)
		return failed, "watchdog: " + what
	case !h.def.Watchdog.takes(status):
		return failed, fmt.Sprintf("watchdog: answered %d", status)
	}
	return answered, ""
}

// polled takes in what a poll has found out; an address that is well says so
// for the whole host.
func (p *pool) polled(a *address, how outcome, why string, began time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	p.judge(a, true, how, why, now.Sub(began))
	if how == answered {
		p.breaker.succeed(now)
	}
}

func (w *Watchdog) takes(status int) bool {
	return slices.ContainsFunc(w.OK, func(r StatusRange) bool { return status >= r.From && status <= r.To })
}

// ask sends the watchdog's request to an address and returns the status of the answer.
func (h *Host) ask(ctx context.Context, a *address) (int, error) {
	w := h.def.Watchdog
	until := time.Now().Add(w.Timeout)
	limited, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	secure := h.pool.speaksTLS(a, h.assumesTLS())
	conn, err := h.reach(limited, until, a.key, secure, toHosts)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	stop := context.AfterFunc(limited, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	return w.exchange(conn, h.authority(secure))
}

func (p *pool) speaksTLS(a *address, otherwise bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return a.secure || !a.upgraded && otherwise
}

func (w *Watchdog) exchange(conn net.Conn, authority string) (status int, err error) {
	head := fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: framegate watchdog\r\nConnection: close\r\n\r\n", w.Method, w.URI, authority)
	err = converse(conn, head, func(a *answer, _ *bufio.Reader) error {
		status = a.status
		return nil
	})
	return status, err
}

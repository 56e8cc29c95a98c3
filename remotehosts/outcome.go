package remotehosts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// attempt is one try of an upgrade at one address.
type attempt struct {
	*address
	trial bool // of an address that was out
	began time.Time
}

// begin notes that an upgrade goes to an address.
func (p *pool) begin(a *address, secure bool) attempt {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	a.pending++
	a.secure, a.upgraded = secure, true
	return attempt{a, !p.watched && a.breaker.claim(now), now}
}

// finish notes how an attempt ended.
func (p *pool) finish(t attempt, how outcome, why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t.pending--
	if how == opened {
		t.open++
		t.connected++
	}
	p.judge(t.address, t.trial, how, why, p.now().Sub(t.began))
}

// judge takes in what an upgrade or a poll has found out about an address.
func (p *pool) judge(a *address, trial bool, how outcome, why string, took time.Duration) {
	now := p.now()
	if how == nothing {
		a.breaker.abandon(trial)
		return
	}
	a.heard = now
	switch how {
	case failed:
	case erred:
		a.bad++ // not measured: errors come quickly, and would draw everybody here
		if a.bad < badAnswers && !trial {
			return
		}
	default:
		a.bad = 0
		a.measure(now, took, p.def.HalfLife)
		a.breaker.succeed(now)
		return
	}
	if a.breaker.fail(now, why, trial) {
		a.bad = 0
		select {
		case p.changed <- struct{}{}:
		default:
		}
	}
}

// carry notes that the answer of an address is on its way, until release.
func (p *pool) carry(a *address) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a.open++
}

// release notes that a WebSocket to an address, or an answer from it, has ended.
func (p *pool) release(a *address) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a.open--
}

// outcome is what an attempt tells about its address.
type outcome uint8

const (
	nothing  outcome = iota // the caller went away, or the request cannot be sent anywhere
	opened                  // a WebSocket is open
	answered                // with something else than 101, as a host does that is well
	erred                   // answered 5xx, or what does not fit the request
	failed                  // cannot be reached, or what it answers is no answer
)

// outcomeOf tells what the error of an attempt says about its address. That the
// time of the upgrade as a whole was up is the address's fault if it had at
// least half of the time that it may take.
func (h *Host) outcomeOf(ctx context.Context, c *Call, began time.Time, err error) (outcome, string) {
	var refused *Refused
	var broken *Error
	switch {
	case err == nil:
		return opened, ""
	case errors.As(err, &refused) && refused.Answer.Status >= 500:
		return erred, fmt.Sprintf("answers %d", refused.Answer.Status)
	case errors.As(err, &refused):
		return answered, ""
	case !errors.As(err, &broken):
		return nothing, ""
	case answersAnyway(err):
		return erred, broken.What
	case ctx.Err() != nil && h.clock.now().Sub(began) < min(c.ConnectTimeout, c.ActiveTimeout)/2:
		return nothing, ""
	}
	return failed, broken.What
}

// elsewhere tells whether it makes sense to ask another address.
func elsewhere(ctx context.Context, c *Call, err error) bool {
	var refused *Refused
	switch {
	case ctx.Err() != nil:
		return false
	case errors.As(err, &refused):
		return c.retriesOn(refused.Answer.Status)
	}
	return errors.As(err, new(*Error))
}

// gatewayErrors are the statuses of a host that is itself a gateway, and cannot
// reach what is behind it (RFC 9110 §15.6.3 to §15.6.5).
var gatewayErrors = []StatusRange{{502, 504}}

// retriesOn tells whether another address is asked after an answer.
func (c *Call) retriesOn(status int) bool {
	on := c.RetryOn
	if len(on) == 0 {
		on = gatewayErrors
	}
	return slices.ContainsFunc(on, func(r StatusRange) bool { return status >= r.From && status <= r.To })
}

package remotehosts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"framegate/engine"
)

// send sends a plain HTTP request to the first address that answers. The answer
// holds a place at the host until its body is closed or has ended.
func (h *Host) send(ctx context.Context, call *Call, q *http.Request) (*http.Response, error) {
	c := h.settings(call)
	c.plain = true
	if !h.def.AllowHTTP11 {
		return nil, h.fail(&c, 502, "does not allow HTTP/1.1 (allowHTTP11: false), and nothing older is spoken", nil)
	}
	if h.def.MaxSent > 0 && q.ContentLength > int64(h.def.MaxSent) {
		return nil, h.fail(&c, 413, fmt.Sprintf("takes bodies of at most %s (maxSent)", h.def.MaxSent), nil)
	}
	whole, cancel := ctx, context.CancelFunc(func() {})
	if h.def.TransactionTimeout > 0 {
		whole, cancel = context.WithTimeoutCause(ctx, h.def.TransactionTimeout, errTooLong)
	}
	x := &sending{h: h, c: &c, up: &upload{request: q, limit: int64(h.def.MaxSent)}, so: &course{}, done: cancel}
	x.so.again = func() bool { return x.up.repeatable() && isIdempotent(q.Method) }
	err := h.enter(whole, &c, x.so, func(a *address) bool { return x.try(whole, a) })
	if x.so.response == nil {
		x.leave()
		return nil, err
	}
	return x.so.response, nil // perhaps the 502 of an address, after which the others were asked in vain
}

// sending is a plain HTTP request on its way, from address to address.
type sending struct {
	h    *Host
	c    *Call
	up   *upload
	so   *course
	busy bool
	done context.CancelFunc
}

// leave gives back what is not the place at the host.
func (x *sending) leave() {
	if x.busy {
		x.busy = false
		x.h.http.busy.Add(-1)
	}
	x.done()
}

// try asks one address. An answer after which others are to be asked, such as 503,
// is kept meanwhile.
func (x *sending) try(ctx context.Context, a *address) bool {
	if !x.busy {
		x.busy = true
		x.h.http.busy.Add(1)
	}
	h, so := x.h, x.so
	if err := checkDial(ctx, h, a.key); err != nil {
		so.how, so.sent = nothing, false
		so.failed(a.key, err)
		return false
	}
	t := h.pool.begin(a, x.c.TLS)
	response, sent, err := x.ask(ctx, a)
	verdict := at(a.key, err)
	if err == nil {
		verdict = &Refused{Answer: engine.Answer{Status: response.StatusCode}, Host: h.def.Name, Address: a.key}
	}
	so.sent = sent
	so.how, so.why = h.outcomeOf(ctx, x.c, t.began, verdict)
	h.pool.finish(t, so.how, so.why)
	if err != nil {
		x.logf(slog.LevelWarn, "%v", verdict)
		so.failed(a.key, verdict)
		return false
	}
	x.keep(response)
	if elsewhere(ctx, x.c, verdict) && so.again() {
		x.logf(slog.LevelWarn, "%s: %v", a.key, verdict)
		so.failed(a.key, verdict)
		return false
	}
	x.logf(slog.LevelInfo, "%s answered %d", a.key, response.StatusCode)
	return true
}

func (x *sending) logf(level slog.Level, format string, args ...any) {
	if x.c.Logf != nil {
		x.c.Logf(level, format, args...)
	}
}

// keep makes an answer the one that the caller gets, in place of an earlier one.
func (x *sending) keep(response *http.Response) {
	if before := x.so.response; before != nil {
		before.Body.(*download).drop()
	}
	x.so.response = response
}

// ask sends the request to an address and waits for the head of the answer. Sent
// tells whether the address may have seen the request.
func (x *sending) ask(ctx context.Context, a *address) (*http.Response, bool, error) {
	h := x.h
	attempt, end := context.WithCancelCause(context.WithValue(ctx, callKey{}, x.c))
	p := &progress{stalls: newStalls(x.c.ActiveTimeout, end)}
	d := &download{x: x, address: a, ctx: attempt, end: end, stalls: p.stalls, limit: int64(h.def.MaxReceived)}
	response, err := h.http.transport.RoundTrip(x.up.next(p.trace(attempt, x.c), a.key, x.c.TLS, p.stalls))
	p.stalls.answer()
	if err == nil {
		d.body = response.Body
		response.Body = d
		if err = d.check(response); err == nil {
			h.pool.carry(a)
			d.carried = true
			return response, true, nil
		}
	}
	err = x.explain(ctx, attempt, p, err)
	d.drop()
	return nil, p.sent.Load(), err
}

// explain says what went wrong before there was an answer.
func (x *sending) explain(ctx, attempt context.Context, p *progress, err error) error {
	h, step := x.h, "the answer"
	if !p.connected.Load() {
		step = "connecting"
	}
	var known *Error
	switch {
	case x.up.failure() != nil:
		return h.unsent(x.c, x.up.failure())
	case ctx.Err() != nil:
		return h.ended(ctx, x.c, step)
	case context.Cause(attempt) == errStalled:
		return h.fail(x.c, 504, fmt.Sprintf("%s took longer than %s", step, x.c.ActiveTimeout), err)
	case errors.As(err, &known):
		return err
	case !p.connected.Load():
		return h.dialError(ctx, x.c, err)
	}
	status, what := plain(step, x.c.ActiveTimeout, err)
	return h.fail(x.c, status, what, err)
}

// unsent is the error for a body that could not be read to be sent.
func (h *Host) unsent(c *Call, err error) error {
	if errors.Is(err, errTooMuchSent) {
		return h.fail(c, 413, fmt.Sprintf("takes bodies of at most %s (maxSent)", h.def.MaxSent), err)
	}
	return fmt.Errorf("request to remote host %s: %w", h.def.Name, err)
}

// isIdempotent tells whether a request may be sent again where nobody knows
// whether it has been carried out (RFC 9110 §9.2.2).
func isIdempotent(method string) bool {
	switch method {
	case "GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE":
		return true
	}
	return false
}

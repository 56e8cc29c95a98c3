package remotehosts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"framegate/engine"
	"framegate/engine/socket"
)

// Call is one upgrade, or one plain HTTP request, that a remote host is asked for.
type Call struct {
	// Request is the client's request as the policy left it. Its headers go to the host, those of an upgrade in their order
	// and case, without those for the next hop only (RFC 9110 §7.6.1).
	Request *engine.Request
	// Body is the content of a plain HTTP request; nil is none.
	Body *engine.Body
	// Interim, when set, gets the interim answers (RFC 9110 §15.2) to a plain HTTP request, except 100.
	Interim func(status int, headers *engine.Headers)
	// TLS says that the URL was wss:// or https://.
	TLS bool
	// Target is the path and query to ask for, percent-encoded; / when empty.
	Target string
	// Offer is what the engine lets the client and the host agree on.
	Offer engine.Offer
	// ConnectTimeout and ActiveTimeout go before the host's own when they are not 0. They are for each address.
	ConnectTimeout, ActiveTimeout time.Duration
	// HostHeader is the Host header; left out, it is the host's own name and port (RFC 9110 §7.2).
	HostHeader string
	// Retries goes before the host's own, see [Definition]. RetryDelay is the wait before each. RetryOn are the statuses of an
	// answer that another address is asked after; 502 to 504 when there are none.
	Retries    *int
	RetryDelay time.Duration
	RetryOn    []StatusRange
	// StickyKey is what balancing: sticky goes by.
	StickyKey string
	// Correlation is the value of the host's correlation header.
	Correlation string
	// Lot is where the connection of an upgrade waits for the host's answer, before Go's poller has to know it; may be nil.
	Lot *socket.Lot
	// Logf, when set, gets a line for every address that failed and the one that took the upgrade after them.
	Logf func(level slog.Level, format string, args ...any)

	plain bool // it is no upgrade
}

// Upgrade opens a WebSocket at the host: at the first of its addresses that
// takes it. The caller owns the socket: it must close its connection and call its
// Release, which gives the place under maxConnections back; calling it twice does
// no harm.
//
// The error is a [*Refused] when the host answered with something else than
// 101, an [*Error] when it cannot be reached or its answer cannot be used, the
// cause of ctx when that was cancelled, and any other when the request itself
// cannot be sent. With an error nothing is left open.
func (h *Host) Upgrade(ctx context.Context, call *Call) (*engine.Socket, error) {
	if !h.def.AllowHTTP11 {
		return nil, h.fail(call, 502, "does not allow HTTP/1.1 (allowHTTP11: false), without which there is no WebSocket", nil)
	}
	c := h.settings(call)
	so := &course{}
	err := h.enter(ctx, &c, so, func(a *address) bool { return h.attempt(ctx, &c, a, so) })
	return so.socket, err
}

// settings is the call with the host's own where it has none.
func (h *Host) settings(call *Call) Call {
	c := *call
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = h.def.ConnectTimeout
	}
	if c.ActiveTimeout == 0 {
		c.ActiveTimeout = h.def.ActiveTimeout
	}
	if c.Retries == nil {
		c.Retries = h.def.Retries
	}
	return c
}

// enter takes a place at the host, past its breaker, and tries its addresses.
// With an error the place is given back.
func (h *Host) enter(ctx context.Context, c *Call, so *course, try func(*address) bool) error {
	trial, why := h.pool.admit()
	if why != "" {
		return h.fail(c, 503, why, nil)
	}
	if err := h.queue(ctx, c); err != nil {
		h.pool.settle(trial, nothing, "")
		return err
	}
	done := h.anywhere(ctx, c, so, try)
	h.pool.settle(trial, so.how, so.why)
	if !done && so.response == nil {
		h.slots.release()
		return so.error()
	}
	return nil
}

// queue waits for a place at the host.
func (h *Host) queue(ctx context.Context, c *Call) error {
	if h.slots.tryTake() {
		return nil
	}
	patience, cancel := context.WithTimeout(ctx, c.ActiveTimeout)
	defer cancel()
	err := h.slots.take(patience)
	switch {
	case err == nil:
		return nil
	case gone(ctx):
		return h.cancelled(ctx)
	}
	return h.fail(c, 503, fmt.Sprintf("all %d connections are in use", h.slots.limit), err)
}

// course is how an upgrade or a request has gone so far, from address to address.
type course struct {
	socket   *engine.Socket // nil: not open
	response *http.Response // nil: not answered
	err      error          // of the last attempt
	how      outcome        // of the last attempt
	why      string         // it failed
	sent     bool           // the last address had taken the request
	again    func() bool    // whether it may then be sent to another; nil: it may
	count    int            // of attempts that failed
	whys     []string
}

// failed notes an attempt that failed.
func (u *course) failed(address string, err error) {
	const most = 4
	u.err, u.count = err, u.count+1
	if len(u.whys) == most {
		u.whys = append(u.whys, "…")
	}
	if len(u.whys) > most {
		return
	}
	why := err.Error()
	if broken, ok := errors.AsType[*Error](err); ok {
		why = broken.What
	}
	u.whys = append(u.whys, address+": "+why)
}

// error is the one that the caller gets: the last, which tells of all where it
// is not the host's own answer.
func (u *course) error() error {
	if broken, ok := errors.AsType[*Error](u.err); ok && u.count > 1 {
		broken.What = fmt.Sprintf("%d attempts failed: %s", u.count, strings.Join(u.whys, "; "))
	}
	return u.err
}

// anywhere asks one address after the other, until try has succeeded. An address
// that was never sent the request costs no retry; asking the same ones again does.
func (h *Host) anywhere(ctx context.Context, c *Call, so *course, try func(*address) bool) bool {
	retries := 1
	if c.Retries != nil {
		retries = *c.Retries
	}
	for round := 0; ; round++ {
		for a, err := range h.pool.candidates(ctx, c) {
			if so.sent && so.again != nil && !so.again() {
				return false
			}
			if so.sent || round > 0 {
				if retries--; retries < 0 || !pause(ctx, c.RetryDelay) {
					return false
				}
			}
			if err == nil && try(a) {
				return true
			}
			if err != nil {
				h.noAddress(ctx, c, so, err)
			}
			if !elsewhere(ctx, c, so.err) {
				return false
			}
		}
		if c.Retries == nil || retries <= 0 || so.count == 0 {
			return false
		}
	}
}

// pause waits before a retry; false when ctx ends first.
func pause(ctx context.Context, delay time.Duration) bool {
	if delay == 0 {
		return true
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// noAddress notes that a name could not be looked up.
func (h *Host) noAddress(ctx context.Context, c *Call, so *course, err error) {
	so.how, so.why, so.sent = failed, err.Error(), false
	if ctx.Err() != nil {
		so.how = nothing
	}
	so.failed(h.address(c.TLS), h.dialError(ctx, c, err))
}

// attempt asks one address, and notes how that went. It tells whether a
// WebSocket is open.
func (h *Host) attempt(ctx context.Context, c *Call, a *address, so *course) bool {
	shake, err := h.newHandshake(c)
	if err != nil {
		so.how, so.sent = nothing, false
		so.failed(a.key, fmt.Errorf("upgrade at remote host %s: %w", h.def.Name, err))
		return false
	}
	t := h.pool.begin(a, c.TLS)
	socket, sent, err := h.connect(ctx, c, shake, a.key)
	so.sent = sent
	so.how, so.why = h.outcomeOf(ctx, c, t.began, err)
	h.pool.finish(t, so.how, so.why)
	if err != nil {
		if c.Logf != nil {
			c.Logf(slog.LevelWarn, "%v", err)
		}
		so.failed(a.key, err)
		return false
	}
	if c.Logf != nil {
		c.Logf(slog.LevelInfo, "connected to %s", a.key)
	}
	socket.Release = sync.OnceFunc(func() {
		h.pool.release(a)
		h.slots.release()
	})
	so.socket = socket
	return true
}

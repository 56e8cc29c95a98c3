package filters

import (
	"errors"
	"log/slog"

	"framegate/engine"
	"framegate/remotehosts"
)

// proxy passes a plain HTTP request on to a place, and makes the host's answer,
// whatever its status, that of the request. Bodies go on as they come.
func (c *connecting) proxy(m *engine.Message, at place, call *remotehosts.Call) (bool, error) {
	call.Body, call.Interim = m.RequestBody(), m.Interim
	if call.Body.Begun() {
		m.Fail(502, "the body of the request has gone to another host already")
		return false, nil
	}
	if m.Changed() && m.Answer.Headers.Has("Content-Type") { // of the body that a filter has set
		own := *m.Request
		own.Headers = m.Request.Headers.Clone()
		if err := own.Headers.Set("Content-Type", m.Answer.Headers.Get("Content-Type")); err != nil {
			return false, err
		}
		call.Request = &own
	}
	safe := m.Request.Method == "GET" || m.Request.Method == "HEAD"
	for hops := c.FollowRedirects; ; hops-- {
		answer, err := c.ask(m, at, call)
		if err != nil {
			return false, notAnswered(m, err)
		}
		if hops <= 0 || !safe || !isRedirect(answer.Status) {
			return true, m.Respond(answer)
		}
		answer.Stream.Close()
		next, err := c.redirected(at, answer.Headers.Get("Location"))
		if err != nil {
			m.Fail(502, "remote host %s: %v", at.host.Definition().Name, err)
			return false, nil
		}
		m.Logf(slog.LevelInfo, "redirected to %s%s", next.host.Definition().Name, next.target)
		if next.host != at.host {
			call.Request = withoutCredentials(call.Request)
		}
		at = next
	}
}

// ask sends the request to a place.
func (c *connecting) ask(m *engine.Message, at place, call *remotehosts.Call) (answer *engine.Answer, err error) {
	call.TLS, call.Target = at.secure, at.target
	if call.StickyKey, err = at.host.StickyKey(m); err != nil {
		return nil, err
	}
	return at.host.Do(m.Context(), call)
}

// notAnswered fails the filter with the status that fits what went wrong at the
// host, or with the client's own body; every other error is an abort, and returned.
func notAnswered(m *engine.Message, err error) error {
	var failed *remotehosts.Error
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &failed):
		m.Fail(failed.Status, "%v", err)
	case errors.Is(err, engine.ErrBodyTooLong):
		m.Fail(413, "%v", err)
	case errors.As(err, &timeout) && timeout.Timeout():
		m.Fail(408, "the client did not send its body in time: %v", err)
	default:
		return err
	}
	return nil
}

package filters

import (
	"errors"

	"framegate/engine"
	"framegate/remotehosts"
)

// proxy passes a plain HTTP request on to a host, and makes the host's answer,
// whatever its status, that of the request. Bodies go on as they come.
func (c *connecting) proxy(m *engine.Message, host *remotehosts.Host, call *remotehosts.Call) (bool, error) {
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
	answer, err := host.Do(m.Context(), call)
	if err != nil {
		return false, notAnswered(m, err)
	}
	return true, m.Respond(answer)
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

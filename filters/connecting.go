package filters

import (
	"errors"
	"time"

	"framegate/engine"
	"framegate/remotehosts"
)

// connecting is how connect-to-url and connection reach a host: they open a
// WebSocket there, or pass a plain HTTP request on.
type connecting struct {
	// ConnectTimeout bounds connecting and the TLS handshake; 504 past it. Left out, it is the remote host's.
	ConnectTimeout time.Duration `yaml:"connectTimeout" min:"1ms"`
	// ActiveTimeout bounds the wait for the host's answer (504 past it), and for a free connection (503 past it). On a route it
	// bounds the wait for each block of the answer's body too. Left out, it is the remote host's. The upgrade as a whole may
	// take 30s, a request until its answer begins the timeout of its route.
	ActiveTimeout time.Duration `yaml:"activeTimeout" min:"1ms"`
}

// forgetRefusal takes back the answer of a host that was asked before, when its
// failure arrow has led to another.
func forgetRefusal(m *engine.Message) {
	if m.Answer.FromHost {
		m.Answer.Stream.Close()
		*m.Answer = engine.Answer{}
	}
}

// connect asks a host for an upgrade of the path and query, or passes the
// request on to it.
func (c *connecting) connect(m *engine.Message, host *remotehosts.Host, secure bool, target string) (bool, error) {
	call := &remotehosts.Call{
		Request: m.Request, TLS: secure, Target: target, Offer: m.Offer,
		ConnectTimeout: c.ConnectTimeout, ActiveTimeout: c.ActiveTimeout, Correlation: m.Session.ID, Logf: m.Logf,
	}
	var err error
	if call.StickyKey, err = host.StickyKey(m); err != nil {
		return false, err
	}
	if m.Hook == engine.OnRequest {
		return c.proxy(m, host, call)
	}
	socket, err := host.Upgrade(m.Context(), call)
	if err != nil {
		return false, notConnected(m, err)
	}
	m.Connect(socket)
	return true, nil
}

// notConnected fails the filter with what the host answered, or with the status
// that its silence means; every other error is an abort, and returned.
func notConnected(m *engine.Message, err error) error {
	var refused *remotehosts.Refused
	var failed *remotehosts.Error
	switch {
	case errors.As(err, &refused):
		*m.Answer = refused.Answer
		m.Fail(refused.Answer.Status, "%v", err)
		return nil
	case errors.As(err, &failed):
		m.Fail(failed.Status, "%v", err)
		return nil
	}
	return err
}

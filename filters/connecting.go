package filters

import (
	"errors"
	"fmt"
	"strings"
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
	// Retries is how often the upgrade is sent again, to another address first, when one has taken it and reset, stalled, or
	// answered with a status of retryOn; never once a 101 has begun. Left out, it is the remote host's.
	Retries *int `yaml:"retries" min:"0" max:"10"`
	// RetryOn are the statuses of the host after which the upgrade is sent again. Left out, 502-504.
	RetryOn []remotehosts.StatusRange `yaml:"retryOn"`
	// RetryDelay is the wait before each retry.
	RetryDelay time.Duration `yaml:"retryDelay" max:"10s"`
	// FollowRedirects is how many redirects (301, 302, 303, 307, 308) are followed. Only configured remote hosts are gone to,
	// and never from TLS to none, else the filter fails with 502; another host gets neither Authorization nor Cookie. With 0 the
	// client gets the redirect, as it gets any answer of the host. On a route only those of GET and HEAD are followed.
	FollowRedirects int `yaml:"followRedirects" min:"0" max:"10"`
	// HostHeader is the Host header for the host: ${http.request.host} passes the client's on. Left out, it is the remote
	// host's own name and port.
	HostHeader engine.Selector `yaml:"hostHeader"`
	// Subprotocols are what the host is offered in place of the client's subprotocols; commas within one separate several.
	// What the host then chooses the client is told only where it has offered it too; a browser that offered some and is told
	// none gives up.
	Subprotocols []engine.Selector `yaml:"subprotocols"`

	hosts *remotehosts.Set
}

// place is a host, and what to ask it for.
type place struct {
	host   *remotehosts.Host
	secure bool
	target string // path and query
}

func (c *connecting) prepare(env *Env) error {
	c.hosts = env.Hosts
	if text, ok := c.HostHeader.Literal(); ok && text != "" {
		if err := remotehosts.CheckHostHeader(text); err != nil {
			return &FieldError{"hostHeader", "write a host, with a port if there is one: chat.example.test:9001", err}
		}
	}
	for i, name := range c.Subprotocols {
		text, ok := name.Literal()
		if _, err := tokens(text); ok && err != nil {
			return &FieldError{indexed("subprotocols", i), "write a name such as chat.v1", err}
		}
	}
	return nil
}

// forgetRefusal takes back the answer of a host that was asked before, when its
// failure arrow has led to another.
func forgetRefusal(m *engine.Message) {
	if m.Answer.FromHost {
		m.Answer.Stream.Close()
		*m.Answer = engine.Answer{}
	}
}

// connect asks a place for an upgrade, or passes the request on to it, and to
// those that it redirects to.
func (c *connecting) connect(m *engine.Message, at place) (bool, error) {
	call, err := c.call(m)
	if call == nil || err != nil {
		return false, err
	}
	if m.Hook == engine.OnRequest {
		return c.proxy(m, at, call)
	}
	for hops := c.FollowRedirects; ; hops-- {
		call.TLS, call.Target = at.secure, at.target
		if call.StickyKey, err = at.host.StickyKey(m); err != nil {
			return false, err
		}
		socket, err := at.host.Upgrade(m.Context(), call)
		var refused *remotehosts.Refused
		switch {
		case err == nil:
			tellSubprotocol(m, socket)
			m.Connect(socket)
			return true, nil
		case hops > 0 && errors.As(err, &refused) && isRedirect(refused.Answer.Status):
			next, err := c.redirected(at, refused.Answer.Headers.Get("Location"))
			if err != nil {
				m.Fail(502, "remote host %s: %v", at.host.Definition().Name, err)
				return false, nil
			}
			m.Logf(0, "%v: redirected to %s%s", err, next.host.Definition().Name, next.target)
			if next.host != at.host {
				call.Request = withoutCredentials(call.Request)
			}
			at = next
		default:
			return false, notConnected(m, err)
		}
	}
}

// call is the request for a message; nil when the filter has failed.
func (c *connecting) call(m *engine.Message) (*remotehosts.Call, error) {
	call := &remotehosts.Call{
		Request: m.Request, Offer: m.Offer, Correlation: m.Session.ID, Logf: m.Logf, Lot: m.Lot(),
		ConnectTimeout: c.ConnectTimeout, ActiveTimeout: c.ActiveTimeout,
		Retries: c.Retries, RetryOn: c.RetryOn, RetryDelay: c.RetryDelay,
	}
	var err error
	if call.HostHeader, err = c.HostHeader.String(m); err != nil {
		return nil, fmt.Errorf("hostHeader: %w", err)
	}
	if !c.HostHeader.IsZero() {
		if err := remotehosts.CheckHostHeader(call.HostHeader); err != nil {
			m.Fail(400, "hostHeader: %v", err)
			return nil, nil
		}
	}
	if len(c.Subprotocols) > 0 {
		if call.Offer.Subprotocols, err = c.offered(m); err != nil || call.Offer.Subprotocols == nil {
			return nil, err
		}
	}
	return call, nil
}

// offered is what the host is offered in place of the client's subprotocols; nil
// when the filter has failed.
func (c *connecting) offered(m *engine.Message) ([]string, error) {
	all := []string{}
	for i, name := range c.Subprotocols {
		text, err := name.String(m)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", indexed("subprotocols", i), err)
		}
		names, err := tokens(text)
		if err != nil {
			m.Fail(400, "%s: %v", indexed("subprotocols", i), err)
			return nil, nil
		}
		all = append(all, names...)
	}
	return all, nil
}

// tokens are the subprotocols in a list (RFC 6455 §11.3.4).
func tokens(list string) (names []string, err error) {
	for name := range strings.SplitSeq(list, ",") {
		if name = strings.Trim(name, " \t"); name == "" {
			continue
		}
		var h engine.Headers
		if err := h.Set(name, ""); err != nil {
			return nil, fmt.Errorf("%.60q is no name for a subprotocol", name)
		}
		names = append(names, name)
	}
	return names, nil
}

// tellSubprotocol keeps from the client a subprotocol that it has not offered:
// it "MUST _Fail the WebSocket Connection_" over one (RFC 6455 §4.1).
func tellSubprotocol(m *engine.Message, socket *engine.Socket) {
	for _, offered := range m.Offer.Subprotocols {
		if offered == socket.Subprotocol {
			return
		}
	}
	socket.Subprotocol = ""
	if socket.Headers != nil {
		socket.Headers.Del("Sec-WebSocket-Protocol")
	}
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

package remotehosts

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"time"

	"framegate/engine"
)

// keepAlive finds hosts that are gone without a word: a connection that has
// been silent for 30 s is probed every 10 s and given up after three probes
// without an answer.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 10 * time.Second, Count: 3}

// userTimeout is how long sent bytes may stay unacknowledged, or the host may
// take none at all, before the kernel gives the connection up (TCP_USER_TIMEOUT,
// RFC 5482; Linux only).
const userTimeout = 60 * time.Second

// stepError says during which step of connecting an error came.
type stepError struct {
	step  string
	proxy bool // it is the proxy's
	error
}

func (e *stepError) Unwrap() error { return e.error }

// dial connects to an address, through the proxy and with TLS if there are to
// be, within the connect timeout.
func (h *Host) dial(ctx context.Context, c *Call, address string) (net.Conn, error) {
	h.http.makeRoom(0)
	limited, cancel := context.WithTimeout(ctx, c.ConnectTimeout)
	defer cancel()
	return h.reach(limited, address, c.TLS)
}

// reach connects to an address until ctx ends.
func (h *Host) reach(ctx context.Context, address string, secure bool) (net.Conn, error) {
	dialer := net.Dialer{KeepAliveConfig: keepAlive, Control: setUserTimeout}
	next := address
	host, _, _ := net.SplitHostPort(address)
	proxied := h.def.StandIn == "" && h.def.Proxy.covers(host)
	if proxied {
		next = h.def.Proxy.address()
	}
	conn, err := dialer.DialContext(ctx, "tcp", next)
	if err != nil {
		return nil, &stepError{"connecting", proxied, err}
	}
	if proxied {
		if err := h.def.Proxy.tunnel(ctx, conn, address); err != nil {
			conn.Close()
			return nil, &stepError{"connecting", true, err}
		}
	}
	if !secure || h.def.StandIn != "" {
		return conn, nil
	}
	secured := tls.Client(engine.UnderTLS(conn), h.tls)
	if err := secured.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, &stepError{"the TLS handshake", false, err}
	}
	return secured, nil
}

// dialError tells the end of the caller's ctx from what went wrong with the host.
func (h *Host) dialError(ctx context.Context, c *Call, err error) error {
	step, whose := "connecting", ""
	if at, ok := errors.AsType[*stepError](err); ok {
		if step = at.step; at.proxy {
			whose = "proxy: "
		}
	}
	if ctx.Err() != nil {
		return h.ended(ctx, c, step)
	}
	status, what := plain(step, c.ConnectTimeout, err)
	return h.fail(c, status, whose+what, err)
}

package remotehosts

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"time"

	"framegate/engine"
	"framegate/engine/socket"
)

// toHosts finds hosts that are gone without a word: a connection that has been
// silent for 30 s is probed every 10 s and given up after three probes without an
// answer, or when sent bytes have not been acknowledged for 60 s.
var toHosts = socket.Options{KeepAlive: 30 * time.Second, KeepAliveEvery: 10 * time.Second, KeepAliveProbes: 3, UserTimeout: 60 * time.Second}

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
	options := toHosts
	options.Lot = c.Lot
	return h.reach(ctx, time.Now().Add(c.ConnectTimeout), address, c.TLS, options)
}

// reach connects to an address until a time, or ctx's end.
func (h *Host) reach(ctx context.Context, until time.Time, address string, secure bool, options socket.Options) (net.Conn, error) {
	host, _, _ := net.SplitHostPort(address)
	proxied, secure := h.def.StandIn == "" && h.def.Proxy.covers(host), secure && h.def.StandIn == ""
	next := address
	if proxied {
		next = h.def.Proxy.address()
	}
	if proxied || secure { // for what knows of no other limit
		limited, cancel := context.WithDeadline(ctx, until)
		defer cancel()
		ctx = limited
	}
	conn, err := dialTCP(ctx, next, until, options)
	if err != nil {
		return nil, &stepError{"connecting", proxied, err}
	}
	if proxied || secure { // which write more than once before they wait
		if err := conn.Settle(); err != nil {
			conn.Close()
			return nil, &stepError{"connecting", proxied, err}
		}
	}
	if proxied {
		if err := h.def.Proxy.tunnel(ctx, conn, address); err != nil {
			conn.Close()
			return nil, &stepError{"connecting", true, err}
		}
	}
	if !secure {
		return conn, nil
	}
	secured := tls.Client(engine.UnderTLS(conn), h.tls)
	if err := secured.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, &stepError{"the TLS handshake", false, err}
	}
	return secured, nil
}

// dialTCP connects to an address; a name, which only a proxy's can be, is tried
// at all of its addresses.
func dialTCP(ctx context.Context, address string, until time.Time, options socket.Options) (*socket.Conn, error) {
	if to, err := netip.ParseAddrPort(address); err == nil {
		return socket.Dial(ctx, to, until, options)
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	number, err := net.DefaultResolver.LookupPort(ctx, "tcp", port)
	if err != nil {
		return nil, err
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	for _, addr := range addrs {
		conn, failed := socket.Dial(ctx, netip.AddrPortFrom(addr.Unmap(), uint16(number)), until, options)
		if failed == nil {
			return conn, nil
		}
		err = failed
	}
	return nil, err
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

package remotehosts

import (
	"context"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"sync"
	"sync/atomic"
	"time"
)

// maxIdle is how many unused connections are kept to one address of a host.
const maxIdle = 64

// client speaks plain HTTP with the addresses of a host: net/http over
// connections that the host dials itself, with a pool for each address.
type client struct {
	host      *Host
	transport *http.Transport
	open      atomic.Int64 // connections, in use or not
	busy      atomic.Int64 // requests that hold a place at the host
}

func newClient(h *Host) *client {
	c := &client{host: h}
	c.transport = &http.Transport{
		DialContext:            func(ctx context.Context, _, address string) (net.Conn, error) { return c.dial(ctx, address, false) },
		DialTLSContext:         func(ctx context.Context, _, address string) (net.Conn, error) { return c.dial(ctx, address, true) },
		IdleConnTimeout:        h.def.IdleTimeout,
		MaxIdleConnsPerHost:    maxIdle,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: maxHead,
		DisableCompression:     true, // bodies go on as they are
		Protocols:              http1(),
		ReadBufferSize:         16 << 10,
		WriteBufferSize:        16 << 10,
	}
	return c
}

func http1() *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	return p
}

// callKey finds the Call in the context of a request: dialling outlives its
// cancellation, not its values.
type callKey struct{}

// dial connects to an address for plain HTTP.
func (c *client) dial(ctx context.Context, address string, secure bool) (net.Conn, error) {
	limit := c.host.def.ConnectTimeout
	if call, ok := ctx.Value(callKey{}).(*Call); ok {
		limit = call.ConnectTimeout
	}
	c.makeRoom(1)
	conn, err := c.host.reach(ctx, time.Now().Add(limit), address, secure, toHosts)
	if err != nil {
		return nil, err
	}
	c.open.Add(1)
	return &pooledConn{Conn: conn, left: sync.OnceFunc(func() { c.open.Add(-1) })}, nil
}

// makeRoom closes the connections that nobody uses where they and one more would
// be more than the host may have. New is how many are not counted yet.
func (c *client) makeRoom(new int64) {
	limit := c.host.slots.limit
	if limit < 0 || c.open.Load() == 0 {
		return
	}
	places, _ := c.host.slots.counts()
	if int64(places)-c.busy.Load()+c.open.Load()+new > int64(limit) {
		c.transport.CloseIdleConnections()
	}
}

// pooledConn is counted until it is closed.
type pooledConn struct {
	net.Conn
	left func()
}

// Close closes the connection.
func (c *pooledConn) Close() error {
	defer c.left()
	return c.Conn.Close()
}

// progress is how far a request has got at one address.
type progress struct {
	stalls    *stalls
	connected atomic.Bool
	sent      atomic.Bool // its head has been written: the host may have seen it
}

// trace follows a request, and hands interim answers on.
func (p *progress) trace(ctx context.Context, c *Call) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) {
			p.connected.Store(true)
			p.stalls.wait()
		},
		WroteHeaders: func() { p.sent.Store(true) },
		Got1xxResponse: func(status int, h textproto.MIMEHeader) error {
			if c.Interim != nil && status != http.StatusContinue {
				c.Interim(status, headersOf(http.Header(h)))
			}
			return nil
		},
	})
}

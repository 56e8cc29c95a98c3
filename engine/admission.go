package engine

import (
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"time"

	"github.com/valyala/fasthttp"

	"framegate/engine/socket"
	"framegate/engine/wire"
)

// admit counts a connection in, unless the port's access list or a limit forbids
// it. For whom a trusted proxy speaks is known later; it is then that its
// clients' addresses are checked and counted.
func (l *listener) admit(conn *socket.Conn) *portConn {
	p, state := l.port.Load(), l.state.Load()
	peer := remoteAddr(conn.Addr())
	c := &portConn{pollConn: pollConn{Conn: conn}, state: state, http: &httpPhase{peer: peer}}
	trusted := p.trusts(peer.Addr())
	switch {
	case !trusted && p.ProxyProtocol == ProxyRequire:
		state.refused(l.g, p, refusedProxy, peer.Addr(), errors.New("not one of the trusted proxies"))
		return nil
	case !trusted && !p.Access.Allows(peer.Addr()):
		state.refused(l.g, p, refusedAccess, peer.Addr(), nil)
		return nil
	case !trusted:
		c.counted = peer.Addr()
	}
	if why := state.add(c, l, p.limitsFor(peer.Addr())); why != "" {
		state.refused(l.g, p, why, peer.Addr(), nil)
		return nil
	}
	return c
}

// serve reads requests from a connection until it ends or becomes a session.
func (l *listener) serve(c *portConn) {
	l.g.live.Add(1)
	defer l.g.live.Done()
	defer func() {
		if r := recover(); r != nil {
			l.g.panicked("http", r)
			c.Close()
		}
	}()
	p := l.port.Load()
	conn, why, err := l.begin(c, p)
	if conn == nil {
		c.state.refused(l.g, p, why, c.http.peer.Addr(), err)
		c.Close()
		return
	}
	if l.first(conn, c) {
		return
	}
	if err := l.server.Load().ServeConn(conn); err != nil && !c.hijacked.Load() {
		c.Close()
	}
}

// begin does what comes before the first request: the header of the PROXY
// protocol, then the TLS handshake, together in the time of one handshake.
func (l *listener) begin(c *portConn, p *Port) (conn net.Conn, why refusedFor, err error) {
	proxied, secure := p.ProxyProtocol != ProxyOff && p.trusts(c.http.peer.Addr()), p.SpeaksTLS(l.address)
	if !proxied && !secure {
		return c, "", nil
	}
	if p.Limits.Handshake > 0 {
		c.SetDeadline(time.Now().Add(p.Limits.Handshake))
		defer c.SetDeadline(time.Time{})
	}
	if proxied {
		if why, err := c.proxyHeader(p); why != "" {
			return nil, why, err
		}
	}
	if !secure {
		return c, "", nil
	}
	c.http.secured = true
	secured := tls.Server(c, p.TLS)
	if err := secured.Handshake(); err != nil {
		return nil, refusedTLS, err
	}
	return &securedConn{secured, c.http}, "", nil
}

// proxyHeader reads the header that a trusted proxy sends first, and counts the
// connection as that of the client it names.
func (c *portConn) proxyHeader(p *Port) (why refusedFor, err error) {
	source, err := c.readProxyHeader()
	switch {
	case errors.Is(err, errNoProxyHeader) && p.ProxyProtocol == ProxyAccept:
		return "", nil
	case err != nil:
		return refusedProxy, err
	case !source.IsValid():
		return "", nil
	}
	c.http.peer = source
	switch {
	case p.trusts(source.Addr()): // another proxy: X-Forwarded-For says more
		return "", nil
	case !p.Access.Allows(source.Addr()):
		return refusedAccess, nil
	case !c.state.recount(c, source.Addr(), p.limitsFor(source.Addr())):
		return refusedPerClient, nil
	}
	return "", nil
}

// readProxyHeader reads until the header is there or cannot come any more. What
// was read behind it, or in its place, is kept for the reader of requests.
func (c *portConn) readProxyHeader() (netip.AddrPort, error) {
	var in []byte
	chunk := make([]byte, 536) // the least that a proxy may send in one segment (§2)
	for {
		n, err := c.Conn.Read(chunk)
		in = append(in, chunk[:n]...)
		source, length, parseErr := parseProxyHeader(in)
		if parseErr != errMoreProxyHeader {
			c.http.begun = in[length:]
			return source, parseErr
		}
		if err != nil {
			return source, errors.Join(parseErr, err)
		}
	}
}

// identify checks and counts the client for whom a trusted proxy sent a request.
func (l *listener) identify(c *portConn, client netip.AddrPort) *Answer {
	p := l.port.Load()
	if client.Addr() == c.counted {
		return nil
	}
	if !p.Access.Allows(client.Addr()) {
		c.state.refused(l.g, p, refusedAccess, client.Addr(), nil)
		a := refusal(403, "this address may not connect", "", "")
		return &a
	}
	if !c.state.recount(c, client.Addr(), p.limitsFor(client.Addr())) {
		c.state.refused(l.g, p, refusedPerClient, client.Addr(), nil)
		a := refusal(429, "too many connections from this client", "", "")
		a.Headers.Set("Retry-After", "10")
		return &a
	}
	return nil
}

// request reads the HTTP request into our own form, or says why it is none.
func (l *listener) request(ctx *fasthttp.RequestCtx) (*Request, *portConn, *Answer) {
	_, conn := unwrap(connOf(ctx))
	headers, err := wire.ParseHeaders(ctx.Request.Header.RawHeaders())
	if err != nil {
		a := refusal(400, err.Error(), "", "")
		return nil, nil, &a
	}
	q := &Request{
		Method: string(ctx.Method()), Headers: headers, At: l.g.now(), TLS: ctx.TLSConnectionState(),
		Proto: string(ctx.Request.Header.Protocol()),
	}
	if refused := l.from(q, conn); refused != nil {
		return nil, nil, refused
	}
	if err := q.setTarget(string(ctx.Request.Header.RequestURI())); err != nil {
		a := refusal(400, err.Error(), "", "")
		return nil, nil, &a
	}
	if limit := l.port.Load().Limits.URI; len(q.URI) > limit {
		a := refusal(414, tooLongTarget, "", "")
		return nil, nil, &a
	}
	if limit := l.port.Load().Limits.Header; limit > 0 && len(ctx.Request.Header.RawHeaders()) > limit {
		a := refusal(431, tooMuchHeader, "", "")
		return nil, nil, &a
	}
	conn.http.line, conn.http.by = false, time.Time{} // for the next request
	return q, conn, nil
}

// from finds out whose the request is, and refuses it if that client may not connect.
func (l *listener) from(q *Request, c *portConn) *Answer {
	q.Client, q.Forwarded = l.port.Load().client(q.Headers, c.http.peer)
	return l.identify(c, q.Client)
}

// connOf returns the connection under a request.
func connOf(ctx *fasthttp.RequestCtx) net.Conn { return ctx.Conn() }

// remoteAddr is the client's address, an IPv4 one in its plain form.
func remoteAddr(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

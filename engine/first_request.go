package engine

import (
	"bytes"
	"net"
	"strings"
	"time"

	"framegate/engine/wire"
)

// first serves the first request of a connection where that is what it is nearly
// always: an upgrade, whole in what the client sent first. Such a one costs no
// server of HTTP. Whatever else comes, plain HTTP, a request in pieces, one that is
// wrong in any way, is left to fasthttp with what was read; and so is what comes
// after an upgrade that was refused. It returns true where nothing is left to do.
func (l *listener) first(conn net.Conn, c *portConn) bool {
	p := l.port.Load()
	b := takeBuffer(false)
	n, err := l.readFirst(conn, c, b.b, p.Limits.Handshake)
	if err != nil {
		giveBuffer(b)
		c.Close()
		return true
	}
	head, rest, whole := bytes.Cut(b.b[:n], []byte("\r\n\r\n"))
	var q *Request
	if whole {
		q = l.wholeUpgrade(string(b.b[:len(head)+len("\r\n")]), p)
	}
	if q == nil {
		rest = b.b[:n]
	}
	rest = bytes.Clone(rest)
	giveBuffer(b)
	if q != nil && l.serveUpgrade(conn, c, p, q, rest) {
		return true
	}
	c.http.ahead, c.http.line = rest, false // fasthttp has not read the request line yet
	return false
}

// readFirst waits for the first bytes of a request, for as long as a client has
// for its handshake; what fasthttp reads of the same request must be there by then.
func (l *listener) readFirst(conn net.Conn, c *portConn, p []byte, limit time.Duration) (n int, err error) {
	if conn == net.Conn(c) && len(c.http.begun) == 0 {
		if n, err := c.readWaiting(p); n > 0 || err != nil {
			return n, err
		}
	}
	if limit > 0 {
		c.http.by = time.Now().Add(limit)
		conn.SetReadDeadline(c.http.by)
		select {
		case <-l.quit: // which has ended the reading of all that it knew of
			return 0, net.ErrClosed
		default:
		}
	}
	return conn.Read(p)
}

// wholeUpgrade reads the head of a request, without the empty line that ends it.
// It returns nil for what is no upgrade or is not as it should be.
func (l *listener) wholeUpgrade(head string, p *Port) *Request {
	line, block, _ := strings.Cut(head, "\r\n")
	target, get := strings.CutPrefix(line, "GET ")
	target, http11 := strings.CutSuffix(target, " HTTP/1.1")
	limits := p.Limits
	if !get || !http11 || !plainTarget(target) || len(target) > limits.URI || limits.Header > 0 && len(block)+len("\r\n") > limits.Header {
		return nil
	}
	h, err := wire.ParseHeaderText(block)
	if err != nil || !wire.IsUpgrade(h) || !plainHost(h.Get("Host")) || h.HasToken("Connection", "close") ||
		h.Has("Content-Length") || h.Has("Transfer-Encoding") || h.Has("Expect") {
		return nil
	}
	q := &Request{Method: "GET", Headers: h, At: l.g.now(), Proto: "HTTP/1.1"}
	if q.setTarget(strings.Clone(target)) != nil { // not to hold the whole head for it
		return nil
	}
	if _, own := l.g.probe(p, q); own {
		return nil
	}
	return q
}

// plainTarget tells whether a request target is a path, of characters that may stand in one.
func plainTarget(target string) bool {
	for i := range len(target) {
		if c := target[i]; c <= ' ' || c >= 0x7F {
			return false
		}
	}
	return strings.HasPrefix(target, "/")
}

// plainHost tells whether a Host header is a name or an address, and perhaps a port.
func plainHost(host string) bool {
	for i := range len(host) {
		c := host[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(".-_:[]", c) >= 0) {
			return false
		}
	}
	return host != ""
}

// serveUpgrade takes an upgrade to its session, or answers it. It returns true
// where no other request can follow. early is what came after the request.
func (l *listener) serveUpgrade(conn net.Conn, c *portConn, p *Port, q *Request, early []byte) (ended bool) {
	if secured, ok := conn.(*securedConn); ok {
		state := secured.ConnectionState()
		q.TLS = &state
	}
	if refused := l.from(q, c); refused != nil {
		return !c.answer(conn, *refused, p)
	}
	u := &upgrading{g: l.g, snapshot: l.g.hold(), port: p}
	defer func() {
		if r := recover(); r != nil {
			l.g.panicked("upgrade", r)
			u.undo()
			c.Close()
			ended = true
		}
		if !u.taken {
			u.snapshot.release()
		}
	}()
	u.s = &Session{ID: newSessionID(), Port: p.Name, Path: q.Path, Client: q.Client, Opened: q.At, gateway: l.g}
	offer, ok := u.check(q)
	switch {
	case ok && u.w.FirstMessage:
		u.taken = true
		u.g.live.Add(1)
		newEarly(u, conn, c, q, early).run(offer)
		return true
	case ok:
		u.runPolicy(q, offer)
	}
	if !u.connected() {
		u.undo()
		u.record(q)
		return !c.answer(conn, u.answer, p)
	}
	head := u.settle(c, q)
	u.s.start(conn, c, head, early, u.m.upstream.Early)
	return true
}

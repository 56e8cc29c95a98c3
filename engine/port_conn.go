package engine

import (
	"bytes"
	"crypto/tls"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"framegate/engine/socket"
)

// portConn is an accepted connection. It counts against the port's limits until
// it is closed, also as a session, and frees an upgrade that never got to be one.
type portConn struct {
	pollConn
	state    *portState
	counted  netip.Addr // as which client; not valid for a proxy that has not said yet
	http     *httpPhase // nil once it is a session
	hijacked atomic.Bool
	closed   atomic.Bool
}

// abandoner is what a connection that breaks must let go of.
type abandoner interface{ abandon() }

// httpPhase is what a connection knows while it serves HTTP.
type httpPhase struct {
	peer  netip.AddrPort // who connected, by the PROXY header where there is one
	begun []byte         // what was read together with the PROXY header
	ahead []byte         // what was read of a request, or beyond the last
	by    time.Time      // when the first request must be there; zero: there is one, or no limit

	secured bool        // what the connection carries is TLS
	line    bool        // the request line has been read
	more    bool        // the client was refused while it may still be sending
	busy    atomic.Bool // with a request on a route
	ending  atomic.Bool // the listener has closed: no more requests

	pending abandoner // taken out of fasthttp, not yet running: a dialled session or a request
}

// saw looks for the end of the request line, for the answer to a request that is
// too long: 414 or 431.
func (h *httpPhase) saw(p []byte) {
	h.line = h.line || bytes.IndexByte(p, '\n') >= 0
}

// next gives what was read ahead.
func (h *httpPhase) next(p []byte) int {
	n := copy(p, h.ahead)
	h.ahead = h.ahead[n:]
	h.saw(p[:n])
	return n
}

// SetReadDeadline sets when reading ends: while the first request is read, not
// after its time.
func (c *portConn) SetReadDeadline(t time.Time) error {
	if h := c.http; h != nil && !h.by.IsZero() && (t.IsZero() || t.After(h.by)) {
		t = h.by
	}
	return c.Conn.SetReadDeadline(t)
}

// securedConn is a TLS connection while it serves HTTP.
type securedConn struct {
	*tls.Conn
	http *httpPhase
}

// Read reads what the client sent, decrypted.
func (c *securedConn) Read(p []byte) (int, error) {
	if n := c.http.next(p); n > 0 {
		return n, nil
	}
	n, err := c.Conn.Read(p)
	c.http.saw(p[:n])
	return n, err
}

// Read reads what came with the PROXY header first.
func (c *portConn) Read(p []byte) (int, error) {
	if c.http != nil && len(c.http.begun) > 0 {
		n := copy(p, c.http.begun)
		c.http.begun = c.http.begun[n:]
		c.http.saw(p[:n])
		return n, nil
	}
	if c.http != nil && !c.http.secured {
		if n := c.http.next(p); n > 0 {
			return n, nil
		}
	}
	n, err := c.pollConn.Read(p)
	if c.http != nil && !c.http.secured {
		c.http.saw(p[:n])
	}
	return n, err
}

// Close closes the connection and gives its place back.
func (c *portConn) Close() error {
	if c.http != nil && c.http.more {
		c.http.more = false
		c.linger()
	}
	err := c.Conn.Close()
	if !c.closed.CompareAndSwap(false, true) {
		return err
	}
	c.left()
	c.state.discount(c.counted)
	if c.http != nil && c.http.pending != nil {
		c.http.pending.abandon()
		c.http.pending = nil
	}
	return err
}

// lingerTime is for how long a refused client may go on sending.
const lingerTime = time.Second

// linger reads what a refused client still sends: a socket closed with bytes in
// it is reset, and the answer is lost with it (RFC 9112 §9.6).
func (c *portConn) linger() {
	if c.CloseWrite() != nil || c.SetReadDeadline(time.Now().Add(lingerTime)) != nil {
		return
	}
	b := takeBuffer(false)
	defer giveBuffer(b)
	for range 64 {
		if _, err := c.Conn.Read(b.b); err != nil {
			return
		}
	}
}

// CloseWrite sends a FIN; what the peer still sends can be read.
func (c *portConn) CloseWrite() error { return c.Conn.(*socket.Conn).CloseWrite() }

// left takes the connection off the list of those that serve HTTP.
func (c *portConn) left() {
	c.state.mu.Lock()
	defer c.state.mu.Unlock()
	delete(c.state.open, c)
}

// unwrap returns the connection that a session uses: the TLS connection, or the
// TCP connection itself where the platform can wait on it without a buffer.
func unwrap(conn net.Conn) (session net.Conn, c *portConn) {
	if t, ok := conn.(*securedConn); ok {
		return t.Conn, t.NetConn().(*portConn)
	}
	c = conn.(*portConn)
	return c, c
}

package engine

import (
	"crypto/tls"
	"net"
	"net/netip"
	"sync/atomic"
)

// portConn is an accepted connection. It counts against the port's limits until
// it is closed, also as a session, and frees an upgrade that never got to be one.
type portConn struct {
	net.Conn
	state    *portState
	counted  netip.Addr // as which client; not valid for a proxy that has not said yet
	http     *httpPhase // nil once it is a session
	hijacked atomic.Bool
	closed   atomic.Bool
	pending  *Session // dialled, not yet running
}

// httpPhase is what a connection knows while it serves HTTP.
type httpPhase struct {
	peer  netip.AddrPort // who connected, by the PROXY header where there is one
	begun []byte         // what was read together with the PROXY header
}

// Read reads what came with the PROXY header first.
func (c *portConn) Read(p []byte) (int, error) {
	if c.http != nil && len(c.http.begun) > 0 {
		n := copy(p, c.http.begun)
		c.http.begun = c.http.begun[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}

// Close closes the connection and gives its place back.
func (c *portConn) Close() error {
	err := c.Conn.Close()
	if !c.closed.CompareAndSwap(false, true) {
		return err
	}
	c.left()
	c.state.discount(c.counted)
	if c.pending != nil {
		c.pending.abandon()
		c.pending = nil
	}
	return err
}

// CloseWrite sends a FIN; what the peer still sends can be read.
func (c *portConn) CloseWrite() error { return c.Conn.(*net.TCPConn).CloseWrite() }

// left takes the connection off the list of those that serve HTTP.
func (c *portConn) left() {
	c.state.mu.Lock()
	defer c.state.mu.Unlock()
	delete(c.state.open, c)
}

// unwrap returns the connection that a session uses: the TLS connection, or the
// TCP connection itself where the platform can wait on it without a buffer.
func unwrap(conn net.Conn) (session net.Conn, c *portConn) {
	if t, ok := conn.(*tls.Conn); ok {
		return t, t.NetConn().(*portConn)
	}
	c = conn.(*portConn)
	return c, c
}

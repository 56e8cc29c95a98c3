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
	remote   netip.AddrPort
	hijacked atomic.Bool
	closed   atomic.Bool
	pending  *Session // dialled, not yet running
}

// Close closes the connection and gives its place back.
func (c *portConn) Close() error {
	err := c.Conn.Close()
	if !c.closed.CompareAndSwap(false, true) {
		return err
	}
	c.left()
	c.state.discount(c.remote.Addr())
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

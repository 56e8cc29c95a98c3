package engine

import "net"

// pollConn is a TCP connection that crypto/tls reads through. Outside of the
// poller's callback it waits as any connection does.
type pollConn struct {
	net.Conn
	within int32 // the descriptor and 1 while a pump reads inside the poller's callback; else 0
}

// Read reads; inside the poller's callback only what is there.
func (c *pollConn) Read(p []byte) (int, error) {
	if c.within != 0 {
		return c.readNow(p)
	}
	return c.Conn.Read(p)
}

func (c *pollConn) poll() *pollConn { return c }

// UnderTLS prepares a connection for a TLS client on top of it. Where the session
// that comes of it is idle, it needs no goroutine to wait for the host's records.
func UnderTLS(conn net.Conn) net.Conn { return &pollConn{Conn: conn} }

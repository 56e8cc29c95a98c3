//go:build !linux

package socket

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// Conn is a TCP connection.
type Conn struct{ *net.TCPConn }

// Addr is the peer's address.
func (c *Conn) Addr() netip.AddrPort { return c.RemoteAddr().(*net.TCPAddr).AddrPort() }

// Settle does nothing: the options are set.
func (c *Conn) Settle() error { return nil }

// TryRead reads nothing: this system does not say what is there.
func (c *Conn) TryRead(p []byte) (int, error) { return 0, nil }

// TryWrite writes nothing: this system may wait for the peer.
func (c *Conn) TryWrite(p []byte) (int, error) { return 0, nil }

// Listener accepts connections.
type Listener struct {
	*net.TCPListener
	keepAlive net.KeepAliveConfig
}

// Listen listens on a TCP address; see [net.Listen].
func Listen(address string, o Options) (*Listener, error) {
	config := net.ListenConfig{KeepAlive: -1}
	ln, err := config.Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, err
	}
	return &Listener{ln.(*net.TCPListener), o.keepAlive()}, nil
}

// AcceptConn waits for the next connection. After [Listener.Close] the error is
// [net.ErrClosed].
func (l *Listener) AcceptConn() (*Conn, error) {
	c, err := l.AcceptTCP()
	if err != nil {
		return nil, err
	}
	return &Conn{c}, c.SetKeepAliveConfig(l.keepAlive)
}

// Dial connects to an address, until a deadline, which may be zero, or ctx's end.
func Dial(ctx context.Context, to netip.AddrPort, deadline time.Time, o Options) (*Conn, error) {
	dialer := net.Dialer{Deadline: deadline, KeepAliveConfig: o.keepAlive()}
	c, err := dialer.DialContext(ctx, "tcp", to.String())
	if err != nil {
		return nil, err
	}
	return &Conn{c.(*net.TCPConn)}, nil
}

func (o *Options) keepAlive() net.KeepAliveConfig {
	return net.KeepAliveConfig{Enable: o.KeepAlive > 0, Idle: o.KeepAlive, Interval: o.KeepAliveEvery, Count: o.KeepAliveProbes}
}

package engine

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// listener accepts connections on one address of a port.
type listener struct {
	g       *Gateway
	address string
	ln      net.Listener
	port    atomic.Pointer[Port]
	server  atomic.Pointer[fasthttp.Server]
	done    chan struct{}

	mu        sync.Mutex
	open      map[*portConn]struct{} // connections that serve HTTP
	perClient map[netip.Addr]int
	count     int
}

// open listens on the addresses of a snapshot that are not listened on yet. On
// an error it closes what it opened: nothing has changed.
func (g *Gateway) open(next *Snapshot) ([]*listener, *Problem) {
	var opened []*listener
	for _, p := range next.Ports {
		if p.Disabled {
			continue
		}
		for _, address := range p.Listen {
			if g.listeners[address] != nil {
				continue
			}
			ln, err := net.Listen("tcp", address)
			if err != nil {
				for _, l := range opened {
					l.ln.Close()
				}
				return nil, &Problem{
					Position: p.At, What: fmt.Sprintf("port %q: cannot listen on %s: %v", p.Name, address, err),
					Hint: "stop what listens there, or write another address for `listen:`",
				}
			}
			opened = append(opened, &listener{
				g: g, address: address, ln: ln, done: make(chan struct{}),
				open: make(map[*portConn]struct{}), perClient: make(map[netip.Addr]int),
			})
		}
	}
	return opened, nil
}

// attach gives every listener its port of the new snapshot, starts the new ones
// and closes those whose address is gone.
func (g *Gateway) attach(next *Snapshot, opened []*listener) {
	for _, l := range opened {
		g.listeners[l.address] = l
	}
	wanted := make(map[string]*Port)
	for _, p := range next.Ports {
		if !p.Disabled {
			for _, address := range p.Listen {
				wanted[address] = p
			}
		}
	}
	for address, l := range g.listeners {
		p := wanted[address]
		if p == nil {
			l.close()
			delete(g.listeners, address)
			continue
		}
		l.use(p)
	}
	for _, l := range opened {
		go l.accept()
	}
}

// Addresses lists where the gateway listens, by port; with the real port number
// where the configuration asks for 0.
func (g *Gateway) Addresses() map[string][]string {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := make(map[string][]string)
	for _, l := range g.listeners {
		name := l.port.Load().Name
		all[name] = append(all[name], l.ln.Addr().String())
	}
	return all
}

// use makes the listener serve a port from the next connection on.
func (l *listener) use(p *Port) {
	if old := l.port.Load(); old == nil || old.Limits != p.Limits {
		l.server.Store(l.newServer(p))
	}
	l.port.Store(p)
}

// newServer makes the HTTP side of a port. Sessions leave it: their connections
// are hijacked and kept, and the buffers of fasthttp are not.
func (l *listener) newServer(p *Port) *fasthttp.Server {
	return &fasthttp.Server{
		Handler:                       l.serveHTTP,
		ErrorHandler:                  l.badRequest,
		ReadTimeout:                   p.Limits.Handshake,
		WriteTimeout:                  p.Limits.Handshake,
		IdleTimeout:                   p.Limits.Handshake,
		ReadBufferSize:                p.Limits.Header + p.Limits.URI,
		MaxRequestBodySize:            maxRequestBody,
		KeepHijackedConns:             true,
		ReduceMemoryUsage:             true, // the readers go back to their pool before the handler runs, also those of sessions
		NoDefaultServerHeader:         true,
		NoDefaultContentType:          true,
		DisableHeaderNamesNormalizing: true,
		DisablePreParseMultipartForm:  true,
		Logger:                        quietLogger{},
	}
}

// maxRequestBody bounds bodies of requests, which no upgrade has.
const maxRequestBody = 1 << 20

// quietLogger drops what fasthttp says about single connections: clients that
// go away, requests that are no HTTP. Both are answered or closed already.
type quietLogger struct{}

func (quietLogger) Printf(string, ...any) {}

// accept is the listener's goroutine.
func (l *listener) accept() {
	defer close(l.done)
	pause := time.Duration(0)
	for {
		conn, err := l.ln.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // mostly: no file descriptors left
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			l.g.log.Error("cannot accept a connection", "port", l.port.Load().Name, "error", err, "again in", pause)
			time.Sleep(pause)
			continue
		}
		pause = 0
		if c := l.admit(conn); c != nil {
			go l.serve(c)
		} else {
			conn.Close()
		}
	}
}

// admit counts a connection in, unless the port's access list or a limit
// forbids it.
func (l *listener) admit(conn net.Conn) *portConn {
	p := l.port.Load()
	remote, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil || !p.Access.Allows(remote.Addr()) {
		return nil
	}
	remote = netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port())
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.Limits.Connections > 0 && l.count >= p.Limits.Connections ||
		p.Limits.PerClient > 0 && l.perClient[remote.Addr()] >= p.Limits.PerClient {
		return nil
	}
	c := &portConn{Conn: conn, l: l, remote: remote}
	l.count++
	l.perClient[remote.Addr()]++
	l.open[c] = struct{}{}
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
	var conn net.Conn = c
	if config := l.port.Load().TLS; config != nil {
		conn = tls.Server(c, config)
	}
	if err := l.server.Load().ServeConn(conn); err != nil && !c.hijacked.Load() {
		c.Close()
	}
}

// close stops accepting and ends the connections that are not sessions.
func (l *listener) close() {
	l.ln.Close()
	<-l.done
	l.mu.Lock()
	var open []*portConn
	for c := range l.open {
		open = append(open, c)
	}
	l.mu.Unlock()
	for _, c := range open {
		c.SetReadDeadline(longAgo)
	}
}

// portConn is an accepted connection. It counts against the port's limits until
// it is closed, also as a session, and frees an upgrade that never got to be one.
type portConn struct {
	net.Conn
	l        *listener
	remote   netip.AddrPort
	hijacked atomic.Bool
	closed   sync.Once
	pending  *Session // dialled, not yet running
}

// Close closes the connection and gives its place back.
func (c *portConn) Close() error {
	err := c.Conn.Close()
	c.closed.Do(func() {
		c.left()
		c.l.discount(c.remote.Addr())
		if c.pending != nil {
			c.pending.abandon()
			c.pending = nil
		}
	})
	return err
}

// CloseWrite sends a FIN; what the peer still sends can be read.
func (c *portConn) CloseWrite() error { return c.Conn.(*net.TCPConn).CloseWrite() }

// discount takes a connection off the port's counts.
func (l *listener) discount(client netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count--
	if l.perClient[client]--; l.perClient[client] <= 0 {
		delete(l.perClient, client)
	}
}

// left takes the connection off the list of those that serve HTTP.
func (c *portConn) left() {
	c.l.mu.Lock()
	defer c.l.mu.Unlock()
	delete(c.l.open, c)
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

// requestContext is the upgrade's deadline.
func requestContext() (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(context.Background(), upgradeTime, errors.New("the upgrade took longer than 30s"))
}

package engine

import (
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"

	"framegate/engine/socket"
)

// toClients finds clients that are gone without a word. Nothing bounds for how
// long a client may take no bytes: that is back-pressure.
var toClients = socket.Options{KeepAlive: 15 * time.Second, KeepAliveEvery: 15 * time.Second, KeepAliveProbes: 9}

// toClients is the options of clients' connections.
func (g *Gateway) toClients() socket.Options {
	o := toClients
	o.Lot = g.lot
	return o
}

// listener accepts connections on one address of a port.
type listener struct {
	g       *Gateway
	key     string // in Gateway.listeners
	address string // as the configuration has it
	ln      *socket.Listener
	port    atomic.Pointer[Port]
	state   atomic.Pointer[portState]
	server  atomic.Pointer[fasthttp.Server]
	crew    *crew[*portConn] // serves them
	quit    chan struct{}    // closed when the listener is
	done    chan struct{}    // closed when its goroutine has ended
}

// open listens on the addresses of a snapshot that are not listened on yet. On
// an error it closes what it opened: nothing has changed.
func (g *Gateway) open(next *Snapshot) ([]*listener, *Problem) {
	var opened []*listener
	for _, p := range next.Ports {
		if !g.serves(p) {
			continue
		}
		for _, address := range p.Listen {
			key := p.listenKey(address)
			if g.listeners[key] != nil {
				continue
			}
			ln, err := socket.Listen(address, g.toClients())
			if err != nil {
				for _, l := range opened {
					l.ln.Close()
				}
				return nil, &Problem{
					Position: p.At, What: fmt.Sprintf("port %q: cannot listen on %s: %v", p.Name, address, err),
					Hint: "stop what listens there, or write another address for `listen:`",
				}
			}
			l := &listener{g: g, key: key, address: address, ln: ln, quit: make(chan struct{}), done: make(chan struct{})}
			l.crew = newCrew(restingServers, l.quit, l.serve)
			opened = append(opened, l)
		}
	}
	return opened, nil
}

// restingServers is how many goroutines of a listener wait for connections to serve.
const restingServers = 32

// listenKey is by what a listener is found again: its address, whatever port it
// is on, but the port alone where the system chooses the number.
func (p *Port) listenKey(address string) string {
	if _, number, err := net.SplitHostPort(address); err == nil && number == "0" {
		return p.Name + " " + address
	}
	return address
}

// attach gives every listener its port of the new snapshot, starts the new ones
// and closes those whose address is gone.
func (g *Gateway) attach(next *Snapshot, opened []*listener) {
	for _, l := range opened {
		g.listeners[l.key] = l
	}
	wanted := make(map[string]*Port)
	for _, p := range next.Ports {
		if g.serves(p) {
			for _, address := range p.Listen {
				wanted[p.listenKey(address)] = p
			}
		}
	}
	for key, l := range g.listeners {
		p := wanted[key]
		if p == nil {
			l.close()
			delete(g.listeners, key)
			continue
		}
		l.use(p, g.state(p.Name))
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
func (l *listener) use(p *Port, state *portState) {
	if old := l.port.Load(); old == nil || old.Limits != p.Limits {
		l.server.Store(l.newServer(p))
	}
	if old := l.port.Load(); p.Backlog > 0 || old != nil && old.Backlog > 0 {
		if err := setBacklog(l.ln, p.Backlog); err != nil {
			l.g.log.Warn("the length of the accept queue stays the system's", "port", p.Name, "error", err)
		}
	}
	l.state.Store(state)
	l.port.Store(p)
}

// newServer makes the HTTP side of a port. Sessions leave it: their connections
// are hijacked and kept, and the buffers of fasthttp are not.
func (l *listener) newServer(p *Port) *fasthttp.Server {
	return &fasthttp.Server{
		Handler:                       l.serveHTTP,
		ErrorHandler:                  l.badRequest,
		HeaderReceived:                withoutBody,
		ReadTimeout:                   p.Limits.Handshake,
		WriteTimeout:                  p.Limits.Handshake,
		IdleTimeout:                   p.Limits.Handshake,
		ReadBufferSize:                p.Limits.Header + p.Limits.URI + maxVerb,
		KeepHijackedConns:             true,
		ReduceMemoryUsage:             true, // the readers go back to their pool before the handler runs, also those of sessions
		NoDefaultServerHeader:         true,
		NoDefaultContentType:          true,
		DisableHeaderNamesNormalizing: true,
		DisablePreParseMultipartForm:  true,
		Logger:                        quietLogger{},
	}
}

// maxVerb is room for the rest of the request line beside the target.
const maxVerb = 64

// withoutBody makes fasthttp leave the body of a request where it is, so that it
// delays nothing: a route reads it when its policy wants it, and whatever else has
// a body ends the connection. Framing is read from the headers as they came.
func withoutBody(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	h.SetContentLength(0)
	h.Del("Expect")
	return fasthttp.RequestConfig{}
}

// endAfterBody makes the connection of a request with a body that nobody is going
// to read end with the answer: the body must not be taken for the next request.
func endAfterBody(ctx *fasthttp.RequestCtx, q *Request, c *portConn) {
	if f, refused := framingOf(q); refused != nil || f.length != 0 {
		ctx.SetConnectionClose()
		c.http.more = true
	}
}

// quietLogger drops what fasthttp says about single connections: clients that
// go away, requests that are no HTTP. Both are answered or closed already.
type quietLogger struct{}

func (quietLogger) Printf(string, ...any) {}

// accept is the listener's goroutine.
func (l *listener) accept() {
	defer close(l.done)
	pause := time.Duration(0)
	for {
		conn, err := l.ln.AcceptConn()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // mostly: no file descriptors left
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			l.g.log.Error("cannot accept a connection", "port", l.port.Load().Name, "error", err, "hint", acceptHint(err), "again in", pause)
			l.rest(pause)
			continue
		}
		pause = 0
		for wait := l.pace(); wait > 0 && l.rest(wait); wait = l.pace() { // meanwhile others wait in the system's queue
		}
		if c := l.admit(conn); c != nil {
			l.crew.hand(c)
		} else {
			conn.Close()
		}
	}
}

// acceptHint says what to do about an error of accepting.
func acceptHint(err error) string {
	if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
		return "no file descriptors are left: raise the limit of open files (ulimit -n, LimitNOFILE), or set limits.connections"
	}
	return ""
}

// rest waits; it returns false when the listener is closed meanwhile.
func (l *listener) rest(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.quit:
		return false
	}
}

// pace says how long the connection that was accepted has to wait for its turn.
func (l *listener) pace() time.Duration {
	return l.state.Load().pace(l.g.now(), l.port.Load().Limits)
}

// close stops accepting and ends the connections that are not sessions. g.mu is held.
func (l *listener) close() {
	close(l.quit)
	l.ln.Close()
	<-l.done
	for _, state := range l.g.states { // the address may have been another port's before
		state.end(l)
	}
}

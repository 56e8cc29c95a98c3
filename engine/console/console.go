// Package console serves the console of a running gateway: a REST API, a live
// stream of the traffic log and one page that shows both.
//
// Everything is about one gateway and in memory: lists come from its table of
// sessions, records from its journal. A reader that is slower than the traffic
// loses the oldest records and is told how many; the traffic never waits.
package console

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"framegate/engine"
)

const (
	requestTime  = 10 * time.Second // for a request to arrive whole
	answerTime   = 30 * time.Second // for an answer to leave
	idleTime     = 60 * time.Second // between two requests of a connection
	maxHead      = 16 << 10         // bytes of request line and headers
	maxBody      = 2 << 20          // bytes of a request body: a message of 1 MiB in base64
	maxConns     = 512              // connections at once, streams not counted
	maxStreams   = 64               // streams at once; more get 503
	maxSends     = 16               // messages that wait for slow peers at once; more get 503
	heartbeat    = 15 * time.Second // between two signs of life of a quiet stream
	stalledAfter = 30 * time.Second // a stream whose reader takes nothing for so long is cut
	sendTime     = 5 * time.Second  // for a peer to take a message
)

// Console serves the console of one gateway.
type Console struct {
	gateway  *engine.Gateway
	settings engine.Console
	version  string
	log      *slog.Logger
	instance string // of this run of the gateway: another one counts its records from 1 again
	guard    guard
	server   *fasthttp.Server
	listener net.Listener // nil before Start

	heartbeat time.Duration
	streaming chan struct{}         // a place per stream
	sending   chan struct{}         // a place per message that waits for its peer
	mu        sync.Mutex            // held by what begins and by Shutdown
	open      map[net.Conn]struct{} // connections that are no stream
	ending    context.Context
	end       context.CancelFunc
	live      sync.WaitGroup // the accepting goroutine and the streams
}

// New makes the console of a gateway. Its settings are taken once: to change
// address or token, the process is started again. version is what
// GET /api/v1/gateway says.
func New(gateway *engine.Gateway, settings engine.Console, version string, log *slog.Logger) *Console {
	c := &Console{
		gateway: gateway, settings: settings, version: version, log: log, instance: rand.Text(), heartbeat: heartbeat,
		streaming: make(chan struct{}, maxStreams), sending: make(chan struct{}, maxSends), open: make(map[net.Conn]struct{}),
	}
	c.ending, c.end = context.WithCancel(context.Background())
	c.server = &fasthttp.Server{
		Handler:               c.serve,
		ConnState:             c.connection,
		ErrorHandler:          c.badRequest,
		ReadTimeout:           requestTime,
		WriteTimeout:          answerTime,
		IdleTimeout:           idleTime,
		ReadBufferSize:        maxHead,
		MaxRequestBodySize:    maxBody,
		Concurrency:           maxConns,
		KeepHijackedConns:     true,
		NoDefaultServerHeader: true,
		NoDefaultContentType:  true,
		Logger:                connectionLog{log},
	}
	return c
}

// connectionLog takes what fasthttp says about single connections.
type connectionLog struct{ log *slog.Logger }

func (l connectionLog) Printf(format string, args ...any) {
	l.log.Debug("console connection", "what", fmt.Sprintf(format, args...))
}

// ErrOpenToNetwork is returned by Start for an address that other machines
// reach while no token is set.
var ErrOpenToNetwork = errors.New("other machines reach this address and no token is set")

// Start listens and serves until [Console.Shutdown]. It fails when the address
// is taken, and with [ErrOpenToNetwork] when it is more than loopback and there
// is no token.
func (c *Console) Start() error {
	addr, err := net.ResolveTCPAddr("tcp", c.settings.Listen)
	if err != nil {
		return fmt.Errorf("console: listen on %q: %w", c.settings.Listen, err)
	}
	if !addr.IP.IsLoopback() && c.settings.Token == "" {
		return fmt.Errorf(`console: listen on %s: %w; write console: {listen: '%s', token: '{{env "CONSOLE_TOKEN"}}'}, or listen on 127.0.0.1:8090`,
			c.settings.Listen, ErrOpenToNetwork, c.settings.Listen)
	}
	ln, err := net.ListenTCP("tcp", addr)
	if err != nil {
		return fmt.Errorf("console: %w; another gateway may run: choose an address with console: {listen: '127.0.0.1:PORT'}, or listen: off for no console", err)
	}
	c.guard = newGuard(c.settings, ln.Addr().(*net.TCPAddr))
	c.listener = ln
	c.live.Go(func() {
		if err := c.server.Serve(ln); err != nil {
			c.log.Error("the console has ended", "error", err)
		}
	})
	return nil
}

// Address is where the console listens, with the real port where the settings
// ask for 0; empty before Start.
func (c *Console) Address() string {
	if c.listener == nil {
		return ""
	}
	return c.listener.Addr().String()
}

// Shutdown ends the streams at once, lets other answers leave, and waits for
// all until ctx ends. It does nothing before Start.
func (c *Console) Shutdown(ctx context.Context) error {
	if c.listener == nil {
		return nil
	}
	c.mu.Lock()
	c.end()
	for conn := range c.open { // browsers open some in advance and say nothing: the server would wait for them
		conn.SetReadDeadline(time.Unix(1, 0))
	}
	c.mu.Unlock()
	c.listener.Close() // the server knows it only once it serves
	if err := c.server.ShutdownWithContext(ctx); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("console: shutdown: %w", err)
	}
	c.live.Wait()
	return nil
}

// connection keeps track of the open connections.
func (c *Console) connection(conn net.Conn, state fasthttp.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case state == fasthttp.StateHijacked || state == fasthttp.StateClosed:
		delete(c.open, conn)
	case state == fasthttp.StateNew && c.ending.Err() != nil:
		conn.Close()
	case state == fasthttp.StateNew:
		c.open[conn] = struct{}{}
	}
}

// caught is deferred at the root of every goroutine: a panic ends what it was
// doing, not the gateway.
func (c *Console) caught(where string) {
	if r := recover(); r != nil {
		c.log.Error("panic", "in", "console "+where, "value", fmt.Sprint(r), "stack", string(debug.Stack()))
	}
}

package main

import (
	"context"
	"encoding/json"
	"io"
	"log"
	"net"
	"sync"
	"time"

	"framegate/engine/wire"

	"github.com/fasthttp/websocket"
	"github.com/valyala/fasthttp"
)

// echoServer is the built-in back end: of the command echo, of dev, and of whoever needs a WebSocket to try things against.
//
// HTTP and all modes but echo are served by libraries that the gateway's relay does not use, so that the two check each other.
type echoServer struct {
	settings echoSettings
	http     fasthttp.Server
	serving  sync.WaitGroup // the accept loop and one for each WebSocket

	mu      sync.Mutex
	open    map[net.Conn]func() // and how to have each end itself
	stopped bool
	stop    chan struct{} // closed with stopped
}

// newEchoServer returns a server whose connections behave as settings say, where their URL does not say otherwise.
func newEchoServer(settings echoSettings) *echoServer {
	s := &echoServer{settings: settings, open: make(map[net.Conn]func()), stop: make(chan struct{})}
	s.http = fasthttp.Server{
		Handler:           s.handle,
		Name:              "framegate echo",
		Logger:            log.New(io.Discard, "", 0), // what clients do wrong is theirs to report
		KeepHijackedConns: true,                       // else Close below does nothing
		ReadBufferSize:    16 << 10,                   // the longest request head
		IdleTimeout:       30 * time.Second,
	}
	return s
}

// Start serves connections of l until Close, which closes l too. It returns at once.
func (s *echoServer) Start(l net.Listener) {
	s.serving.Go(func() { s.http.Serve(l) })
}

// Close closes the listener and every WebSocket, with 1001, and returns when all are gone: after some seconds where clients do
// not answer.
func (s *echoServer) Close() error {
	s.mu.Lock()
	if !s.stopped {
		s.stopped = true
		close(s.stop)
	}
	for c := range s.open {
		c.SetWriteDeadline(time.Now().Add(echoLinger))
	}
	for _, end := range s.open {
		end()
	}
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := s.http.ShutdownWithContext(ctx)
	s.serving.Wait()
	return err
}

// enter counts c among the open WebSockets, unless the server is closing.
func (s *echoServer) enter(c net.Conn, end func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return false
	}
	s.open[c] = end
	s.serving.Add(1)
	return true
}

func (s *echoServer) leave(c net.Conn) {
	s.mu.Lock()
	delete(s.open, c)
	s.mu.Unlock()
	c.Close()
	s.serving.Done()
}

// handle answers an HTTP request: a WebSocket upgrade, or a plain one.
func (s *echoServer) handle(ctx *fasthttp.RequestCtx) {
	settings, err := s.settings.of(ctx.URI())
	if err != nil {
		ctx.Error(err.Error()+"\n", fasthttp.StatusBadRequest)
		return
	}
	if settings.Mode == "refuse" {
		ctx.Error(settings.Body, settings.Status)
		return
	}
	headers, err := wire.ParseHeaders(ctx.Request.Header.RawHeaders())
	if err != nil {
		ctx.Error(err.Error()+"\n", fasthttp.StatusBadRequest)
		return
	}
	if !wire.IsUpgrade(headers) {
		echoPlain(ctx, headers)
		return
	}
	for offered := range headers.Tokens("Sec-WebSocket-Protocol") {
		ctx.Response.Header.Set("Sec-WebSocket-Protocol", offered)
		break
	}
	var hello []byte
	if settings.Hello {
		hello = helloMessage(ctx, headers)
	}
	upgrader := websocket.FastHTTPUpgrader{CheckOrigin: func(*fasthttp.RequestCtx) bool { return true }}
	upgrader.Upgrade(ctx, func(c *websocket.Conn) { s.serve(c, settings, hello) }) // answers 400 itself
}

// echoPlain sends the body of a plain request back, or what came where it has none.
func echoPlain(ctx *fasthttp.RequestCtx, headers *wire.Headers) {
	body := ctx.PostBody()
	if len(body) == 0 {
		ctx.SetContentType("application/json")
		ctx.SetBody(append(helloMessage(ctx, headers), '\n'))
		return
	}
	ctx.SetContentType(headers.Get("Content-Type"))
	ctx.SetBody(body)
}

// helloMessage is the upgrade request as JSON; header names keep their case and order.
func helloMessage(ctx *fasthttp.RequestCtx, headers *wire.Headers) []byte {
	hello := struct {
		Client  string   `json:"client"`
		Request string   `json:"request"`
		Headers []string `json:"headers"`
	}{
		Client:  ctx.RemoteAddr().String(),
		Request: string(ctx.Method()) + " " + string(ctx.RequestURI()) + " " + string(ctx.Request.Header.Protocol()),
	}
	for name, value := range headers.All() {
		hello.Headers = append(hello.Headers, name+": "+value)
	}
	text, _ := json.Marshal(hello) // strings only: it cannot fail
	return text
}

// serve holds one WebSocket to its end.
func (s *echoServer) serve(c *websocket.Conn, settings echoSettings, hello []byte) {
	if !s.enter(c.NetConn(), func() { s.end(c, settings.Mode) }) {
		c.NetConn().Close()
		return
	}
	defer s.leave(c.NetConn())
	if hello != nil && c.WriteMessage(websocket.TextMessage, hello) != nil {
		return
	}
	switch settings.Mode {
	case "echo":
		s.echo(c.NetConn())
	case "tick":
		s.tick(c, settings.Every)
	default:
		s.answer(c, settings)
	}
}

// end has a WebSocket close with 1001. Nothing but its own goroutine may write in mode echo, so that one is woken.
func (s *echoServer) end(c *websocket.Conn, mode string) {
	if mode == "echo" {
		c.NetConn().SetReadDeadline(time.Now())
		return
	}
	sendClose(c, wire.CloseGoingAway, "")
}

package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"framegate/engine/wire"
)

// answering is a request on a route, and its answer.
type answering struct {
	l        *listener
	g        *Gateway
	snapshot *Snapshot // held
	route    *Route
	all      []*Route // of the same path, for other methods
	q        *Request
	c        *portConn
	conn     net.Conn // what it is read from and written to: c, or TLS over it
	s        *Session // of the message; it is in no table
	m        *Message
	in       *inflow
	watcher  watcher
	ctx      context.Context
	cancel   context.CancelCauseFunc
	outcome  Outcome
	answer   Answer
	out      written
	close    bool // the connection ends with the answer
	aborted  bool // in the middle of it

	replying sync.Mutex // held while interim answers are written
	begun    bool       // the final answer has begun
}

var (
	errClientGone  = errors.New("the client has gone")
	errShutdownCut = errors.New("the gateway is shutting down")
)

// tooLong is the cause of a policy that took longer than its route allows.
type tooLong time.Duration

func (t tooLong) Error() string { return "the request took longer than " + time.Duration(t).String() }

// Timeout says that it is a matter of time.
func (tooLong) Timeout() bool { return true }

// plain takes a request to the route that it is for; nil where there is none, or
// where it asks for a WebSocket.
func (l *listener) plain(snapshot *Snapshot, port *Port, q *Request, c *portConn) *answering {
	if len(port.Routes) == 0 || wire.IsUpgrade(q.Headers) {
		return nil
	}
	route, all := port.plainRoute(q)
	if route == nil {
		return nil
	}
	x := &answering{l: l, g: l.g, snapshot: snapshot, route: route, all: all, q: q, c: c, conn: c}
	x.s = &Session{ID: newSessionID(), Port: port.Name, Path: q.Path, Client: q.Client, Opened: q.At, gateway: l.g}
	return x
}

// handOver takes the connection out of fasthttp for as long as the request lasts,
// so that bodies can stream and the client be watched.
func (x *answering) handOver(ctx *fasthttp.RequestCtx) {
	x.c.http.busy.Store(true)
	x.c.http.pending = x
	x.g.live.Add(1)
	ctx.HijackSetNoResponse(true)
	ctx.Hijack(func(hijacked net.Conn) {
		begun := readBuffered(hijacked)
		x.c.http.pending = nil
		x.conn = hijacked.(interface{ UnsafeConn() net.Conn }).UnsafeConn()
		x.pushBack(begun)
		go x.serve()
	})
}

// abandon frees what the request holds: its connection broke before it began.
func (x *answering) abandon() {
	x.snapshot.release()
	x.g.live.Done()
}

// pushBack puts what was read too far before what is read next.
func (x *answering) pushBack(p []byte) {
	if len(p) > 0 {
		x.c.http.ahead = append(p, x.c.http.ahead...)
	}
}

// serve is the goroutine of the request. After the answer it goes on to the next
// request on the connection.
func (x *answering) serve() {
	defer x.g.live.Done()
	defer func() {
		if r := recover(); r != nil {
			x.g.panicked("request", r)
			x.c.Close()
		}
	}()
	x.run()
	x.snapshot.release()
	x.c.http.busy.Store(false)
	switch {
	case x.aborted:
		x.c.Close()
	case x.close || x.c.http.ending.Load():
		x.c.http.more = !x.in.whole.Load()
		x.conn.Close()
	default:
		x.l.next(x.c, x.conn)
	}
}

// next waits for the next request on a connection.
func (l *listener) next(c *portConn, conn net.Conn) {
	idle := l.port.Load().Limits.Handshake
	conn.SetDeadline(time.Time{})
	if len(c.http.ahead) == 0 {
		if idle > 0 {
			conn.SetReadDeadline(time.Now().Add(idle))
		}
		if c.http.ending.Load() {
			conn.SetReadDeadline(longAgo)
		}
		var first [1]byte
		if n, _ := conn.Read(first[:]); n == 0 {
			conn.Close()
			return
		}
		c.http.ahead = first[:]
	}
	if err := l.server.Load().ServeConn(conn); err != nil && !c.hijacked.Load() {
		conn.Close()
	}
}

// run answers the request and records it.
func (x *answering) run() {
	x.ctx, x.cancel = context.WithCancelCause(context.Background())
	x.watcher = watcher{conn: x.conn, gone: func(err error) { x.cancel(fmt.Errorf("%w: %w", errClientGone, err)) }}
	x.g.requests.add(x)
	defer func() {
		x.g.requests.remove(x)
		x.cancel(nil)
		x.s.closeLocals()
		x.s.leavePlaces()
	}()
	x.close = !persistent(x.q)
	f, refused := framingOf(x.q)
	if refused != nil {
		x.close = true
	}
	x.in = newInflow(x, f)
	if f.length == 0 {
		x.watcher.free()
	} else {
		x.q.Body = NewBody(x.in, f.length)
	}
	x.decide(f, refused)
	switch {
	case x.ctx.Err() != nil && x.answer.Stream == nil && errors.Is(context.Cause(x.ctx), errClientGone):
		x.outcome.Reason = context.Cause(x.ctx).Error()
		x.abort()
	default:
		x.reply(&x.answer)
	}
	if x.m != nil {
		x.m.closeStreams()
	}
	seen := x.watcher.stop()
	x.pushBack(seen)
	x.in.Close()
	x.record()
}

// persistent tells whether the client wants to use the connection again (RFC 9112 §9.3).
func persistent(q *Request) bool {
	if q.Proto == "HTTP/1.1" {
		return !q.Headers.HasToken("Connection", "close")
	}
	return q.Headers.HasToken("Connection", "keep-alive")
}

// decide makes the answer: what forbids the request, or its policy.
func (x *answering) decide(f framing, refused *Answer) {
	limit := x.route.Limits.Body
	switch {
	case refused != nil:
		x.answer, x.outcome = *refused, Outcome{Result: Failed, Reason: "malformed"}
	case x.g.draining.Load():
		x.close = true
		x.refuse(503, "the gateway is shutting down", "Retry-After", "5")
	case !x.route.takes(x.q.Method) && x.q.Method == "OPTIONS":
		x.answer = Answer{Status: 204}
		x.answer.Headers.Set("Allow", allowed(x.all))
	case !x.route.takes(x.q.Method):
		x.refuse(405, "this path does not take the method", "Allow", allowed(x.all))
	case limit > 0 && f.length > limit:
		x.refuse(413, "the body is longer than the route allows")
	default:
		x.q.Headers.DelNamedByConnection()
		x.policy()
	}
}

// refuse sets the built-in answer, whose reason is no secret.
func (x *answering) refuse(status int, reason string, header ...string) {
	x.answer = refusal(status, reason, x.s.ID, "")
	x.outcome = Outcome{Result: Failed, Reason: reason}
	for i := 0; i < len(header); i += 2 {
		x.answer.Headers.Set(header[i], header[i+1])
	}
}

// policy runs the policy of the route, which has until the head of the answer.
func (x *answering) policy() {
	x.m = &Message{Hook: OnRequest, Session: x.s, Request: x.q, Answer: &Answer{}, from: ClientSide, ctx: x.ctx}
	x.m.http = &content{limit: x.route.Limits.Buffered, watch: x.watcher.want, interim: x.interim}
	x.m.run.following = !x.route.Log.Off
	if x.route.Timeout > 0 {
		timer := time.AfterFunc(x.route.Timeout, func() { x.cancel(tooLong(x.route.Timeout)) })
		defer timer.Stop()
	}
	x.outcome = x.route.Request.Top(x.m, x.snapshot.FaultHandler)
	x.answer = *x.m.Answer
	switch status, headers, _ := x.m.Refusal(); {
	case x.answer.Status != 0:
	case x.outcome.Result == Passed:
		x.outcome.Reason = "policy passed without an answer"
		x.answer = refusal(500, x.shown(500), x.s.ID, "")
	default:
		x.answer = refusal(status, x.shown(status), x.s.ID, "")
		for name, value := range headers.All() {
			x.answer.Headers.Add(name, value)
		}
	}
	if x.outcome.Result == Aborted && !errors.Is(context.Cause(x.ctx), errClientGone) {
		x.g.warnings.warn(x.m.Logger(), x.g.now(), "request policy aborted", "policy", x.route.Request.Name, "error", x.outcome.Reason)
	}
}

// shown is the reason, where clients may know it, or the words of the status.
func (x *answering) shown(status int) string {
	if x.snapshot.ShowReason || x.outcome.Result == Passed {
		return x.outcome.Reason
	}
	return statusWord(status)
}

// record adds the request to the journal.
func (x *answering) record() {
	if x.route.Log.Off {
		return
	}
	r := Record{
		Kind: RequestRecord, At: x.q.At, Session: x.s.ID, Port: x.s.Port, Path: x.q.Path, Client: x.q.Client.Addr().String(), Subject: x.s.Subject(),
		Method: x.q.Method, Status: x.answer.Status, Reason: x.outcome.Reason, Headers: redacted(x.q, x.snapshot.concealed), Duration: x.g.now().Sub(x.q.At),
		AfterSize: x.out.count, After: x.out.head, Host: x.answer.Host, Outcome: "answered",
	}
	r.Size, r.Before = x.in.read()
	if x.m != nil {
		r.Policy, r.Trail = x.route.Request.Name, x.m.Trail()
	}
	switch {
	case x.aborted:
		r.Outcome = "cut"
		if x.out.err != nil {
			r.Reason = x.out.err.Error()
		}
	case x.outcome.Result != Passed:
		r.Outcome = "refused"
	case x.answer.FromHost:
		r.Outcome = "proxied"
	}
	x.g.journal.Add(&r)
}

// requests are the requests on routes that are on their way.
type requests struct {
	mu   sync.Mutex
	open map[*answering]bool
}

func (r *requests) add(x *answering) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open == nil {
		r.open = make(map[*answering]bool)
	}
	r.open[x] = true
}

func (r *requests) remove(x *answering) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.open, x)
}

// cut ends all of them.
func (r *requests) cut() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	for x := range r.open {
		x.cancel(errShutdownCut)
		x.conn.SetDeadline(longAgo)
	}
	return len(r.open)
}

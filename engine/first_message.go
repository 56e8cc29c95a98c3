package engine

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"framegate/engine/wire"
)

// early is an upgrade whose policy may answer the client its 101 before it has
// connected, to decide by the client's first message. It runs outside of fasthttp,
// which keeps what the client has sent until it is handed over.
type early struct {
	u        *upgrading
	q        *Request
	c        *portConn
	port     net.Conn // the connection as the port has it
	conn     net.Conn // and as the session will
	begun    []byte   // what the client has sent, and nobody has read
	reader   wire.Reader
	accepted bool
	refused  *wire.Error // what the client did wrong while it was waited for
	message  []byte      // the first message, as a wire frame; nil: there is none to go on
}

// Errors of [Message.FirstMessage].
var (
	ErrNotEarly     = errors.New("this websocket does not answer clients before it has connected")
	ErrFirstTwice   = errors.New("the first message has been waited for already")
	ErrFirstTimeout = errors.New("the client sent no message in time")
	ErrFirstGone    = errors.New("the client went away before its first message")
)

// newEarly is an upgrade on a connection that is out of fasthttp's hands. begun is
// what the client has sent beyond its request.
func newEarly(u *upgrading, port net.Conn, c *portConn, q *Request, begun []byte) *early {
	e := &early{u: u, q: q, c: c, port: port, begun: begun}
	e.conn, _ = unwrap(port)
	return e
}

// has101 tells whether the client has had its 101.
func (e *early) has101() bool { return e != nil && e.accepted }

// handEarly takes the connection out of fasthttp and runs the policy there.
func (u *upgrading) handEarly(ctx *fasthttp.RequestCtx, c *portConn, q *Request, offer Offer) {
	e := &early{u: u, q: q, c: c}
	u.taken, c.http.pending = true, e
	u.g.live.Add(1)
	ctx.HijackSetNoResponse(true)
	ctx.Hijack(func(hijacked net.Conn) {
		begun := readBuffered(hijacked)
		port := hijacked.(interface{ UnsafeConn() net.Conn }).UnsafeConn()
		c.http.pending = nil
		go newEarly(u, port, c, q, begun).run(offer)
	})
}

// abandon frees the upgrade: its connection broke before the policy ran.
func (e *early) abandon() {
	e.u.undo()
	e.u.snapshot.release()
	e.u.g.live.Done()
}

// run runs the policy, and starts the session or refuses it.
func (e *early) run(offer Offer) {
	u, handed := e.u, false
	e.conn.SetDeadline(time.Time{})
	defer func() {
		if r := recover(); r != nil {
			u.g.panicked("upgrade", r)
			e.c.Close() // and with it the session, once it is handed over
			if !handed {
				e.abandon()
			}
		}
	}()
	offer.Extensions, offer.Deflate = "", nil // the client cannot be told what a host agrees to later
	u.early = e
	u.runPolicy(e.q, offer)
	if u.connected() {
		head := u.settle(e.c, e.q)
		handed = true
		u.g.live.Done() // the session counts by itself
		u.s.start(e.port, e.c, head, append(e.message, e.begun...), u.m.upstream.Early)
		return
	}
	u.record(e.q)
	e.refuse()
	e.abandon()
}

// refuse tells the client: by an HTTP answer, or where it has its 101, by a Close.
func (e *early) refuse() {
	e.conn.SetWriteDeadline(time.Now().Add(handshakeWrite))
	if !e.accepted {
		e.conn.Write(answerBytes(e.u.answer))
		e.c.http.more = true
		e.c.Close()
		return
	}
	code, reason := e.closing()
	frame := wire.AppendFrame(nil, wire.Header{Fin: true, Op: wire.Close}, wire.AppendClose(nil, code, reason))
	e.conn.Write(frame)
	e.c.http.more = true
	e.c.Close()
}

// closing is the Close that says what the status of a refusal would have said.
func (e *early) closing() (code uint16, reason string) {
	status := e.u.answer.Status
	switch {
	case e.refused != nil:
		return e.refused.Code, e.refused.What
	case status == 502 || status == 504:
		code = wire.CloseBadGateway
	case status == 503:
		code = wire.CloseTryAgainLater
	case e.u.outcome.Result == Aborted || status >= 500:
		code = wire.CloseInternalError
	case status >= 400:
		code = wire.ClosePolicyViolation
	default:
		code = wire.CloseNormal
	}
	if reason = statusWord(status); e.u.snapshot.ShowReason && e.u.outcome.Reason != "" {
		reason = e.u.outcome.Reason
	}
	return code, reason
}

// answerBytes is an answer after which the connection is closed.
func answerBytes(a Answer) []byte {
	p := fmt.Appendf(nil, "HTTP/1.1 %d %s\r\n", a.Status, http.StatusText(a.Status))
	for name, value := range a.Headers.All() {
		if !strings.EqualFold(name, "Content-Length") && !strings.EqualFold(name, "Transfer-Encoding") && !strings.EqualFold(name, "Connection") {
			p = append(p, name+": "+value+"\r\n"...)
		}
	}
	p = fmt.Appendf(p, "Connection: close\r\nContent-Length: %d\r\n\r\n", len(a.Body))
	return append(p, a.Body...)
}

// FirstMessage answers the client its 101, waits for its first data message, and
// returns it. Unless it is consumed it goes on as the session's first message. What
// the policy comes to afterwards the client is told by a close code. The subprotocol
// is chosen here: the first of the websocket's that the client has offered.
func (m *Message) FirstMessage(timeout time.Duration, consume bool) (op wire.Op, body []byte, err error) {
	e := m.early
	switch {
	case e == nil:
		return 0, nil, ErrNotEarly
	case e.accepted:
		return 0, nil, ErrFirstTwice
	}
	if err := e.accept(m); err != nil {
		return 0, nil, err
	}
	deadline := time.Now().Add(timeout)
	if end, ok := m.Context().Deadline(); ok && end.Before(deadline) {
		deadline = end
	}
	e.conn.SetDeadline(deadline)
	defer e.conn.SetDeadline(time.Time{})
	op, body, err = e.read()
	if err == nil && !consume {
		e.message = wire.AppendFrame(nil, wire.Header{Fin: true, Op: op, Masked: true, Key: wire.NewMask()}, body)
	}
	return op, body, err
}

// accept writes the 101.
func (e *early) accept(m *Message) error {
	u := e.u
	if chosen := u.w.choose(m.Offer.Subprotocols); chosen != "" {
		m.Offer.Subprotocols = []string{chosen}
		u.s.Subprotocol = chosen
	}
	e.accepted = true
	head := u.switching(e.q, &Socket{Subprotocol: u.s.Subprotocol}, "")
	if u.s.Subprotocol != "" {
		head = append(head[:len(head)-2], "Sec-WebSocket-Protocol: "+u.s.Subprotocol+"\r\n\r\n"...)
	}
	e.conn.SetWriteDeadline(time.Now().Add(handshakeWrite))
	if _, err := e.conn.Write(head); err != nil {
		return fmt.Errorf("%w: %w", ErrFirstGone, err)
	}
	return nil
}

// choose is the first of the websocket's subprotocols that is offered; where it
// lists none, the client's first.
func (w *Websocket) choose(offered []string) string {
	for _, name := range w.Subprotocols {
		if contains(offered, name) {
			return name
		}
	}
	if len(offered) > 0 {
		return offered[0]
	}
	return ""
}

// read reads up to the end of the first data message. Pings are answered.
func (e *early) read() (wire.Op, []byte, error) {
	e.reader.CheckUTF8 = true
	e.reader.State.Side = wire.FromClient
	e.reader.Limits = wire.Limits{MaxMessage: e.u.w.Limits.Message}
	for {
		op, body, err := e.next()
		if op != 0 || err != nil {
			return op, body, err
		}
		b := takeBuffer(false)
		n, err := e.conn.Read(b.b)
		e.begun = append(e.begun, b.b[:n]...)
		giveBuffer(b)
		var timeout net.Error
		switch {
		case n > 0:
		case errors.As(err, &timeout) && timeout.Timeout():
			return 0, nil, ErrFirstTimeout
		case err != nil:
			return 0, nil, fmt.Errorf("%w: %w", ErrFirstGone, err)
		}
	}
}

// next takes the first message out of what has been read; op is 0 when it is
// not whole yet.
func (e *early) next() (op wire.Op, body []byte, err error) {
	for len(e.begun) > 0 {
		ev, n, err := e.reader.Next(e.begun)
		rest := e.begun[n:]
		switch {
		case err != nil:
			errors.As(err, &e.refused)
			return 0, nil, err
		case ev.Kind == wire.Message:
			body = append([]byte(nil), ev.Payload...)
			e.begun = append([]byte(nil), rest...)
			return ev.Op, body, nil
		case ev.Kind == wire.Control && ev.Op == wire.Close:
			return 0, nil, ErrFirstGone
		case ev.Kind == wire.Control && ev.Op == wire.Ping:
			if _, err := e.conn.Write(wire.AppendFrame(nil, wire.Header{Fin: true, Op: wire.Pong}, ev.Payload)); err != nil {
				return 0, nil, fmt.Errorf("%w: %w", ErrFirstGone, err)
			}
		}
		e.begun = rest
	}
	return 0, nil, nil
}

package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"time"

	"framegate/engine/wire"

	"github.com/fasthttp/websocket"
)

const (
	// echoMaxMessage is the longest message that comes back; beyond it the connection is closed with 1009.
	echoMaxMessage = 64 << 20
	// echoBuffer is how far the read buffer of a busy connection grows, and how much output is held back at most.
	echoBuffer = 64 << 10
	// echoLinger is how long a closed connection is read, so that the close frame is not lost in a reset.
	echoLinger = time.Second
)

// echo sends every message back: one read and one write per burst, no allocation per message, so that it takes little from
// what is measured against it.
func (s *echoServer) echo(c net.Conn) {
	e := echoConn{Conn: c, in: make([]byte, 4<<10)}
	e.reader.Limits.MaxMessage = echoMaxMessage
	e.reader.CheckUTF8 = true
	for e.err == nil && !e.reader.Closed() {
		e.read()
		e.flush()
	}
	if code, broken := wire.CodeOf(e.err); broken {
		e.close(code, e.err.Error())
		io.Copy(io.Discard, c)
	} else if s.stopping() {
		e.close(wire.CloseGoingAway, "")
		for e.err = nil; e.err == nil && !e.reader.Closed(); {
			e.read()
		}
	}
}

func (s *echoServer) stopping() bool {
	select {
	case <-s.stop:
		return true
	default:
		return false
	}
}

// echoConn is a connection in mode echo.
type echoConn struct {
	net.Conn
	reader  wire.Reader
	in, out []byte
	err     error
}

// read takes what one read gives, and appends the answers to out. The rest of a long frame is read straight to where the
// message is assembled.
func (e *echoConn) read() {
	if e.reader.Need() > int64(len(e.in)) {
		n, err := e.Conn.Read(e.reader.Space(echoBuffer))
		e.err = err
		ev, err := e.reader.Filled(n)
		e.take(ev, err)
		return
	}
	n, err := e.Conn.Read(e.in)
	e.err = err
	for p := e.in[:n]; len(p) > 0; {
		ev, used, err := e.reader.Next(p)
		if e.take(ev, err); err != nil {
			return
		}
		p = p[used:]
	}
	if n == len(e.in) && n < echoBuffer {
		e.in = make([]byte, 2*n)
	}
}

// take appends the answer to an event.
func (e *echoConn) take(ev wire.Event, err error) {
	if err != nil {
		e.err = err
		return
	}
	switch {
	case ev.Kind == wire.None || ev.Op == wire.Pong:
	case ev.Op == wire.Ping:
		e.append(wire.Pong, ev.Payload)
	default: // data comes back, and so does a close with its code and reason
		e.append(ev.Op, ev.Payload)
	}
	if len(e.out) >= echoBuffer {
		e.flush()
	}
}

func (e *echoConn) append(op wire.Op, payload []byte) {
	e.out = wire.AppendFrame(e.out, wire.Header{Fin: true, Op: op}, payload)
}

// close sends a close frame and bounds the wait for what the client still sends.
func (e *echoConn) close(code uint16, reason string) {
	e.append(wire.Close, wire.AppendClose(nil, code, reason))
	e.flush()
	e.SetReadDeadline(time.Now().Add(echoLinger))
}

// flush writes what is held back. A failed write ends the connection unless reading failed first.
func (e *echoConn) flush() {
	if len(e.out) == 0 {
		return
	}
	_, err := e.Conn.Write(e.out)
	if e.err == nil {
		e.err = err
	}
	if e.out = e.out[:0]; cap(e.out) > 16*echoBuffer {
		e.out = nil
	}
}

// answer serves the modes upper, slow and close-after.
func (s *echoServer) answer(c *websocket.Conn, settings echoSettings) {
	c.SetReadLimit(echoMaxMessage)
	for n := 0; ; n++ {
		if settings.Mode == "close-after" && n == settings.After {
			sendClose(c, settings.Code, settings.Reason)
			readOut(c)
			return
		}
		op, p, err := c.ReadMessage()
		if err != nil {
			return
		}
		if settings.Mode == "upper" && op == websocket.TextMessage {
			p = bytes.ToUpper(p)
		}
		if settings.Mode == "slow" && !s.pause(settings.Delay) {
			readOut(c)
			return
		}
		if c.WriteMessage(op, p) != nil {
			return
		}
	}
}

// pause waits, and reports false if the server is closing.
func (s *echoServer) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.stop:
		return false
	}
}

// tick sends numbered messages until the client leaves.
func (s *echoServer) tick(c *websocket.Conn, every time.Duration) {
	gone := make(chan struct{})
	c.SetReadLimit(echoMaxMessage)
	s.serving.Go(func() {
		defer close(gone)
		readOut(c)
	})
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for n := 1; ; n++ {
		select {
		case <-ticker.C:
			if c.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, "tick %d", n)) != nil {
				c.SetReadDeadline(time.Now().Add(echoLinger))
				<-gone
				return
			}
		case <-gone:
			return
		}
	}
}

// sendClose sends a close frame and bounds the wait for the client's.
func sendClose(c *websocket.Conn, code uint16, reason string) {
	c.WriteControl(websocket.CloseMessage, wire.AppendClose(nil, code, reason), time.Now().Add(echoLinger))
	c.SetReadDeadline(time.Now().Add(echoLinger))
}

// readOut reads until the client closes, or is gone.
func readOut(c *websocket.Conn) {
	for {
		if _, _, err := c.NextReader(); err != nil {
			return
		}
	}
}

package main

import (
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"framegate/engine/wire"
)

// benchConn keeps one connection busy: window messages are on their way, and each reply is answered with the next message.
// One goroutine reads and writes; replies that come in one read are answered in one write. Nothing is allocated per message.
//
// Replies come back in the order of the messages, so that the time of sending is a ring. Any data message is a reply, whatever
// it holds: a policy may change it.
type benchConn struct {
	conn   net.Conn
	follow wire.Follower
	load   *load
	frame  int // bytes of one frame

	in      []byte
	rest    []byte      // read together with the 101
	sent    []time.Time // of the messages in flight
	oldest  int         // of them
	refill  chan int    // to the goroutine that writes, where one is needed; each Write holds whole frames
	control []byte      // pongs
	keys    wire.Keys

	messages  uint64
	latencies histogram
	err       error
}

// duplexFrom is how many bytes in flight are too many for one goroutine: while it writes it does not read, and a server that
// answers before it has read all would wait for it.
const duplexFrom = 128 << 10

func newBenchConn(conn net.Conn, l *load, rest []byte) *benchConn {
	c := &benchConn{
		conn:  conn,
		load:  l,
		frame: len(l.burst) / l.window,
		in:    make([]byte, min(max(len(l.burst), 4<<10), 256<<10)),
		rest:  rest,
		sent:  make([]time.Time, l.window),
	}
	c.follow.State.Side = wire.FromServer
	c.follow.Limits = wire.Limits{MaxMessage: -1, MaxFragments: -1}
	return c
}

// run goes on until the phase is done or the connection fails.
func (c *benchConn) run(phase *atomic.Int32) {
	written := make(chan error, 1)
	if len(c.load.burst) > duplexFrom {
		c.refill = make(chan int, c.load.window)
		go func() { written <- c.writeRefills() }()
	} else {
		written <- nil
	}
	err := c.loop(phase)
	over := phase.Load() == done
	c.conn.SetDeadline(time.Unix(1, 0)) // and no more writing
	if c.refill != nil {
		close(c.refill)
	}
	if werr := <-written; werr != nil && errors.Is(err, net.ErrClosed) {
		err = werr // the cause
	}
	if !over {
		c.err = err
	}
}

func (c *benchConn) loop(phase *atomic.Int32) error {
	now := time.Now()
	for i := range c.sent {
		c.sent[i] = now
	}
	if err := c.send(c.load.window); err != nil {
		return err
	}
	if _, err := c.take(c.rest, phase); err != nil {
		return err
	}
	for {
		n, err := c.conn.Read(c.in)
		if err != nil {
			return err
		}
		replies, err := c.take(c.in[:n], phase)
		if err != nil {
			return err
		}
		if replies == 0 {
			continue
		}
		if err := c.send(replies); err != nil {
			return err
		}
	}
}

// take takes the bytes of one read and notes the replies that are complete in it, also before an error.
func (c *benchConn) take(p []byte, phase *atomic.Int32) (replies int, err error) {
	replies, err = c.followed(p)
	if replies > c.load.window {
		return 0, errors.New("more replies than messages: is this an echo?")
	}
	c.note(replies, phase.Load() == counting)
	return replies, err
}

// followed goes through bytes of the server and counts the messages that are complete in them.
func (c *benchConn) followed(p []byte) (messages int, err error) {
	before := c.follow.Messages
	for len(p) > 0 && err == nil {
		var ev wire.FollowEvent
		var n int
		if ev, n, err = c.follow.Next(p); err != nil {
			err = fmt.Errorf("the server broke the protocol: %w", err)
		} else if ev.Kind == wire.Control {
			err = c.controlled(&ev)
		}
		p = p[n:]
	}
	return int(c.follow.Messages - before), err
}

// note takes the times of replies that arrived together; the messages that answer them leave now.
func (c *benchConn) note(replies int, count bool) {
	now := time.Now()
	for range replies {
		if count {
			c.latencies.add(now.Sub(c.sent[c.oldest]), 1)
		}
		c.sent[c.oldest] = now
		if c.oldest++; c.oldest == len(c.sent) {
			c.oldest = 0
		}
	}
	if count {
		c.messages += uint64(replies)
	}
}

// send sends n messages, or has them sent.
func (c *benchConn) send(n int) error {
	if c.refill != nil {
		c.refill <- n
		return nil
	}
	return c.write(n)
}

// write writes n messages: in one piece, or each on its own as an application sends them that does not gather.
func (c *benchConn) write(n int) error {
	if !c.load.apart {
		_, err := c.conn.Write(c.load.burst[:n*c.frame])
		return err
	}
	for i := range n {
		if _, err := c.conn.Write(c.load.burst[i*c.frame : (i+1)*c.frame]); err != nil {
			return err
		}
	}
	return nil
}

// writeRefills writes what send asks for. A failed write ends the reading too.
func (c *benchConn) writeRefills() (err error) {
	for n := range c.refill { // to the end even after an error, so that send never waits
		if err != nil {
			continue
		}
		if err = c.write(n); err != nil {
			c.conn.Close()
		}
	}
	return err
}

// controlled answers a ping; a close is an error.
func (c *benchConn) controlled(ev *wire.FollowEvent) error {
	switch ev.Op {
	case wire.Close:
		code, reason, _ := wire.ParseClose(ev.AppendPayload(nil))
		return errors.New("closed by the server: " + closeLine(code, reason))
	case wire.Ping:
		pong := wire.Header{Fin: true, Op: wire.Pong, Masked: true, Key: c.keys.Next()}
		c.control = wire.AppendFrame(c.control[:0], pong, ev.AppendPayload(nil))
		_, err := c.conn.Write(c.control)
		return err
	}
	return nil
}

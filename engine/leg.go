package engine

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"framegate/engine/socket"
	"framegate/engine/wire"
)

// leg is the connection to one peer of a session. One pump reads it, and the
// pump of the other direction writes it, with whoever injects messages.
type leg struct {
	conn net.Conn
	raw  syscall.RawConn // of the TCP connection that is waited on; nil where that cannot be had

	until   atomic.Int64 // when reading has to end, unix nanoseconds; 0: not known yet
	pong    atomic.Int64 // when the last of our pings was answered, unix nanoseconds
	closing *Cause       // the Close that the peer will get from us in the end; guarded by Session.mu

	mu     sync.Mutex // held while writing; guards what follows, the atomics apart
	held   *injected  // what waits for a place in between; nil: nothing
	failed error      // of a write, after which nothing more is written

	waiting   atomic.Bool // held is not nil
	gotClose  atomic.Bool // the peer sent its Close
	closeSent bool        // nothing more is written
	settled   bool        // the connection has its options; a Close may go without
	midway    bool        // what is written so far ends inside a message
	inFrame   bool        // …inside a wire frame
	sealed    bool        // what goes over it is TLS; does not change
	side      Side        // who is at the other end; does not change
}

// injected is frames of ours that wait until the peer may get them.
type injected struct {
	messages []byte // whole, for the end of a message
	control  []byte // for the end of a wire frame
}

// maxQueued bounds the bytes of injected messages that wait for a slow or busy peer.
const maxQueued = 1 << 20

// Errors of sending to a session.
var (
	ErrClosed = errors.New("the session is closing")
	ErrFull   = errors.New("the peer is too slow: 1 MiB of injected messages wait for it")
)

// write writes bytes that follow on what was written before, and what waited
// for the place behind them. midway and inFrame say where p ends.
func (l *leg) write(p []byte, midway, inFrame bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closeSent {
		return ErrClosed
	}
	l.settle()
	if err := l.put(p); err != nil {
		return err
	}
	l.midway, l.inFrame = midway, inFrame
	if l.waiting.Load() {
		return l.drain()
	}
	return nil
}

// settle gives the connection the options that it was dialled with. mu is held.
func (l *leg) settle() {
	if l.settled {
		return
	}
	l.settled = true
	if c := l.tcp(); c != nil {
		c.Settle()
	}
}

// put writes to the connection. After an error nothing more is written, not
// even a Close: what the peer has got may end anywhere inside a frame, and
// would be completed by it. mu is held.
func (l *leg) put(p []byte) error {
	if l.failed == nil && len(p) > 0 {
		_, l.failed = l.conn.Write(p)
	}
	if l.failed != nil {
		return &writeError{l.failed}
	}
	return nil
}

// drain writes what waits, as far as the place allows. mu is held.
func (l *leg) drain() error {
	w := l.held
	if w == nil {
		return nil
	}
	if !l.inFrame && len(w.control) > 0 {
		if err := l.put(w.control); err != nil {
			return err
		}
		w.control = nil
	}
	if !l.midway && len(w.messages) > 0 {
		if err := l.put(w.messages); err != nil {
			return err
		}
		w.messages = nil
	}
	if len(w.messages)+len(w.control) == 0 {
		l.held = nil
		l.waiting.Store(false)
	}
	return nil
}

// inject sends a whole message or control frame of ours, now or at the next
// place where one may stand. It runs no policy.
func (l *leg) inject(op wire.Op, payload []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closeSent {
		return ErrClosed
	}
	if l.held == nil {
		l.held = &injected{}
	}
	switch w := l.held; {
	case len(w.messages)+len(w.control)+len(payload) > maxQueued:
		return ErrFull
	case op.IsControl():
		w.control = l.appendFrame(w.control, op, payload)
	default:
		w.messages = l.appendFrame(w.messages, op, payload)
	}
	l.waiting.Store(true)
	l.settle()
	return l.drain()
}

// appendFrame appends a frame as the peer must get it: masked for a host.
func (l *leg) appendFrame(dst []byte, op wire.Op, payload []byte) []byte {
	h := wire.Header{Fin: true, Op: op}
	if l.side == HostSide {
		h.Masked, h.Key = true, wire.NewMask()
	}
	return wire.AppendFrame(dst, h, payload)
}

// sendClose sends a Close, the last frame that the peer gets. It does nothing
// when the peer was sent one before. Where a wire frame is only half sent, a FIN
// has to do: the peer sees its connection lost.
func (l *leg) sendClose(code uint16, reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closeSent {
		return
	}
	l.drain()
	l.closeSent = true
	var payload [wire.MaxControl]byte
	if l.inFrame || l.put(l.appendFrame(nil, wire.Close, wire.AppendClose(payload[:0], code, reason))) != nil {
		l.shut()
	}
}

var longAgo = time.Unix(1, 0)

// shut sends the peer a FIN: nothing more is written, but it can still be read.
func (l *leg) shut() {
	if half, ok := l.conn.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
}

// shaken tells whether the peer and we have each sent our Close, so that nothing
// but the end of the connection is to come. TLS says its own goodbye after that.
func (l *leg) shaken() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closeSent && l.gotClose.Load() && l.failed == nil && !l.inFrame && l.tcp() != nil
}

// tcp is the leg's TCP connection, where there is nothing around it.
func (l *leg) tcp() *socket.Conn {
	if accepted, ok := l.conn.(*portConn); ok {
		return accepted.Conn.(*socket.Conn)
	}
	plain, _ := l.conn.(*socket.Conn)
	return plain
}

// waits looks at what there is to be read from a peer that has sent its Close:
// nothing, io.EOF for its FIN, or io.ErrUnexpectedEOF for bytes that it must not send.
func (l *leg) waits() error {
	scratch := takeBuffer(false)
	defer giveBuffer(scratch)
	n, err := l.tcp().TryRead(scratch.b)
	if n > 0 {
		return io.ErrUnexpectedEOF
	}
	return err
}

// lastWords are buffers for what nobody is going to look at; small ones, as all sessions may end at once.
var lastWords = sync.Pool{New: func() any { return new([1 << 10]byte) }}

// finish ends the leg after both pumps: a last read of what the peer still
// sends, so that it does not meet a closed socket and destroy our Close, and
// then the end of the connection.
func (l *leg) finish(deadline time.Time) {
	defer l.conn.Close()
	if l.shaken() && l.waits() == io.EOF {
		return
	}
	if _, ok := l.conn.(interface{ CloseWrite() error }); !ok || l.conn.SetReadDeadline(deadline) != nil {
		return
	}
	scratch := lastWords.Get().(*[1 << 10]byte)
	defer lastWords.Put(scratch)
	for range 16 << 10 {
		if _, err := l.conn.Read(scratch[:]); err != nil {
			return
		}
	}
}

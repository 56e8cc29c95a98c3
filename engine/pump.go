package engine

import (
	"errors"
	"sync/atomic"

	"framegate/engine/socket"
	"framegate/engine/wire"
)

// pump carries one direction of a session: it reads one leg and writes the
// other. All its state is here, none on its goroutine's stack. While it waits for
// bytes it holds no buffer, and without a goroutine nothing that is needed to
// relay.
type pump struct {
	s    *Session
	from Side
	inq  bool         // the kernel says how much is left to read
	own  *socket.Conn // knows it, where it is one
	parking
	*relaying            // nil while no goroutine runs
	deflate   *deflating // nil: neither peer compresses

	runsBy          atomic.Pointer[Websocket] // the rules, for the sweep and for the next goroutine
	messages, bytes atomic.Int64
	halfway         atomic.Int64 // since when a message is half received, in unix nanoseconds; 0: none is
}

// Errors that end a pump, beside those of the connection.
var (
	errPeerClosed = errors.New("the peer sent a Close")
	errStopped    = errors.New("the session was stopped")
)

// run is the pump's goroutine: it relays until the direction ends or is parked.
func (p *pump) run() {
	defer func() {
		if r := recover(); r != nil {
			p.s.ended(p, p.s.gateway.panicked("relay", r))
		}
	}()
	if p.relaying == nil {
		p.begin()
	}
	err := p.early()
	if err == nil {
		err = p.carry()
	}
	if err != errParked {
		p.s.ended(p, err)
	}
}

// early carries what came together with the handshake.
func (p *pump) early() error {
	data := p.begun
	p.begun = nil
	for len(data) > 0 {
		b := takeBuffer(false)
		n := copy(b.b[headroom:], data)
		data = data[n:]
		err := p.consume(b.b, n, len(data) == 0)
		giveBuffer(b)
		if err != nil {
			return err
		}
	}
	return nil
}

// carry moves bytes until the direction ends, and returns why.
func (p *pump) carry() error {
	if p.src.raw != nil {
		return p.wait()
	}
	b := takeBuffer(false)
	defer func() { giveBuffer(b) }()
	for {
		n, err := p.src.conn.Read(b.b[headroom:])
		if n > 0 {
			if err := p.consume(b.b, n, true); err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
	}
}

// consume handles n bytes that were read into b behind its headroom. drained
// says that nothing more is there to be read just now.
func (p *pump) consume(b []byte, n int, drained bool) error {
	if p.s.websocket.Load() != p.rules {
		if rest, err := p.adopt(b[headroom : headroom+n]); rest == nil || err != nil {
			return err
		} else if len(rest) < n {
			copy(b[headroom:], rest)
			n = len(rest)
		}
	}
	var err error
	if p.message {
		err = p.assemble(b[headroom:headroom+n], drained)
	} else {
		err = p.pass(b, n)
	}
	p.mark()
	return err
}

// mark notes, for the sweep, since when a message is half received.
func (p *pump) mark() {
	since, whole := p.halfway.Load(), p.messages.Load()
	switch {
	case p.idle():
		if since != 0 {
			p.halfway.Store(0)
		}
	case since == 0, whole != p.whole: // this message, not the one before
		p.halfway.Store(p.s.gateway.now().UnixNano())
		p.whole = whole
	}
}

// adopt takes over changed rules at the next place between two messages. What
// comes before it goes on by the old ones; the rest of in is returned, nil when
// there is none.
func (p *pump) adopt(in []byte) (rest []byte, err error) {
	for len(in) > 0 && !p.idle() {
		n := 0
		if p.message {
			n, err = p.assembleOne(in)
		} else {
			p.follow.Stop = wire.StopMessages
			n, err = p.passOne(in)
		}
		if err != nil {
			return nil, err
		}
		in = in[n:]
	}
	if err := p.flush(); err != nil {
		return nil, err
	}
	if p.idle() {
		p.use(p.s.websocket.Load())
	}
	if len(in) == 0 {
		return nil, nil
	}
	return in, nil
}

// idle tells whether the pump is between two messages.
func (p *pump) idle() bool {
	if p.message {
		return p.reader.Idle()
	}
	return p.follow.Idle()
}

// closed notes the peer's Close and passes it on.
func (p *pump) closed(payload []byte) error {
	code, reason, err := wire.ParseClose(payload)
	if err != nil {
		return err
	}
	p.src.gotClose.Store(true)
	p.s.note(Cause{By: dirName(p.from), Code: code, Reason: reason})
	if !p.s.replaced(p.dst) {
		p.dst.sendClose(code, reason)
	}
	return errPeerClosed
}

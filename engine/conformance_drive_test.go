package engine

import (
	"errors"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"framegate/engine/wire"
)

// conformanceCase is a case of the suite as bytes: what the fuzzing peer sends
// and what it must get back.
type conformanceCase struct {
	number string
	send   []piece
	chop   int       // how the bytes are cut: 0 not at all, wholeFrames, or so many bytes a write
	want   []wsEvent // the echoes and pongs, in order; nothing else may come
	closed uint16    // the code of the Close that must come then; 1005: an empty one
	by     ender
	utf8   bool // the violation is in the text: in raw mode the correct peer finds it
}

// wholeFrames cuts the bytes between frames.
const wholeFrames = -1

// ender says who closes.
type ender int

const (
	fuzzerCloses ender = iota // with code 1000, after the last answer
	caseCloses                // a Close is among what the case sends
	peerFails                 // the peer fails the connection
)

// piece is a frame, or a part of one, that the fuzzing peer sends.
type piece struct {
	first  byte   // FIN, RSV and opcode
	body   string // the payload
	length int    // 0, or the announced length of a frame of which only a part is sent
	from   int    // more than 0: no header, but the payload of the frame before from here on
	then   pause
}

// pause is what the fuzzing peer does before the next piece.
type pause int

const (
	goOn     pause = iota
	quiet          // see that nothing comes back
	answered       // wait until something comes back
	noMore         // the connection must be failed now: what follows is not sent
)

func (s piece) after(p pause) piece {
	s.then = p
	return s
}

// quietTime is how long nothing must come back where the suite waits 1 s.
const quietTime = 50 * time.Millisecond

// drive runs one case.
type drive struct {
	t       *testing.T
	c       conformanceCase
	message bool
	fuzzer  *wsPeer
	got     []wsEvent
}

func (d *drive) run(other *wsPeer) {
	seen := make(chan outcome, 1)
	go func() { seen <- other.echo() }()
	writing := make(chan struct{})
	if d.staged() {
		d.send()
		close(writing)
	} else { // big messages come back while they are still being sent
		go func() {
			defer close(writing)
			d.send()
		}()
	}
	d.receive()
	d.fuzzer.leave()
	<-writing
	d.fuzzer.Close()
	d.checkOther(<-seen)
}

// staged tells whether the case looks at what comes back before it has sent all.
func (d *drive) staged() bool {
	for _, s := range d.c.send {
		if s.then != goOn {
			return true
		}
	}
	return false
}

// send sends the bytes of the case. Errors of writing are not looked at: a peer
// that fails the connection need not read on, and what it said is checked.
func (d *drive) send() {
	var out []byte
	for _, s := range d.c.send {
		if s.from == 0 {
			out = d.fuzzer.appendHead(out, s.first, max(s.length, len(s.body)))
		}
		out = d.fuzzer.appendBody(out, s.body, s.from)
		if s.then == goOn && d.c.chop != wholeFrames {
			continue
		}
		d.write(out)
		out = out[:0]
		if s.then == noMore || !d.pause(s.then) {
			return
		}
	}
	d.write(out)
}

func (d *drive) write(p []byte) {
	size := d.c.chop
	if size <= 0 {
		size = len(p)
	}
	for len(p) > 0 {
		n := min(size, len(p))
		if _, err := d.fuzzer.Write(p[:n]); err != nil {
			return
		}
		p = p[n:]
	}
}

// pause reports whether the case goes on.
func (d *drive) pause(p pause) bool {
	switch p {
	case quiet:
		d.fuzzer.SetReadDeadline(time.Now().Add(quietTime))
		if b, err := d.fuzzer.r.Peek(1); !errors.Is(err, os.ErrDeadlineExceeded) {
			d.t.Errorf("something came back before the violation: %x %v", b, err)
			return false
		}
		d.fuzzer.SetReadDeadline(time.Now().Add(30 * time.Second))
	case answered:
		ev, err := d.fuzzer.receive()
		d.got = append(d.got, ev)
		return err == nil
	}
	return true
}

// receive reads until the other side's Close, and after it to the end.
func (d *drive) receive() {
	if d.c.by == fuzzerCloses && len(d.got) == len(d.c.want) {
		d.fuzzer.sendClose(wire.CloseNormal, "")
	}
	for {
		ev, err := d.fuzzer.receive()
		if err != nil {
			d.t.Errorf("got %v, then %v instead of a Close %d", d.got, err, d.c.closed)
			return
		}
		if ev.op == opClose {
			d.checkClose(ev.body)
			break
		}
		d.got = append(d.got, ev)
		if d.c.by == fuzzerCloses && len(d.got) == len(d.c.want) {
			d.fuzzer.sendClose(wire.CloseNormal, "")
		}
	}
	if fmt.Sprint(d.got) != fmt.Sprint(d.c.want) || len(d.got) != len(d.c.want) {
		d.t.Errorf("got %v\nwant %v", d.got, d.c.want)
		return
	}
	for i := range d.got {
		if d.got[i] != d.c.want[i] {
			d.t.Errorf("answer %d differs: %v, want %v", i, d.got[i], d.c.want[i])
		}
	}
}

// checkClose checks the Close that came, and answers it where the case has not
// sent one.
func (d *drive) checkClose(body string) {
	code := wire.CloseNoStatus
	if len(body) >= 2 {
		code = uint16(body[0])<<8 | uint16(body[1])
	}
	if code != d.c.closed {
		d.t.Errorf("closed with %d %q, want %d", code, body[min(2, len(body)):], d.c.closed)
	}
	if d.c.by == caseCloses && code == d.sentCode() && body != d.sentClose() {
		d.t.Errorf("the Close came back as %q, sent %q", body, d.sentClose())
	}
	if d.c.by == peerFails {
		d.fuzzer.send(opClose, body)
	}
	if ev, err := d.fuzzer.receive(); !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		d.t.Errorf("after the Close: %v %v, want the end of the connection", ev, err)
	}
}

// sentClose is the payload of the first Close that the case sends.
func (d *drive) sentClose() string {
	for _, s := range d.c.send {
		if s.first&0xF == opClose {
			return s.body
		}
	}
	return ""
}

func (d *drive) sentCode() uint16 {
	body := d.sentClose()
	if len(body) < 2 {
		return wire.CloseNoStatus
	}
	return uint16(body[0])<<8 | uint16(body[1])
}

// checkOther checks what the correct peer has seen: nothing but correct frames,
// and the right Close.
func (d *drive) checkOther(o outcome) {
	lost := closeBody(wire.CloseGoingAway, "client lost")
	if !d.fuzzer.client {
		lost = closeBody(wire.CloseBadGateway, "host lost")
	}
	var violation *peerViolation
	switch {
	case d.c.utf8 && !d.message: // the peer found it
		if !errors.As(o.err, &violation) || violation.code != d.c.closed {
			d.t.Errorf("the correct peer saw %+v, want invalid text", o)
		}
	case o.err != nil:
		d.t.Errorf("the correct peer saw: %v", o.err)
	case d.c.by == fuzzerCloses:
		if o.close != closeBody(wire.CloseNormal, "") {
			d.t.Errorf("the correct peer was closed with %q", o.close)
		}
	case d.failed():
		if o.close != lost {
			d.t.Errorf("the correct peer was closed with %q, want %q", o.close, lost)
		}
	case o.close != d.sentClose():
		d.t.Errorf("the correct peer was closed with %q, the case sent %q", o.close, d.sentClose())
	}
}

// failed tells whether the gateway itself fails the connection.
func (d *drive) failed() bool {
	return d.c.by == peerFails || d.c.closed != d.sentCode()
}

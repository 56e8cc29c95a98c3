package engine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"framegate/engine/wire"
)

// checkedClose checks the payload of a Close, RFC 6455 §5.5.1 and §7.4.
func checkedClose(op byte, body []byte) error {
	if op != opClose || len(body) == 0 {
		return nil
	}
	if len(body) == 1 {
		return &peerViolation{wire.CloseProtocolError, "close payload of one byte"}
	}
	switch code := binary.BigEndian.Uint16(body); {
	case code < 1000, code >= 1004 && code <= 1006, code >= 1015 && code < 3000, code >= 5000:
		return &peerViolation{wire.CloseProtocolError, fmt.Sprintf("close code %d", code)}
	case !utf8.Valid(body[2:]):
		return &peerViolation{wire.CloseInvalidPayload, "close reason is not UTF-8"}
	}
	return nil
}

// textCheck checks UTF-8 as it arrives: it fails with the first byte after which
// no text can become valid.
type textCheck struct {
	tail [utf8.UTFMax]byte // a character half-read
	n    int
}

func (c *textCheck) feed(p []byte) bool {
	for c.n > 0 && len(p) > 0 {
		c.tail[c.n] = p[0]
		c.n++
		p = p[1:]
		if utf8.FullRune(c.tail[:c.n]) {
			if r, size := utf8.DecodeRune(c.tail[:c.n]); r == utf8.RuneError && size < 2 {
				return false
			}
			c.n = 0
		}
	}
	whole := len(p)
	for back := 1; back <= min(3, len(p)); back++ {
		if utf8.RuneStart(p[len(p)-back]) {
			if !utf8.FullRune(p[len(p)-back:]) {
				whole = len(p) - back
			}
			break
		}
	}
	if whole < len(p) {
		c.n = copy(c.tail[:], p[whole:])
	}
	return utf8.Valid(p[:whole])
}

// outcome is what a correct peer has seen of its connection.
type outcome struct {
	close string // the payload of the Close that it got
	err   error  // a violation, or how the connection ended without a Close
}

// echo is the correct peer: it answers messages and pings, RFC 6455 §5.5.2,
// and closes. Its end of the connection is closed when it returns.
func (p *wsPeer) echo() outcome {
	defer p.Close()
	for {
		ev, err := p.receive()
		var violation *peerViolation
		switch {
		case errors.As(err, &violation):
			p.sendClose(violation.code, violation.what)
			p.leave()
			return outcome{err: err}
		case err != nil:
			return outcome{err: err}
		case ev.op == opPong:
			continue
		case ev.op == opPing:
			err = p.send(opPong, ev.body)
		case ev.op == opClose:
			p.send(opClose, ev.body)
			p.leave()
			return outcome{close: ev.body}
		default:
			err = p.say(ev.op, ev.body, 0)
		}
		if err != nil {
			return outcome{err: err}
		}
	}
}

// leave ends the connection as RFC 6455 §7.1.1 wants it: the server sends its
// FIN first, and what the other end still sends is read.
func (p *wsPeer) leave() {
	if !p.client {
		p.tcp().CloseWrite()
	}
	p.SetReadDeadline(time.Now().Add(10 * time.Second))
	io.Copy(io.Discard, p.r)
}

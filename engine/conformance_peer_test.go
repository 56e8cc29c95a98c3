package engine

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"

	"framegate/engine/wire"
)

// The peers of these tests speak WebSocket by themselves: nothing of what they
// send or check goes through the relay's own codec.

// wsPeer is one end of a WebSocket in the test.
type wsPeer struct {
	net.Conn
	r      *bufio.Reader
	client bool // it masks what it sends, and must get no masked frames

	open bool // a fragmented message waits for its continuation
	op   byte
	body []byte
	text textCheck

	deflate *peerDeflate // permessage-deflate was agreed
	packed  bool         // the message is compressed
}

// wsEvent is something that a peer has received.
type wsEvent struct {
	op   byte // of a message, or a control frame
	body string
}

const (
	opContinuation byte = 0x0
	opText         byte = 0x1
	opBinary       byte = 0x2
	opClose        byte = 0x8
	opPing         byte = 0x9
	opPong         byte = 0xA
	final          byte = 0x80
)

func (e wsEvent) String() string {
	if len(e.body) > 60 {
		return fmt.Sprintf("%s %.60q… (%d bytes)", wire.Op(e.op), e.body, len(e.body))
	}
	return fmt.Sprintf("%s %q", wire.Op(e.op), e.body)
}

// peerViolation is a frame that RFC 6455 forbids, and the code to close with.
type peerViolation struct {
	code uint16
	what string
}

func (v *peerViolation) Error() string { return fmt.Sprintf("%d: %s", v.code, v.what) }

// maskKey masks everything that test clients send.
var maskKey = [4]byte{0x9D, 0x31, 0x07, 0xE2}

// appendHead appends a frame header; length is what it announces.
func (p *wsPeer) appendHead(dst []byte, first byte, length int) []byte {
	masked := byte(0)
	if p.client {
		masked = 0x80
	}
	switch {
	case length < 126:
		dst = append(dst, first, masked|byte(length))
	case length < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, first, masked|126), uint16(length))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, first, masked|127), uint64(length))
	}
	if p.client {
		dst = append(dst, maskKey[:]...)
	}
	return dst
}

// appendBody appends the payload of a frame from an offset of it on.
func (p *wsPeer) appendBody(dst []byte, body string, offset int) []byte {
	dst = append(dst, body...)
	if p.client {
		mask(dst[len(dst)-len(body):], maskKey, offset)
	}
	return dst
}

// frame makes a whole frame.
func (p *wsPeer) frame(first byte, body string) []byte {
	head := p.appendHead(make([]byte, 0, len(body)+14), first, len(body))
	return p.appendBody(head, body, 0)
}

// send sends a whole frame with FIN.
func (p *wsPeer) send(op byte, body string) error {
	_, err := p.Write(p.frame(final|op, body))
	return err
}

// closeBody is the payload of a Close; 1005 has none.
func closeBody(code uint16, reason string) string {
	if code == wire.CloseNoStatus {
		return ""
	}
	return string([]byte{byte(code >> 8), byte(code)}) + reason
}

func (p *wsPeer) sendClose(code uint16, reason string) error {
	return p.send(opClose, closeBody(code, reason))
}

// receive returns the next message or control frame. What must not be sent is a
// *peerViolation.
func (p *wsPeer) receive() (wsEvent, error) {
	for {
		first, length, key, err := p.head()
		if err != nil {
			return wsEvent{}, err
		}
		if op := first & 0xF; op >= opClose {
			body := make([]byte, length)
			if _, err := io.ReadFull(p.r, body); err != nil {
				return wsEvent{}, midFrame(err)
			}
			mask(body, key, 0)
			return wsEvent{op, string(body)}, checkedClose(op, body)
		}
		if err := p.data(first, length, key); err != nil {
			return wsEvent{}, err
		}
		if first&final != 0 {
			err := p.unpack()
			return wsEvent{p.op, string(p.body)}, err
		}
	}
}

func midFrame(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// head reads a frame header and checks it.
func (p *wsPeer) head() (first byte, length int, key [4]byte, err error) {
	var b [8]byte
	if _, err = io.ReadFull(p.r, b[:2]); err != nil {
		return
	}
	first, length = b[0], int(b[1]&0x7F)
	masked, short := b[1]&0x80 != 0, length
	switch short {
	case 126:
		_, err = io.ReadFull(p.r, b[:2])
		length = int(binary.BigEndian.Uint16(b[:]))
	case 127:
		_, err = io.ReadFull(p.r, b[:8])
		length = int(binary.BigEndian.Uint64(b[:]))
	}
	if err == nil && masked {
		_, err = io.ReadFull(p.r, key[:])
	}
	if err != nil {
		return first, length, key, midFrame(err)
	}
	return first, length, key, p.checkHead(first, length, short, masked)
}

func (p *wsPeer) checkHead(first byte, length, short int, masked bool) error {
	op := first & 0xF
	what := ""
	switch {
	case masked == p.client:
		what = "wrong masking"
	case first&0x70 != 0 && (p.deflate == nil || first&0x70 != rsv1 || op != opText && op != opBinary):
		what = "reserved bits"
	case op > opBinary && op < opClose || op > opPong:
		what = "reserved opcode"
	case op >= opClose && (first&final == 0 || length > 125):
		what = "control frame fragmented or too long"
	case op == opContinuation && !p.open:
		what = "nothing to continue"
	case op < opClose && op != opContinuation && p.open:
		what = "message not finished"
	case short == 126 && length < 126 || short == 127 && length < 1<<16:
		what = "length not minimal"
	default:
		return nil
	}
	return &peerViolation{wire.CloseProtocolError, what}
}

// data reads the payload of a data frame and checks text as its bytes arrive.
func (p *wsPeer) data(first byte, length int, key [4]byte) error {
	if op := first & 0xF; op != opContinuation {
		p.op, p.body, p.text, p.packed = op, p.body[:0], textCheck{}, first&rsv1 != 0
	}
	p.open = first&final == 0
	from := len(p.body)
	for got := 0; got < length; {
		if cap(p.body) == len(p.body) {
			p.body = append(p.body, 0)[:len(p.body)]
		}
		room := p.body[len(p.body):min(cap(p.body), from+length)]
		n, err := p.r.Read(room)
		mask(room[:n], key, got)
		got += n
		p.body = p.body[:len(p.body)+n]
		if p.op == opText && !p.packed && !p.text.feed(room[:n]) {
			return &peerViolation{wire.CloseInvalidPayload, "text is not UTF-8"}
		}
		if err != nil && got < length {
			return midFrame(err)
		}
	}
	if p.op == opText && !p.open && p.text.n > 0 {
		return &peerViolation{wire.CloseInvalidPayload, "text ends inside a character"}
	}
	return nil
}

// mask masks or unmasks the part of a payload that begins at offset.
func mask(p []byte, key [4]byte, offset int) {
	if key == [4]byte{} {
		return
	}
	var at [8]byte
	for i := range at {
		at[i] = key[(offset+i)&3]
	}
	for word := binary.NativeEndian.Uint64(at[:]); len(p) >= 8; p = p[8:] {
		binary.NativeEndian.PutUint64(p, binary.NativeEndian.Uint64(p)^word)
	}
	for i := range p {
		p[i] ^= at[i]
	}
}

package engine

import (
	"net"
	"syscall"
	"testing"

	"framegate/engine/wire"
)

// lastWords sends bytes and the FIN in one segment.
func (p *wsPeer) lastWords(t *testing.T, b []byte) {
	t.Helper()
	conn := p.Conn.(*net.TCPConn)
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_CORK, 1) })
	if err != nil {
		t.Fatal(err)
	}
	p.Write(b)
	conn.CloseWrite()
}

// A peer that sends its last message and ends its half of the connection: the
// message arrives, the answers come back to it, and the other one is told.
func TestDataAndFinInOneSegment(t *testing.T) {
	modes(t, func(t *testing.T, w *Websocket) {
		r, host := through(t, w)
		t.Run("client", func(t *testing.T) {
			for range 100 {
				client, h := pair(t, r.address, host, "/")
				client.lastWords(t, client.frame(final|opText, "last words"))
				h.gets(t, opText, "last words")
				h.getsClose(t, wire.CloseGoingAway, "client lost")
				h.send(opText, "answer")
				h.sendClose(wire.CloseGoingAway, "")
				client.gets(t, opText, "answer")
				client.getsClose(t, wire.CloseGoingAway, "")
				client.getsEnd(t)
				h.getsEnd(t)
				client.Close()
				h.Close()
			}
		})
		t.Run("host", func(t *testing.T) {
			for range 100 {
				client, h := pair(t, r.address, host, "/")
				h.lastWords(t, h.frame(final|opText, "last words"))
				client.gets(t, opText, "last words")
				client.getsClose(t, wire.CloseBadGateway, "host lost")
				client.send(opText, "answer")
				client.sendClose(wire.CloseBadGateway, "")
				h.gets(t, opText, "answer")
				h.getsClose(t, wire.CloseBadGateway, "")
				h.getsEnd(t)
				client.getsEnd(t)
				client.Close()
				h.Close()
			}
		})
		t.Run("with a close", func(t *testing.T) {
			for range 100 {
				client, h := pair(t, r.address, host, "/")
				client.lastWords(t, append(client.frame(final|opText, "last words"), client.frame(final|opClose, closeBody(4001, "bye"))...))
				h.gets(t, opText, "last words")
				h.getsClose(t, 4001, "bye")
				h.send(opText, "answer")
				h.lastWords(t, h.frame(final|opClose, closeBody(4002, "ciao")))
				client.gets(t, opText, "answer")
				client.getsClose(t, 4002, "ciao")
				client.getsEnd(t)
				client.Close()
				h.getsEnd(t)
				h.Close()
			}
		})
	})
}

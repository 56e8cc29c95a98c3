package engine

import (
	"crypto/tls"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"framegate/engine/wire"
)

func allParked(t *testing.T, r *running) {
	t.Helper()
	eventually(t, "all is parked", func() bool { return parked(r.Gateway) == 2*r.Sessions().Len() })
}

// A TLS connection to a remote host waits as one to a client does.
func TestIdleSessionsOverTLSToTheHostHaveNoGoroutine(t *testing.T) {
	modes(t, func(t *testing.T, w *Websocket) {
		const sessions = 20
		r, host := throughTLS(t, w, &tls.Config{})
		var clients, hosts [sessions]*wsPeer
		before := runtime.NumGoroutine()
		for i := range sessions {
			clients[i], hosts[i] = pair(t, r.address, host, fmt.Sprint("/", i))
		}
		for round := range 3 {
			allParked(t, r)
			eventually(t, "no session keeps a goroutine", func() bool { return runtime.NumGoroutine() < before+sessions })
			for i, c := range clients {
				text := fmt.Sprint("message ", i, " of round ", round)
				c.send(opText, text)
				hosts[i].gets(t, opText, text)
				long := strings.Repeat("x", 100_000) // several records
				hosts[i].send(opBinary, long)
				c.gets(t, opBinary, long)
			}
		}
		for i, h := range hosts {
			r.Sessions().Send(sessionOf(t, r, i).ID, HostSide, wire.Text, []byte("injected"))
			h.gets(t, opText, "injected")
		}
		allParked(t, r)
		for _, s := range r.Sessions().All() {
			s.Stop(kill)
		}
		for i, c := range clients {
			for _, p := range []*wsPeer{c, hosts[i]} {
				p.getsClose(t, kill.Code, kill.Reason)
				p.getsEnd(t)
				p.Close()
			}
		}
		r.gone()
	})
}

func sessionOf(t *testing.T, r *running, i int) *Session {
	t.Helper()
	for _, s := range r.Sessions().All() {
		if s.Path == fmt.Sprint("/", i) {
			return s
		}
	}
	t.Fatalf("no session %d", i)
	return nil
}

// However the connection to a host ends while nobody reads it, the session ends,
// the client learns how, and the record says why.
func TestParkedHostOverTLSEnds(t *testing.T) {
	modes(t, func(t *testing.T, w *Websocket) {
		r, host := throughTLS(t, w, &tls.Config{})
		for _, c := range []struct {
			name   string
			end    func(client, host *wsPeer)
			code   uint16 // that the client gets; 0: it is gone itself
			reason string
			by     string
			why    string // in the record
		}{
			{"close", func(_, h *wsPeer) { h.sendClose(4001, "bye") }, 4001, "bye", "host", "bye"},
			{"close_notify", func(_, h *wsPeer) { h.Conn.(*tls.Conn).CloseWrite() }, wire.CloseBadGateway, "host lost", "host", "unexpected EOF"},
			{"FIN", func(_, h *wsPeer) { h.tcp().CloseWrite() }, wire.CloseBadGateway, "host lost", "host", "unexpected EOF"},
			{"RST", func(_, h *wsPeer) { h.tcp().SetLinger(0); h.tcp().Close() }, wire.CloseBadGateway, "host lost", "host", "reset"},
			{"bytes that are no TLS", func(_, h *wsPeer) { h.tcp().Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")) }, wire.CloseBadGateway, "host lost", "host", "tls: "},
			{"a record that was changed on its way", func(_, h *wsPeer) {
				h.tcp().Write(append([]byte{23, 3, 3, 0, 32}, make([]byte, 32)...))
			}, wire.CloseBadGateway, "host lost", "host", "bad record MAC"},
			{"a protocol violation", func(_, h *wsPeer) {
				h.Write([]byte{0x83, 0})
				h.getsClose(t, wire.CloseProtocolError, wire.ErrReservedOp.What)
			}, wire.CloseBadGateway, "host lost", "host", wire.ErrReservedOp.What},
			{"client gone", func(c, h *wsPeer) { c.Close(); h.getsClose(t, wire.CloseGoingAway, "client lost") }, 0, "", "client", "unexpected EOF"},
		} {
			t.Run(c.name, func(t *testing.T) {
				client, h := pair(t, r.address, host, "/")
				r.only()
				allParked(t, r)
				c.end(client, h)
				if c.code != 0 {
					ev, err := client.receive()
					if err != nil || ev.op != opClose || ev.body != closeBody(c.code, c.reason) {
						t.Errorf("the client got %v, %v", ev, err)
					}
					client.send(opClose, ev.body)
					client.getsEnd(t)
				}
				client.Close()
				h.Close()
				if end := r.gone(); end.By != c.by || !strings.Contains(end.Reason, c.why) {
					t.Errorf("recorded as %+v", end)
				}
			})
		}
	})
}

// What TLS itself has to say wakes a session, which goes on and is parked again:
// a new session ticket, and keys that change with either direction. Nor does a
// record that comes in pieces, long apart, keep it from being parked.
func TestParkedHostSendsRecordsOfTLSItself(t *testing.T) {
	modes(t, func(t *testing.T, w *Websocket) {
		secrets := &keyLog{}
		r, host := throughTLS(t, w, &tls.Config{KeyLogWriter: secrets, SessionTicketsDisabled: true, MinVersion: tls.VersionTLS13})
		client, h := pair(t, r.address, host, "/")
		if suite := h.Conn.(*tls.Conn).ConnectionState().CipherSuite; suite != tls.TLS_AES_128_GCM_SHA256 {
			t.Skip("without AES in hardware the sides agree on", tls.CipherSuiteName(suite))
		}
		out := secrets.sealer(t, 1) // the 101 was the first record
		say := func(text string) {
			t.Helper()
			h.tcp().Write(out.seal(recordData, h.frame(final|opText, text)))
			client.gets(t, opText, text)
			client.send(opText, "answer to "+text)
			h.gets(t, opText, "answer to "+text)
			allParked(t, r)
		}
		say("one")
		h.tcp().Write(out.seal(recordHandshake, newSessionTicket))
		say("two")
		ticket := out.seal(recordHandshake, newSessionTicket)
		h.tcp().Write(ticket[:7])
		allParked(t, r)
		h.tcp().Write(ticket[7:])
		say("three")
		for _, request := range []byte{0, 1} { // 1: the other direction has to change its keys too
			h.tcp().Write(out.seal(recordHandshake, []byte{24, 0, 0, 1, request}))
			out.update()
			say(fmt.Sprint("under new keys ", request))
		}
		client.sendClose(wire.CloseNormal, "")
		h.getsClose(t, wire.CloseNormal, "")
		h.tcp().Write(out.seal(recordData, h.frame(final|opClose, closeBody(wire.CloseNormal, ""))))
		client.getsClose(t, wire.CloseNormal, "")
		client.Close()
		h.Close()
		if c := r.gone(); c.By != "client" || c.Code != wire.CloseNormal {
			t.Errorf("recorded as %+v", c)
		}
	})
}

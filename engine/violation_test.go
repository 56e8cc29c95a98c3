package engine

import (
	"strings"
	"testing"
	"time"

	"framegate/engine/wire"
)

// Violations that the Autobahn suite leaves out: masks (RFC 6455 §5.1), the form
// of lengths (§5.2), and what the gateway's limits forbid. What stood before is
// answered, the peer at fault is told why, the other one that it has lost its
// partner.
func TestViolationsBeyondTheSuite(t *testing.T) {
	ofClient, ofHost := &wsPeer{client: true}, &wsPeer{}
	tests := []struct {
		name  string
		bytes func(p *wsPeer) []byte
		code  uint16
	}{
		{"mask", func(p *wsPeer) []byte { return (&wsPeer{client: !p.client}).frame(final|opText, "hello") }, wire.CloseProtocolError},
		{"16 bits for 125", func(p *wsPeer) []byte { return longHead(p, 126, 0, 125) }, wire.CloseProtocolError},
		{"64 bits for 65535", func(p *wsPeer) []byte { return longHead(p, 127, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF) }, wire.CloseProtocolError},
		{"top bit of the length", func(p *wsPeer) []byte { return longHead(p, 127, 0x80, 0, 0, 0, 0, 0, 0, 1) }, wire.CloseProtocolError},
		{"too big by its header", func(p *wsPeer) []byte { return longHead(p, 127, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF) }, wire.CloseTooBig},
		{"too big by a byte", func(p *wsPeer) []byte { return p.frame(final|opBinary, strings.Repeat("x", 1001)) }, wire.CloseTooBig},
		{"too big by its fragments", func(p *wsPeer) []byte {
			return append(p.frame(opBinary, strings.Repeat("x", 600)), p.frame(final|opContinuation, strings.Repeat("x", 401))...)
		}, wire.CloseTooBig},
		{"too many fragments", func(p *wsPeer) []byte {
			b := p.frame(opBinary, "")
			for range wire.DefaultMaxFragments {
				b = append(b, p.frame(opContinuation, "")...)
			}
			return b
		}, wire.ClosePolicyViolation},
		{"a request for HTTP", func(p *wsPeer) []byte { return []byte("GET / HTTP/1.1\r\nHost: gateway.test\r\n\r\n") }, wire.CloseProtocolError},
	}
	modes(t, func(t *testing.T, w *Websocket) {
		w.Limits.Message = 1000
		r, host := through(t, w)
		for _, tt := range tests {
			for _, at := range []*wsPeer{ofClient, ofHost} {
				who := map[bool]string{true: "client", false: "host"}[at.client]
				t.Run(tt.name+"/"+who, func(t *testing.T) {
					client, h := pair(t, r.address, host, "/")
					bad, good, lost := client, h, closeBody(wire.CloseGoingAway, "client lost")
					if !at.client {
						bad, good, lost = h, client, closeBody(wire.CloseBadGateway, "host lost")
					}
					seen := make(chan outcome, 1)
					go func() { seen <- good.echo() }()
					go bad.Write(append(bad.frame(final|opText, "before"), tt.bytes(bad)...))
					bad.gets(t, opText, "before")
					ev, err := bad.receive()
					if err != nil || ev.op != opClose || !strings.HasPrefix(ev.body, closeBody(tt.code, "")) || len(ev.body) < 4 {
						t.Fatalf("got %v, %v; want a Close %d with a reason", ev, err, tt.code)
					}
					bad.leave()
					bad.Close()
					if o := <-seen; o.err != nil || o.close != lost {
						t.Errorf("the other peer saw %+v, want %q", o, lost)
					}
				})
			}
		}
	})
}

// longHead is the header of a binary frame with its length as given.
func longHead(p *wsPeer, form byte, length ...byte) []byte {
	b := []byte{final | opBinary, form}
	if p.client {
		b[1] |= 0x80
		length = append(length, maskKey[:]...)
	}
	return append(b, length...)
}

// A peer that goes away while the other one sends: the sender is told, and does
// not wait for the peer that is gone.
func TestPeerResetsWhileTheOtherSends(t *testing.T) {
	modes(t, func(t *testing.T, w *Websocket) {
		r, host := through(t, w)
		for _, gone := range []string{"client", "host"} {
			client, h := pair(t, r.address, host, "/")
			sender, reset, lost := h, client, closeBody(wire.CloseGoingAway, "client lost")
			if gone == "host" {
				sender, reset, lost = client, h, closeBody(wire.CloseBadGateway, "host lost")
			}
			stop, stopped := make(chan struct{}), make(chan error, 1)
			go func() {
				body := strings.Repeat("x", 50_000)
				for {
					select {
					case <-stop:
						stopped <- sender.send(opClose, lost)
						return
					default:
						sender.SetWriteDeadline(time.Now().Add(10 * time.Second))
						if err := sender.send(opBinary, body); err != nil {
							stopped <- err
							return
						}
					}
				}
			}()
			reset.receive()
			reset.reset()
			ev, err := sender.receive()
			close(stop)
			if err != nil || ev != (wsEvent{opClose, lost}) {
				t.Fatalf("the sender got %v, %v", ev, err)
			}
			<-stopped // with or without an error: nobody has to read any more
			sender.Close()
			if c := r.gone(); c.By != gone || c.Code != wire.CloseAbnormal {
				t.Errorf("recorded as by %q with %d", c.By, c.Code)
			}
		}
	})
}

package engine

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"framegate/engine/wire"
)

// stage is how far a peer has come in its direction when something happens to it.
type stage struct {
	name  string
	sends func(p *wsPeer) []byte
	// garbage is bytes that cannot follow here; nil: all can, or they do not matter.
	garbage func(p *wsPeer) []byte
	cut     bool // in raw mode the other peer has a part of a frame
	closed  bool // the peer has said its Close
}

var stages = []stage{
	{name: "idle", garbage: func(p *wsPeer) []byte { return p.frame(final|3, "") }},
	{name: "inside a header", sends: func(p *wsPeer) []byte { return p.frame(final|opText, "hello")[:1] },
		garbage: func(p *wsPeer) []byte { return (&wsPeer{client: !p.client}).frame(final|opText, "hello")[1:] }},
	{name: "inside a frame", sends: func(p *wsPeer) []byte { return p.frame(final|opText, "hello hello")[:9] }, cut: true},
	{name: "between fragments", sends: func(p *wsPeer) []byte { return p.frame(opText, "hel") },
		garbage: func(p *wsPeer) []byte { return p.frame(final|opText, "lo") }},
	{name: "inside a ping", sends: func(p *wsPeer) []byte { return p.frame(final|opPing, "hello hello")[:8] }},
	{name: "after its Close", sends: func(p *wsPeer) []byte { return p.frame(final|opClose, closeBody(4001, "bye")) }, closed: true},
}

// faults are what happens to the peer then, and how the record of the close must
// say so where the peer had not closed before.
var faults = []struct {
	name   string
	strike func(l *lane, p *wsPeer, at stage) bool // false: not here
	code   uint16
	reason string // a part of it
}{
	{"half-close", func(_ *lane, p *wsPeer, _ stage) bool { return p.tcp().CloseWrite() == nil }, wire.CloseAbnormal, "unexpected EOF"},
	{"RST", func(_ *lane, p *wsPeer, _ stage) bool { p.tcp().SetLinger(0); return p.tcp().Close() == nil }, wire.CloseAbnormal, "reset"},
	{"garbage", func(_ *lane, p *wsPeer, at stage) bool {
		if at.garbage != nil {
			p.Write(at.garbage(p))
		}
		return at.garbage != nil
	}, wire.CloseProtocolError, ""},
	{"garbage below TLS", func(_ *lane, p *wsPeer, at stage) bool {
		_, secured := p.Conn.(*tls.Conn)
		if secured {
			p.tcp().Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
		}
		return secured && !at.closed
	}, wire.CloseAbnormal, "tls: "},
	{"stall", func(l *lane, _ *wsPeer, at stage) bool {
		if at.sends == nil {
			l.clock.turn(time.Hour)
		}
		if !at.closed {
			l.clock.turn(time.Minute)
			l.Sweep()
		}
		return true
	}, 0, ""},
}

// lane is a gateway whose sessions are of one kind.
type lane struct {
	*running
	host   *wsHost
	clock  *clock
	secure bool // clients come over TLS
	raw    bool
}

func lanes(t *testing.T, f func(t *testing.T, l *lane)) {
	for _, mode := range []string{"raw", "message", "compressed"} {
		for _, secured := range []string{"", "client", "host"} {
			t.Run(strings.TrimSuffix(mode+" "+secured+" over TLS", "  over TLS"), func(t *testing.T) {
				t.Parallel()
				w := &Websocket{Path: "/", MessageMode: mode != "raw", Idle: time.Hour, Limits: Limits{MessageTime: 30 * time.Second}}
				l := &lane{clock: &clock{}, secure: secured == "client", raw: mode == "raw"}
				l.host = newWSHost(t)
				w.Upgrade = policyOf("admit", dial{l.host.address})
				if secured == "host" {
					l.host = newTLSHost(t, &tls.Config{})
					w.Upgrade = policyOf("admit", dialTLS{l.host.address})
				}
				if mode == "compressed" {
					w.Compression = on
					l.host.answer = deflateAnswer
				}
				s := snapshotOf(w)
				if l.secure {
					s.Ports["public"].TLS = &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}}
				}
				l.running = startGateway(t, s, func(g *Gateway) { g.Clock = l.clock.now })
				f(t, l)
			})
		}
	}
}

// Whatever happens to a peer at whatever stage of the relay, both sides end, the
// other one learns what fits, and the record says who it was and why.
func TestFaultsAtEveryStageOfTheRelay(t *testing.T) {
	lanes(t, func(t *testing.T, l *lane) {
		for _, at := range stages {
			for _, fault := range faults {
				for _, side := range []Side{ClientSide, HostSide} {
					t.Run(fmt.Sprintf("%s/%s of the %s", at.name, fault.name, dirName(side)), func(t *testing.T) {
						path := "/" + strings.ReplaceAll(t.Name(), " ", "-")
						client, host := open(t, l.address, l.secure, l.host, path)
						exchange(t, client, host, "hello")
						struck, other := client, host
						if side == HostSide {
							struck, other = host, client
						}
						s := l.only()
						l.Sweep()
						if at.sends != nil {
							struck.Write(at.sends(struck))
							eventually(t, "the gateway has read it", func() bool {
								return s.pumps[side].halfway.Load() != 0 || s.legs[side].gotClose.Load()
							})
						}
						seen := make(chan outcome, 1)
						if !(at.closed && fault.name == "stall") { // whose Close the other peer leaves unanswered
							go func() { seen <- other.echo() }()
						}
						if !fault.strike(l, struck, at) {
							t.Skip("does not apply here")
						}
						want := l.ends(at, fault.name, side, fault.code, fault.reason)
						if fault.name != "RST" {
							ended(t, struck)
						}
						if at.closed && fault.name == "stall" {
							other.getsClose(t, 4001, "bye")
							other.getsEnd(t)
						} else if o := <-seen; want.other != o.close || want.cut != errors.Is(o.err, io.ErrUnexpectedEOF) {
							t.Errorf("the other peer saw %+v, want %q, cut: %v", o, want.other, want.cut)
						}
						struck.Close()
						other.Close()
						l.gone()
						r := l.closeOf(t, s.ID)
						if r.By != want.by || r.Code != want.code || !strings.Contains(r.Reason, want.reason) {
							t.Errorf("recorded as by %q with %d %q, want %+v", r.By, r.Code, r.Reason, want)
						}
					})
				}
			}
		}
	})
}

// ending is how a session must have ended.
type wantEnd struct {
	by, reason string
	code       uint16
	other      string // the Close that the other peer got
	cut        bool   // it got none: its connection ended inside a frame
}

func (l *lane) ends(at stage, fault string, side Side, code uint16, reason string) wantEnd {
	w := wantEnd{by: dirName(side), code: code, reason: reason, other: closeBody(wire.CloseGoingAway, "client lost")}
	if side == HostSide {
		w.other = closeBody(wire.CloseBadGateway, "host lost")
	}
	switch {
	case at.closed:
		w.code, w.reason, w.other = 4001, "bye", closeBody(4001, "bye")
	case fault == "stall" && at.sends == nil:
		w.by, w.code, w.reason = "idle timeout", wire.CloseGoingAway, "idle for 1h0m0s"
		w.other = closeBody(w.code, w.reason)
	case fault == "stall":
		w.by, w.code, w.reason = "message time", wire.ClosePolicyViolation, "a message took longer than 30s"
		w.other = closeBody(w.code, w.reason)
	}
	if l.raw && at.cut {
		w.other, w.cut = "", true
	}
	return w
}

// ended reads until the gateway has ended the peer's connection.
func ended(t *testing.T, p *wsPeer) {
	t.Helper()
	if _, err := io.Copy(io.Discard, p.r); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the gateway does not end the connection")
	}
}

// closeOf is the record of a session's close.
func (r *running) closeOf(t *testing.T, id string) Record {
	t.Helper()
	records, _ := r.Journal().Read(0, DefaultJournal)
	for _, c := range records {
		if c.Kind == CloseRecord && c.Session == id {
			return c
		}
	}
	t.Fatal("no close was recorded")
	return Record{}
}

package engine

import (
	"errors"
	"strings"
	"testing"

	"framegate/engine/wire"
)

// obey makes a policy that does what the text of a message says.
func obey() *Policy {
	return policyOf("obey", filterFunc(func(m *Message) (bool, error) {
		order, rest, _ := strings.Cut(string(m.Body()), " ")
		switch order {
		case "change":
			m.SetBody([]byte(rest))
		case "drop":
			m.Drop()
		case "reply":
			return true, m.Reply(wire.Text, []byte(rest))
		case "send":
			m.Send(m.From(), wire.Text, []byte("to the sender: "+rest))
			m.Send(m.From().Other(), wire.Binary, []byte("before it: "+rest))
		case "close":
			m.Close(4000, rest)
		case "fail":
			return false, nil
		case "abort":
			m.SetBody([]byte("half changed \xff"))
			return false, errors.New(rest)
		case "spoil":
			m.SetBody([]byte("\xc3\x28"))
		case "send-spoilt":
			return true, m.Send(m.From(), wire.Text, []byte("\xff"))
		case "send-close":
			return true, m.Send(m.From(), wire.Close, nil)
		}
		return true, nil
	}))
}

// Verdicts in both directions; messages of one burst keep their order, and what
// stood before a close goes on.
func TestVerdicts(t *testing.T) {
	for _, from := range []Side{ClientSide, HostSide} {
		t.Run(dirName(from), func(t *testing.T) {
			r, host := through(t, &Websocket{Path: "/", ClientFrame: obey(), ServerFrame: obey()})
			client, h := pair(t, r.address, host, "/")
			sender, other := client, h
			if from == HostSide {
				sender, other = h, client
			}
			var burst []byte
			for _, order := range []string{"plain", "change more", "drop it", "reply no", "send this", "last"} {
				burst = append(burst, sender.frame(final|opText, order)...)
			}
			sender.Write(append(burst, sender.frame(final|opText, "close enough")...))
			other.gets(t, opText, "plain")
			other.gets(t, opText, "more")
			other.gets(t, opBinary, "before it: this")
			other.gets(t, opText, "send this")
			other.gets(t, opText, "last")
			sender.gets(t, opText, "no")
			sender.gets(t, opText, "to the sender: this")
			for _, p := range []*wsPeer{sender, other} {
				p.getsClose(t, 4000, "enough")
				p.getsEnd(t)
				p.Close()
			}
			if c := r.gone(); c.By != "policy" || c.Code != 4000 {
				t.Errorf("recorded as by %q with %d", c.By, c.Code)
			}
		})
	}
}

// What becomes of a session when a policy fails, aborts, or makes text that is
// not UTF-8, which never leaves the gateway (RFC 6455 §8.1).
func TestFaultsOfFramePolicies(t *testing.T) {
	tests := []struct {
		order           string
		onFail, onAbort FrameFault // without onFail: the defaults of both
		code            uint16     // 0: the session goes on
		reply           string
	}{
		{order: "fail", code: wire.ClosePolicyViolation},
		{order: "abort ouch", code: wire.CloseInternalError},
		{order: "fail", onFail: FrameFault{Verdict: Drop}},
		{order: "fail", onFail: FrameFault{Verdict: Reply, Body: "sorry"}, reply: "sorry"},
		{order: "fail", onFail: FrameFault{Verdict: Reply, Body: "\xff"}}, // dropped: it cannot be sent
		{order: "fail", onFail: FrameFault{Verdict: Close, Code: 4009}, code: 4009},
		{order: "spoil", code: wire.CloseInvalidPayload},
		{order: "abort ouch", onFail: FrameFault{Verdict: Drop}, onAbort: FrameFault{Verdict: Forward}, code: wire.CloseInvalidPayload},
		{order: "reply \xff", code: wire.CloseInvalidPayload}, // of the client itself: no policy runs
		{order: "send-spoilt", code: wire.CloseInternalError},
		{order: "send-close", code: wire.CloseInternalError},
	}
	for _, tt := range tests {
		t.Run(tt.order, func(t *testing.T) {
			w := &Websocket{Path: "/", ClientFrame: obey(), OnFail: tt.onFail, OnAbort: tt.onAbort}
			r, host := through(t, w)
			client, h := pair(t, r.address, host, "/")
			client.send(opText, tt.order)
			switch {
			case tt.code != 0:
				lost := closeBody(wire.CloseGoingAway, "client lost") // where the message never came to a policy
				for _, p := range []*wsPeer{h, client} {
					ev, err := p.receive()
					if err != nil || ev.op != opClose || (p == client || ev.body != lost) && !strings.HasPrefix(ev.body, closeBody(tt.code, "")) {
						t.Errorf("got %v, %v; want a Close %d", ev, err, tt.code)
					}
					p.send(opClose, ev.body)
				}
			default:
				if tt.reply != "" {
					client.gets(t, opText, tt.reply)
				}
				exchange(t, client, h, "the session goes on")
			}
			client.Close()
			h.Close()
			r.gone()
		})
	}
}

func TestSendRefusesWhatMustNotBeSent(t *testing.T) {
	r, host := through(t, &Websocket{Path: "/"})
	client, h := pair(t, r.address, host, "/")
	s := r.only()
	for _, bad := range []struct {
		op   wire.Op
		body string
	}{{wire.Text, "\xff"}, {wire.Ping, strings.Repeat("x", 126)}, {wire.Close, ""}, {wire.Continuation, "x"}, {3, ""}, {11, ""}} {
		if err := s.Send(ClientSide, bad.op, []byte(bad.body)); !errors.Is(err, ErrNotSendable) {
			t.Errorf("%v %.10q: %v", bad.op, bad.body, err)
		}
	}
	if err := s.Send(HostSide, wire.Ping, []byte(strings.Repeat("x", 125))); err != nil {
		t.Error(err)
	}
	h.gets(t, opPing, strings.Repeat("x", 125))
	exchange(t, client, h, "nothing else came")
}

// With an extension agreed end to end the reserved bits and the payloads are the
// peers' business, and the session stays raw: a reload that wants to look at its
// messages drains it.
func TestExtensionsAreAgreedEndToEnd(t *testing.T) {
	host := newWSHost(t)
	agree := policyOf("admit", dial{host.address}, filterFunc(func(m *Message) (bool, error) {
		m.upstream.Extensions = "permessage-deflate"
		return true, nil
	}))
	first := snapshotOf(&Websocket{Path: "/", Upgrade: agree, Hash: "0"})
	c := &clock{}
	r := startGateway(t, first, func(g *Gateway) { g.Clock = c.now })
	client, h := pair(t, r.address, host, "/")
	r.only()
	const compressed = "\xf2\x48\xcd\xc9\xc9\x07\x00" // RFC 7692 §7.2.3.1, not UTF-8
	client.Write(client.frame(final|rsv1|opText, compressed))
	want := (&wsPeer{}).appendHead(nil, final|rsv1|opText, len(compressed))
	got, err := h.r.Peek(2 + 4 + len(compressed))
	if err != nil || got[0] != want[0] {
		t.Fatalf("the host got %x, %v", got, err)
	}
	h.r.Discard(len(got))
	r.reload(version(host, 1, Migrate))
	c.turn(2 * drainSpread)
	r.Sweep()
	client.getsClose(t, wire.CloseServiceRestart, "configuration changed")
	h.getsClose(t, wire.CloseServiceRestart, "configuration changed")
	client.Close()
	h.Close()
	r.gone()
}

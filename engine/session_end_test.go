package engine

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/fasthttp/websocket"

	"framegate/engine/wire"
)

var kill = Cause{By: "test", Code: wire.ClosePolicyViolation, Reason: "enough"}

// A policy that waits learns from its context that the session was stopped, and
// both peers get the Close of whoever stopped it, not one for the aborted policy.
func TestStopWhileAFramePolicyRuns(t *testing.T) {
	running := make(chan struct{})
	r, host := through(t, &Websocket{Path: "/", ClientFrame: policyOf("wait", filterFunc(func(m *Message) (bool, error) {
		close(running)
		return false, m.Wait(time.Hour)
	}))})
	client, h := pair(t, r.address, host, "/")
	client.send(opText, "hello")
	<-running
	s := r.only()
	s.Stop(kill)
	for _, p := range []*wsPeer{client, h} {
		p.getsClose(t, kill.Code, kill.Reason)
		p.getsEnd(t)
		p.Close()
	}
	if c := r.gone(); c.By != "test" || c.Code != kill.Code {
		t.Errorf("recorded as %+v", c)
	}
	if cause := context.Cause(s.Context()); !errors.As(cause, new(Cause)) {
		t.Errorf("the session's context ended with %v", cause)
	}
}

// The client does not read, so the gateway cannot write: the session ends all
// the same, and the client finds nothing but whole messages and a cut one.
func TestStopWhileAWriteBlocks(t *testing.T) {
	modes(t, func(t *testing.T, w *Websocket) {
		r, host := through(t, w)
		client, h := pair(t, r.address, host, "/")
		body := strings.Repeat("x", 60_000)
		for {
			h.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
			if h.send(opBinary, body) != nil {
				break // nobody takes any more
			}
		}
		r.only().Stop(kill)
		h.getsClose(t, kill.Code, kill.Reason)
		var err error
		for err == nil {
			var ev wsEvent
			if ev, err = client.receive(); err == nil && ev != (wsEvent{opBinary, body}) {
				t.Fatalf("the client got %v", ev)
			}
		}
		if errors.As(err, new(*peerViolation)) {
			t.Fatalf("the client got a frame that is none: %v", err)
		}
		client.Close()
		h.Close()
		r.gone()
	})
}

// A frame of which only a part could be written must not be completed by the
// bytes of a Close, or of an injected message.
func TestNothingFollowsAFrameThatWasCut(t *testing.T) {
	ours, theirs := net.Pipe()
	l := &leg{conn: ours, side: ClientSide}
	got := make(chan []byte)
	go func() {
		b := make([]byte, 10)
		n, _ := io.ReadFull(theirs, b)
		ours.SetWriteDeadline(longAgo)
		rest := make(chan []byte)
		go func() {
			more, _ := io.ReadAll(theirs)
			rest <- more
		}()
		got <- append(b[:n], <-rest...)
	}()
	frame := (&wsPeer{}).frame(final|opText, "twenty bytes of text")
	err := l.write(frame, false, false)
	if !errors.As(err, new(*writeError)) {
		t.Errorf("the write ended with %v", err)
	}
	ours.SetWriteDeadline(time.Time{})
	if err := l.write(frame, false, false); !errors.As(err, new(*writeError)) {
		t.Errorf("the next write ended with %v", err)
	}
	if err := l.inject(wire.Ping, nil); !errors.As(err, new(*writeError)) {
		t.Errorf("a ping after it ended with %v", err)
	}
	l.sendClose(wire.CloseNormal, "")
	ours.Close()
	if b := <-got; string(b) != string(frame[:10]) {
		t.Errorf("the peer got %q", b)
	}
}

func TestHostResetsMidFrame(t *testing.T) {
	modes(t, func(t *testing.T, w *Websocket) {
		r, host := through(t, w)
		client, h := pair(t, r.address, host, "/")
		half := h.frame(final|opText, strings.Repeat("x", 100))[:50]
		h.Write(half)
		if !w.MessageMode {
			client.r.Peek(len(half))
		}
		h.reset() // which may come in one event with the data before it
		if w.MessageMode {
			client.getsClose(t, wire.CloseBadGateway, "host lost")
			client.sendClose(wire.CloseBadGateway, "")
			client.getsEnd(t)
		} else if ev, err := client.receive(); err != io.ErrUnexpectedEOF {
			t.Fatalf("the client got %v, %v; want the end inside the frame", ev, err)
		}
		client.Close()
		if c := r.gone(); c.By != "host" || c.Code != wire.CloseAbnormal {
			t.Errorf("recorded as %+v", c)
		}
	})
}

// In raw mode a part of the client's frame has gone on: no Close can be put in,
// the host sees the connection end. Between two fragments one can.
func TestStopMidMessage(t *testing.T) {
	modes(t, func(t *testing.T, w *Websocket) {
		r, host := through(t, w)
		t.Run("inside a frame", func(t *testing.T) {
			client, h := pair(t, r.address, host, "/")
			b := client.frame(final|opText, strings.Repeat("x", 100))
			client.Write(b[:50])
			if !w.MessageMode {
				h.r.Peek(50)
			}
			r.only().Stop(kill)
			client.getsClose(t, kill.Code, kill.Reason)
			client.getsEnd(t)
			if w.MessageMode {
				h.getsClose(t, kill.Code, kill.Reason)
				h.getsEnd(t)
			} else if ev, err := h.receive(); err != io.ErrUnexpectedEOF {
				t.Errorf("the host got %v, %v; want the end inside the frame", ev, err)
			}
			client.Close()
			h.Close()
			r.gone()
		})
		t.Run("between fragments", func(t *testing.T) {
			client, h := pair(t, r.address, host, "/")
			client.Write(client.frame(opText, "fragment"))
			client.send(opPing, "")
			h.gets(t, opPing, "")
			r.only().Stop(kill)
			h.getsClose(t, kill.Code, kill.Reason)
			client.getsClose(t, kill.Code, kill.Reason)
			client.Close()
			h.Close()
			r.gone()
		})
	})
}

func TestBothPeersCloseAtOnce(t *testing.T) {
	modes(t, func(t *testing.T, w *Websocket) {
		r, host := through(t, w)
		for range 50 {
			client, h := pair(t, r.address, host, "/")
			go h.sendClose(4002, "host")
			client.sendClose(4001, "client")
			ev, err := client.receive()
			if err != nil || ev != (wsEvent{opClose, closeBody(4002, "host")}) {
				t.Fatalf("the client got %v, %v", ev, err)
			}
			h.getsClose(t, 4001, "client")
			client.getsEnd(t)
			h.getsEnd(t)
			client.Close()
			h.Close()
		}
		r.gone()
	})
}

// A Close without a code stays one: 1005 is for records, never for the wire.
func TestCloseWithoutACode(t *testing.T) {
	modes(t, func(t *testing.T, w *Websocket) {
		r, host := through(t, w)
		client, h := pair(t, r.address, host, "/")
		s := r.only()
		client.send(opClose, "")
		h.gets(t, opClose, "")
		h.send(opClose, "")
		client.gets(t, opClose, "")
		client.getsEnd(t)
		client.Close()
		h.Close()
		if c := r.gone(); c.By != "client" || c.Code != wire.CloseNoStatus {
			t.Errorf("recorded as %+v", c)
		}
		<-s.Context().Done()
	})
}

// A host that ends the connection instead of answering the Close: the client
// gets its own code back, not that the host was lost.
func TestCloseThatTheOtherPeerDoesNotAnswer(t *testing.T) {
	modes(t, func(t *testing.T, w *Websocket) {
		r, host := through(t, w)
		client, h := pair(t, r.address, host, "/")
		client.sendClose(4001, "bye")
		h.getsClose(t, 4001, "bye")
		h.Close()
		client.getsClose(t, 4001, "bye")
		client.getsEnd(t)
		client.Close()

		client, h = pair(t, r.address, host, "/")
		h.sendClose(4002, "ciao")
		client.getsClose(t, 4002, "ciao")
		client.Close()
		h.getsClose(t, 4002, "ciao")
		h.getsEnd(t)
		h.Close()
		r.gone()
	})
}

// The client has said all and closes; the answers still go through a policy that
// takes its time, and whose context has not ended.
func TestPoliciesRunOverAnswersAfterAClose(t *testing.T) {
	r, host := through(t, &Websocket{Path: "/", ServerFrame: policyOf("delay", filterFunc(func(m *Message) (bool, error) {
		return true, m.Wait(20 * time.Millisecond)
	}))})
	client, h := pair(t, r.address, host, "/")
	exchange(t, client, h, "hello")
	client.send(opText, "question")
	client.sendClose(wire.CloseNormal, "")
	h.gets(t, opText, "question")
	h.getsClose(t, wire.CloseNormal, "")
	h.send(opText, "first answer")
	h.send(opText, "second answer")
	h.sendClose(wire.CloseNormal, "")
	client.gets(t, opText, "first answer")
	client.gets(t, opText, "second answer")
	client.getsClose(t, wire.CloseNormal, "")
	client.Close()
	h.Close()
	r.gone()
}

func TestPanicInAFramePolicy(t *testing.T) {
	host := newEchoHost(t)
	r := start(t, snapshotOf(&Websocket{Path: "/", Upgrade: policyOf("admit", dial{host.address}), ClientFrame: policyOf("boom", filterFunc(func(m *Message) (bool, error) {
		if string(m.Body()) == "boom" {
			panic("a filter's bug")
		}
		return true, nil
	}))}))
	bystander, victim := r.dial("/"), r.dial("/")
	echo(t, victim, websocket.TextMessage, "hello")
	victim.WriteMessage(websocket.TextMessage, []byte("boom"))
	if _, _, err := victim.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseInternalServerErr) {
		t.Fatalf("the client was told: %v", err)
	}
	eventually(t, "the host's connection is closed", func() bool { return host.open.Load() == 1 })
	echo(t, bystander, websocket.TextMessage, "hello")
}

package engine

import (
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"testing"

	"framegate/engine/wire"
)

// faulty is a connection whose n-th read or write fails, a write after half of
// its bytes; after it nothing works any more.
type faulty struct {
	net.Conn
	reads, writes atomic.Int32 // how many go well
	broken        atomic.Bool
}

var errFault = errors.New("an injected fault")

func (f *faulty) Read(p []byte) (int, error) {
	if f.broken.Load() || f.reads.Add(-1) < 0 {
		f.broken.Store(true)
		return 0, errFault
	}
	return f.Conn.Read(p)
}

func (f *faulty) Write(p []byte) (int, error) {
	if f.broken.Load() {
		return 0, errFault
	}
	if f.writes.Add(-1) < 0 {
		f.broken.Store(true)
		n, _ := f.Conn.Write(p[:len(p)/2])
		f.Conn.Close()
		return n, errFault
	}
	return f.Conn.Write(p)
}

// Whichever read from or write to the host fails, the client's answers come in
// order, then a proper Close, and nothing is left of the session: neither the
// host's connection nor a goroutine.
func TestEveryReadAndWriteMayFail(t *testing.T) {
	const messages = 4
	modes(t, func(t *testing.T, w *Websocket) {
		host := newWSHost(t)
		var reads, writes atomic.Int32
		w.Upgrade = policyOf("admit", dial{host.address}, filterFunc(func(m *Message) (bool, error) {
			f := &faulty{Conn: m.upstream.Conn}
			f.reads.Store(reads.Load())
			f.writes.Store(writes.Load())
			m.upstream.Conn = f
			return true, nil
		}))
		r := start(t, snapshotOf(w))
		session := func(t *testing.T) (answers int, closed wsEvent) {
			client, h := pair(t, r.address, host, "/")
			seen := make(chan outcome, 1)
			go func() { seen <- h.echo() }()
			defer func() { <-seen }() // the host's connection ends
			defer client.Close()
			for i := range messages {
				client.Write(client.frame(opText, "number "))
				client.Write(client.frame(final|opContinuation, fmt.Sprint(i)))
				ev, err := client.receive()
				if err != nil {
					t.Fatalf("after %d answers: %v", i, err)
				}
				if ev.op == opClose {
					client.send(opClose, ev.body)
					client.getsEnd(t)
					return i, ev
				}
				if ev != (wsEvent{opText, fmt.Sprint("number ", i)}) {
					t.Fatalf("answer %d is %v", i, ev)
				}
			}
			client.sendClose(wire.CloseNormal, "")
			ev, err := client.receive()
			if err != nil {
				t.Fatal(err)
			}
			client.getsEnd(t)
			return messages, ev
		}
		const enough = 100
		for n := range int32(2*messages + 2) {
			t.Run(fmt.Sprint("read ", n), func(t *testing.T) {
				reads.Store(n)
				writes.Store(enough)
				answers, closed := session(t)
				r.gone()
				if n < messages && (answers > int(n) || closed.body != closeBody(wire.CloseBadGateway, "host lost")) {
					t.Errorf("%d answers, then %v", answers, closed)
				}
			})
			t.Run(fmt.Sprint("write ", n), func(t *testing.T) {
				reads.Store(enough)
				writes.Store(n)
				answers, closed := session(t)
				r.gone()
				if answers < messages && closed.body != closeBody(wire.CloseBadGateway, "host lost") {
					t.Errorf("%d answers, then %v", answers, closed)
				}
				if answers == messages && closed.body != closeBody(wire.CloseNormal, "") {
					t.Errorf("all answers, then %v", closed)
				}
			})
		}
	})
}

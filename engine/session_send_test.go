package engine

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"framegate/engine/wire"
)

// An injected message waits for the end of the message that passes, a control
// frame for the end of the wire frame.
func TestInjectedMessagesWaitForTheirPlace(t *testing.T) {
	modes(t, func(t *testing.T, w *Websocket) {
		r, host := through(t, w)
		client, h := pair(t, r.address, host, "/")
		s := r.only()
		for _, side := range []Side{ClientSide, HostSide} {
			from, to := h, client
			if side == HostSide {
				from, to = client, h
			}
			from.Write(from.frame(opText, "one "))
			from.send(opPing, "after one")
			to.gets(t, opPing, "after one")
			send := func(op wire.Op, body string) {
				t.Helper()
				if err := s.Send(side, op, []byte(body)); err != nil {
					t.Fatal(err)
				}
			}
			send(wire.Text, "injected")
			send(wire.Ping, "between frames")
			if w.MessageMode { // nothing of the message has gone on yet
				to.gets(t, opText, "injected")
				to.gets(t, opPing, "between frames")
			} else {
				to.gets(t, opPing, "between frames")
			}
			two := from.frame(opContinuation, "two ")
			from.Write(two[:len(two)-2])
			if !w.MessageMode {
				to.r.Peek(len(two) - 2)
			}
			send(wire.Ping, "inside a frame")
			from.Write(two[len(two)-2:])
			to.gets(t, opPing, "inside a frame")
			from.Write(from.frame(final|opContinuation, "three"))
			if w.MessageMode {
				to.gets(t, opText, "one two three")
			} else {
				// receive joins the fragments of the message around the pings
				to.gets(t, opText, "one two three")
				to.gets(t, opText, "injected")
			}
		}
	})
}

// Fragmented messages in chops of any size pass both ways while messages and
// pings are injected: nothing is lost, mixed up or reordered.
func TestInjectedMessagesUnderLoad(t *testing.T) {
	const messages, injected = 400, 300
	modes(t, func(t *testing.T, w *Websocket) {
		r, host := through(t, w)
		client, h := pair(t, r.address, host, "/")
		s := r.only()
		var all sync.WaitGroup
		for _, side := range []Side{ClientSide, HostSide} {
			from, to := h, client
			if side == HostSide {
				from, to = client, h
			}
			all.Go(func() { passFragments(from, messages) })
			all.Go(func() {
				for i := range injected {
					if err := s.Send(side, wire.Binary, fmt.Append(nil, i)); err != nil {
						t.Errorf("inject %d: %v", i, err)
					}
					if err := s.Send(side, wire.Ping, fmt.Append(nil, i)); err != nil {
						t.Errorf("inject ping %d: %v", i, err)
					}
				}
			})
			all.Go(func() {
				next := map[byte]int{}
				for next[opText] < messages || next[opBinary] < injected || next[opPing] < injected {
					ev, err := to.receive()
					if err != nil {
						t.Errorf("after %v: %v", next, err)
						return
					}
					number, _, _ := strings.Cut(ev.body, " ")
					if number != fmt.Sprint(next[ev.op]) {
						t.Errorf("got %v, want number %d", ev, next[ev.op])
						return
					}
					next[ev.op]++
				}
			})
		}
		all.Wait()
	})
}

// passFragments sends numbered messages in random fragments and chops.
func passFragments(p *wsPeer, messages int) {
	random := rand.New(rand.NewPCG(1, 2))
	for i := range messages {
		body := fmt.Sprintf("%d %s", i, strings.Repeat("x", random.IntN(600)))
		var b []byte
		first := opText
		for len(body) > 0 && random.IntN(3) > 0 {
			n := random.IntN(len(body) + 1)
			b = append(b, p.frame(first, body[:n])...)
			first, body = opContinuation, body[n:]
		}
		b = append(b, p.frame(final|first, body)...)
		for len(b) > 0 {
			n := min(len(b), 1+random.IntN(300))
			p.Write(b[:n])
			b = b[n:]
		}
	}
}

// A client that does not read holds up its host, by TCP's own means; the gateway
// keeps a buffer, not the messages.
func TestSlowReaderCostsBoundedMemory(t *testing.T) {
	modes(t, func(t *testing.T, w *Websocket) {
		r, host := through(t, w)
		client, h := pair(t, r.address, host, "/")
		other, otherHost := pair(t, r.address, host, "/other")
		client.Conn.(*net.TCPConn).SetReadBuffer(64 << 10)
		h.Conn.(*net.TCPConn).SetWriteBuffer(64 << 10)
		before := heap()
		frame := h.frame(final|opBinary, strings.Repeat("x", 100_000))
		sent := 0
		for {
			h.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
			n, err := h.Write(frame[sent%len(frame):])
			sent += n
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		// What the kernel takes between two sockets without set buffers is about 10 MB.
		if sent > 64<<20 {
			t.Errorf("%d bytes went off to a client that reads none", sent)
		}
		if grown := heap() - before; grown > 2<<20 {
			t.Errorf("the heap has grown by %d bytes", grown)
		}
		exchange(t, other, otherHost, "other sessions do not notice")
		h.SetWriteDeadline(time.Time{})
		go h.Write(frame[sent%len(frame):])
		whole := (sent + len(frame) - 1) / len(frame)
		for i := range whole {
			if ev, err := client.receive(); err != nil || len(ev.body) != 100_000 {
				t.Fatalf("message %d of %d: %v %v", i, whole, ev, err)
			}
		}
	})
}

func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// Injected messages for a peer that does not read wait in 1 MiB and no more.
func TestInjectedMessagesAreBounded(t *testing.T) {
	ours, theirs := net.Pipe()
	defer ours.Close()
	defer theirs.Close()
	l := &leg{conn: ours, side: ClientSide}
	go io.Copy(io.Discard, theirs)
	if err := l.write([]byte{opText, 0}, true, false); err != nil { // a message has begun
		t.Fatal(err)
	}
	var err error
	n := 0
	for ; err == nil && n < 100; n++ {
		err = l.inject(wire.Text, make([]byte, 64<<10))
	}
	if !errors.Is(err, ErrFull) || len(l.held.messages) > maxQueued+1024 || n < 15 {
		t.Errorf("%d messages, %d bytes wait, then %v", n, len(l.held.messages), err)
	}
}

package wire_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"framegate/engine/wire"
)

func TestFollowerCountsAndStopsAtControlFrames(t *testing.T) {
	p := join(frame(true, wire.Text, "one"), frame(false, wire.Binary, "two"), frame(true, wire.Ping, "here?"),
		frame(true, wire.Continuation, "three"), frame(true, wire.Text, strings.Repeat("x", 200)), frame(true, wire.Text, ""))
	f := wire.Follower{State: plain}
	ev, n, err := f.Next(p)
	if err != nil || ev.Kind != wire.Control || ev.Op != wire.Ping || string(ev.AppendPayload(nil)) != "here?" {
		t.Fatal(ev, n, err)
	}
	if ev.Pass != 5+5 || n != ev.Pass+7 || string(ev.Frame) != "\x89\x05here?" || ev.Wire != 7 || ev.Length != 5 {
		t.Errorf("pass %d, frame %q, n %d, %d on the wire", ev.Pass, ev.Frame, n, ev.Wire)
	}
	if f.Boundary() || !f.FrameBoundary() || f.Messages != 1 || f.Bytes != 3 {
		t.Errorf("boundary %v, frame boundary %v, %d messages, %d bytes", f.Boundary(), f.FrameBoundary(), f.Messages, f.Bytes)
	}
	rest := p[n:]
	if ev, n, err = f.Next(rest); err != nil || ev.Kind != wire.None || ev.Pass != len(rest) || n != len(rest) {
		t.Fatal(ev, n, err)
	}
	if !f.Boundary() || f.Messages != 4 || f.Bytes != 3+8+200 {
		t.Errorf("boundary %v, %d messages, %d bytes", f.Boundary(), f.Messages, f.Bytes)
	}
}

func TestFollowerStops(t *testing.T) {
	p := join(frame(true, wire.Text, "one"), frame(false, wire.Binary, "two"), frame(true, wire.Continuation, ""), frame(true, wire.Text, ""))
	type stop struct {
		kind      wire.Kind
		op        wire.Op
		pass      int
		fragments int
		length    int64
		wire      int64
	}
	one, two, three := stop{wire.Message, wire.Text, 5, 1, 3, 5}, stop{wire.Message, wire.Binary, 7, 2, 3, 7}, stop{wire.Message, wire.Text, 2, 1, 0, 2}
	for what, want := range map[wire.Stop][]stop{
		wire.StopControls:  {{pass: len(p)}},
		wire.StopMessages:  {one, two, three},
		wire.StopFragments: {one, {wire.Fragment, wire.Binary, 5, 1, 3, 5}, {wire.Message, wire.Binary, 2, 2, 3, 7}, three},
	} {
		f := wire.Follower{State: plain, Stop: what}
		var got []stop
		for rest := p; len(rest) > 0; {
			ev, n, err := f.Next(rest)
			if err != nil || n != ev.Pass || !f.FrameBoundary() || f.Boundary() != (ev.Kind != wire.Fragment) {
				t.Fatal(ev, n, err)
			}
			got = append(got, stop{ev.Kind, ev.Op, ev.Pass, ev.Fragments, ev.Length, ev.Wire})
			rest = rest[n:]
		}
		if len(got) != len(want) {
			t.Fatalf("stop %d: %v", what, got)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("stop %d: %+v, want %+v", what, got[i], want[i])
			}
		}
	}
}

// A header or control frame goes on when it is known to be right and whole, so that a close can always be put in before it.
func TestFollowerHoldsBackHalfHeadersAndHalfControlFrames(t *testing.T) {
	f := wire.Follower{State: plain}
	steps := []struct {
		in, held, pass, frame string
		boundary              bool
	}{
		{"\x81\x01a\x82", "", "\x81\x01a", "", true},
		{"\x7E", "", "", "", true},
		{"\x00\x80xy", "\x82\x7E", "\x00\x80", "", false}, // returns behind the header, and has more
		{strings.Repeat("x", 126) + "\x89", "", strings.Repeat("x", 126), "", true},
		{"\x04pi", "", "", "", true},
		{"ng\x81\x00", "", "", "\x89\x04ping", true},
		{"\x8A", "", "", "", true},
		{"\x00", "", "", "\x8A\x00", true},
	}
	for i, s := range steps {
		p := []byte(s.in)
		ev, n, err := f.Next(p)
		if err != nil {
			t.Fatal(err)
		}
		if string(ev.Held) != s.held || string(p[:ev.Pass]) != s.pass || string(ev.Frame) != s.frame || f.FrameBoundary() != s.boundary {
			t.Errorf("step %d: held %q, pass %q, frame %q, boundary %v", i, ev.Held, p[:ev.Pass], ev.Frame, f.FrameBoundary())
		}
		if idle := s.frame != ""; f.Idle() != idle {
			t.Errorf("step %d: idle %v", i, f.Idle())
		}
		if rest := p[n:]; len(rest) > 0 {
			if ev, n, err = f.Next(rest); err != nil || ev.Pass != len(rest) || n != len(rest) {
				t.Errorf("step %d: rest %q: %+v, %d, %v", i, rest, ev, n, err)
			}
		}
	}
	if !f.Boundary() {
		t.Error("not between messages at the end")
	}
}

func TestFollowerPassesNothingOfAFrameAtFault(t *testing.T) {
	bad := frame(false, wire.Binary, strings.Repeat("x", 2000))
	p := join(frame(true, wire.Text, "fine"), frame(false, wire.Text, "fine too"), frame(true, wire.Pong, ""), frame(true, wire.Continuation, ""), bad)
	good := p[:len(p)-len(bad)]
	for size := 1; size <= len(p); size++ {
		f := wire.Follower{State: plain, Limits: wire.Limits{MaxMessage: 1000}}
		var out []byte
		var err error
		for rest := p; len(rest) > 0 && err == nil; rest = rest[min(size, len(rest)):] {
			out, _, err = followAll(&f, out, bytes.Clone(rest[:min(size, len(rest))]))
		}
		if !errors.Is(err, wire.ErrTooBig) || !bytes.Equal(out, good) || !f.Boundary() {
			t.Fatalf("%d bytes at a time: %d bytes went on, want %d; boundary %v, %v", size, len(out), len(good), f.Boundary(), err)
		}
		if _, n, err := f.Next(p); n != 0 || !errors.Is(err, wire.ErrTooBig) {
			t.Fatal("not dead after an error")
		}
	}
}

func TestFollowerCopiesHeads(t *testing.T) {
	masked := func(fin bool, op wire.Op, payload string) []byte {
		return wire.AppendFrame(nil, wire.Header{Fin: fin, Op: op, Masked: true, Key: key}, []byte(payload))
	}
	p := join(masked(true, wire.Text, "short"), masked(false, wire.Text, "over "), masked(true, wire.Ping, "?"),
		masked(false, wire.Continuation, "two"), masked(true, wire.Continuation, " fragments, and longer than the head"),
		masked(true, wire.Binary, ""), masked(true, wire.Text, strings.Repeat("0123456789", 30)))
	for size := 1; size <= len(p); size++ {
		f := wire.Follower{Stop: wire.StopMessages, Head: make([]byte, 0, 16)}
		var heads []string
		for rest := p; len(rest) > 0; {
			ev, n, err := f.Next(rest[:min(size, len(rest))])
			if err != nil {
				t.Fatal(err)
			}
			if ev.Kind == wire.Message {
				heads = append(heads, string(f.Head))
			}
			rest = rest[n:]
		}
		if got := strings.Join(heads, "|"); got != "short|over two fragmen||0123456789012345" {
			t.Fatalf("%d bytes at a time: %q", size, got)
		}
	}
}

func TestFollowerDiscardsWhatFollowsAClose(t *testing.T) {
	f := wire.Follower{}
	p := wire.AppendFrame(nil, wire.Header{Fin: true, Op: wire.Close, Masked: true, Key: key}, wire.AppendClose(nil, 4001, "über"))
	ev, n, err := f.Next(append(p, "garbage"...))
	code, reason, _ := wire.ParseClose(ev.AppendPayload(nil))
	if err != nil || n != len(p) || code != 4001 || reason != "über" || !f.Closed() {
		t.Fatal(ev, n, code, reason, err)
	}
	if ev, n, err = f.Next([]byte("garbage")); ev.Kind != wire.None || ev.Pass != 0 || n != len("garbage") || err != nil {
		t.Error(ev, n, err)
	}
}

func TestFollowerPassesACompressedStreamOn(t *testing.T) {
	p := []byte("\xC1\x03abc\x41\x02de\x89\x00\x80\x01f")
	f := wire.Follower{State: wire.State{Side: wire.FromServer, AnyRsv: true}, Stop: wire.StopMessages}
	out, units, err := followAll(&f, nil, p)
	if err != nil || !bytes.Equal(out, p) || len(units) != 3 || f.Messages != 2 || f.Bytes != 6 {
		t.Errorf("%q, %v, %d messages, %v", out, units, f.Messages, err)
	}
}

func TestFollowerDoesNotAllocate(t *testing.T) {
	p := append(burst(4<<10, 100), burst(300, 40)...)
	p = wire.AppendFrame(p, wire.Header{Fin: true, Op: wire.Ping, Masked: true, Key: key}, []byte("ping"))
	heads := wire.Follower{Stop: wire.StopMessages, Head: make([]byte, 0, 64)}
	var counts wire.Follower
	feed := func(f *wire.Follower, size int) {
		for rest := p; len(rest) > 0; {
			ev, n, err := f.Next(rest[:min(len(rest), size)])
			if err != nil {
				t.Fatal(err)
			}
			if ev.Kind == wire.Control {
				var payload [wire.MaxControl]byte
				if len(ev.AppendPayload(payload[:0])) != 4 {
					t.Fatal("wrong ping")
				}
			}
			rest = rest[n:]
		}
	}
	if n := testing.AllocsPerRun(100, func() {
		feed(&heads, 333)
		feed(&counts, 1001)
		feed(&heads, len(p))
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

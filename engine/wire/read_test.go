package wire_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"framegate/engine/wire"
)

// frame is a wire frame of a server.
func frame(fin bool, op wire.Op, payload string) []byte {
	return wire.AppendFrame(nil, wire.Header{Fin: fin, Op: op}, []byte(payload))
}

func join(frames ...[]byte) []byte { return bytes.Join(frames, nil) }

func TestReaderReturnsASliceOfTheCallersBuffer(t *testing.T) {
	p := wire.AppendFrame(nil, wire.Header{Fin: true, Op: wire.Text, Masked: true, Key: key}, []byte("hello"))
	p = append(p, p...)
	r := wire.Reader{CheckUTF8: true}
	ev, n, err := r.Next(p)
	if err != nil || ev.Kind != wire.Message || string(ev.Payload) != "hello" || n != len(p)/2 {
		t.Fatalf("%+v, %d, %v", ev, n, err)
	}
	if &ev.Payload[0] != &p[6] || r.Buf != nil {
		t.Error("the payload was copied")
	}
	if ev.Fragments != 1 || ev.Wire != int64(n) {
		t.Errorf("%d fragments, %d bytes on the wire", ev.Fragments, ev.Wire)
	}
}

func TestReaderGivesControlFramesAsTheyArrive(t *testing.T) {
	p := join(frame(false, wire.Text, "one "), frame(true, wire.Ping, "here?"), frame(false, wire.Continuation, "two "),
		frame(true, wire.Pong, ""), frame(true, wire.Continuation, "three"))
	for size := 1; size <= len(p); size++ {
		r := wire.Reader{State: plain}
		var got []string
		var event wire.Event
		for rest := p; len(rest) > 0; {
			ev, n, err := r.Next(bytes.Clone(rest[:min(size, len(rest))]))
			if err != nil {
				t.Fatal(err)
			}
			if ev.Kind != wire.None {
				got, event = append(got, ev.Op.String()+" "+string(ev.Payload)), ev
			}
			rest = rest[n:]
		}
		if want := "ping here?|pong |text one two three"; strings.Join(got, "|") != want {
			t.Fatalf("%d bytes at a time: %q", size, got)
		}
		if event.Fragments != 3 || event.Wire != 6+6+7 {
			t.Fatalf("%d bytes at a time: %d fragments, %d bytes on the wire", size, event.Fragments, event.Wire)
		}
	}
}

func TestReaderChecksLimitsFromTheHeader(t *testing.T) {
	tests := []struct {
		name   string
		limits wire.Limits
		bytes  []byte
		want   error
	}{
		{"at the limit", wire.Limits{MaxMessage: 5}, frame(true, wire.Text, "12345"), nil},
		{"over it, header only", wire.Limits{MaxMessage: 5}, frame(true, wire.Text, "123456")[:2], wire.ErrTooBig},
		{"over it, whole", wire.Limits{MaxMessage: 5}, frame(true, wire.Text, "123456"), wire.ErrTooBig},
		{"over it, whole, long", wire.Limits{MaxMessage: 200}, frame(true, wire.Text, strings.Repeat("x", 201)), wire.ErrTooBig},
		{"over all fragments", wire.Limits{MaxMessage: 5}, join(frame(false, wire.Text, "123"), frame(true, wire.Continuation, "456")[:2]), wire.ErrTooBig},
		{"control frames do not count", wire.Limits{MaxMessage: 5}, join(frame(false, wire.Text, "123"), frame(true, wire.Ping, "456"), frame(true, wire.Continuation, "45")), nil},
		{"the next message starts at 0", wire.Limits{MaxMessage: 5}, join(frame(true, wire.Text, "12345"), frame(true, wire.Text, "12345")), nil},
		{"fragments by default", wire.Limits{}, manyFragments(wire.DefaultMaxFragments), nil},
		{"one more", wire.Limits{}, manyFragments(wire.DefaultMaxFragments + 1), wire.ErrTooManyFragments},
		{"as many more as the message may be longer", wire.Limits{MaxMessage: 4 << 20}, manyFragments(4 << 20 / 64), nil},
		{"one more than that", wire.Limits{MaxMessage: 4 << 20}, manyFragments(4<<20/64 + 1), wire.ErrTooManyFragments},
		{"none", wire.Limits{MaxMessage: -1}, frame(true, wire.Binary, strings.Repeat("x", 2<<20)), nil},
		{"default", wire.Limits{}, frame(true, wire.Binary, strings.Repeat("x", 1<<20)), nil},
		{"over the default", wire.Limits{}, frame(true, wire.Binary, strings.Repeat("x", 1<<20+1)), wire.ErrTooBig},
		{"fragments", wire.Limits{MaxFragments: 2}, join(frame(false, wire.Text, ""), frame(true, wire.Continuation, "")), nil},
		{"too many fragments", wire.Limits{MaxFragments: 2}, join(frame(false, wire.Text, ""), frame(false, wire.Continuation, ""), frame(true, wire.Continuation, "")), wire.ErrTooManyFragments},
		{"fragments by default", wire.Limits{}, append(frame(false, wire.Text, ""), bytes.Repeat(frame(false, wire.Continuation, ""), 16383)...), nil},
		{"too many by default", wire.Limits{}, append(frame(false, wire.Text, ""), bytes.Repeat(frame(false, wire.Continuation, ""), 16384)...), wire.ErrTooManyFragments},
	}
	for _, tt := range tests {
		r := wire.Reader{State: plain, Limits: tt.limits}
		if err := readIn(&r, string(tt.bytes), len(tt.bytes)); !errors.Is(err, tt.want) {
			t.Errorf("%s: reader says %v", tt.name, err)
		}
		f := wire.Follower{State: plain, Limits: tt.limits}
		if err := followIn(&f, string(tt.bytes), len(tt.bytes)); !errors.Is(err, tt.want) {
			t.Errorf("%s: follower says %v", tt.name, err)
		}
	}
}

// manyFragments is a message of n empty frames.
func manyFragments(n int) []byte {
	b := frame(false, wire.Text, "")
	for range n - 2 {
		b = append(b, frame(false, wire.Continuation, "")...)
	}
	return append(b, frame(true, wire.Continuation, "")...)
}

// Autobahn 6.4: the verdict must not wait for the rest of the message.
func TestReaderFailsAtTheFirstBadByte(t *testing.T) {
	p := frame(false, wire.Text, "κόσμε")
	p = append(p, frame(true, wire.Continuation, "\xf4\x90"+strings.Repeat("x", 100000))[:12]...) // f4 90 is above U+10FFFF
	r := wire.Reader{State: plain, CheckUTF8: true}
	if err := readIn(&r, string(p[:len(p)-1]), 7); err != nil {
		t.Fatal("too early:", err)
	}
	if _, _, err := r.Next(p[len(p)-1:]); !errors.Is(err, wire.ErrUTF8) {
		t.Fatal("at the bad byte:", err)
	}
	if _, _, err := r.Next([]byte("\x89\x00")); !errors.Is(err, wire.ErrUTF8) {
		t.Error("a dead reader said", err)
	}
	if _, err := r.Filled(0); !errors.Is(err, wire.ErrUTF8) || r.Space(10) != nil {
		t.Error("a dead reader takes bytes")
	}
}

func TestReaderChecksTextsOnly(t *testing.T) {
	bad := "\xC3\x28"
	for _, tt := range []struct {
		name  string
		bytes []byte
		check bool
		want  error
	}{
		{"text", frame(true, wire.Text, bad), true, wire.ErrUTF8},
		{"text, unchecked", frame(true, wire.Text, bad), false, nil},
		{"binary", frame(true, wire.Binary, bad), true, nil},
		{"binary in fragments", join(frame(false, wire.Binary, bad), frame(true, wire.Continuation, bad)), true, nil},
		{"ping", frame(true, wire.Ping, bad), true, nil},
		{"compressed text", append([]byte{0xC1, 2}, bad...), true, nil},
		{"text that ends within a character", frame(true, wire.Text, "\xC3"), true, wire.ErrUTF8},
		{"character over two fragments", join(frame(false, wire.Text, "\xC3"), frame(true, wire.Continuation, "\xBC")), true, nil},
		{"empty last fragment within a character", join(frame(false, wire.Text, "\xC3"), frame(true, wire.Continuation, "")), true, wire.ErrUTF8},
	} {
		r := wire.Reader{State: wire.State{Side: wire.FromServer, Rsv1: true}, CheckUTF8: tt.check}
		if err := readIn(&r, string(tt.bytes), len(tt.bytes)); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestReaderIdle(t *testing.T) {
	p := join(frame(false, wire.Text, "ab"), frame(true, wire.Ping, "x"), frame(true, wire.Continuation, "c"), frame(true, wire.Ping, ""))
	idle := map[int]bool{0: true, 10: true, 12: true} // after so many bytes: between messages and outside of frames
	r := wire.Reader{State: plain}
	for i := range p {
		if r.Idle() != idle[i] {
			t.Errorf("after %d bytes: idle %v", i, r.Idle())
		}
		if _, _, err := r.Next([]byte{p[i]}); err != nil {
			t.Fatal(err)
		}
		if r.Idle() {
			r.Buf = nil // the pump takes it back
		}
	}
}

func TestReaderBelievesNoHeader(t *testing.T) {
	r := wire.Reader{State: plain, Limits: wire.Limits{MaxMessage: -1}}
	header := wire.AppendHeader(nil, wire.Header{Fin: true, Op: wire.Binary, Length: 1 << 40})
	if _, _, err := r.Next(append(header, 'x')); err != nil {
		t.Fatal(err)
	}
	if r.Need() != 1<<40-1 {
		t.Errorf("needs %d", r.Need())
	}
	for arrived := 1; arrived < 1<<20; {
		space := r.Space(1 << 30)
		if held := cap(r.Buf); held > max(64<<10, 2*arrived) {
			t.Fatalf("%d bytes arrived, %d are kept for the frame", arrived, held)
		}
		if _, err := r.Filled(len(space)); err != nil {
			t.Fatal(err)
		}
		arrived += len(space)
	}
}

func TestReaderReadsALongFrameStraightIntoBuf(t *testing.T) {
	want := strings.Repeat("0123456789abcdef", 4096)
	p := wire.AppendFrame(nil, wire.Header{Fin: true, Op: wire.Binary, Masked: true, Key: key}, []byte(want))
	next := frame(true, wire.Ping, "")
	r := wire.Reader{}
	first := 1001
	if ev, n, err := r.Next(bytes.Clone(p[:first])); ev.Kind != wire.None || n != first || err != nil {
		t.Fatal(ev, n, err)
	}
	space := r.Space(1 << 20)
	if len(space) != len(p)-first || int64(len(space)) != r.Need() {
		t.Fatalf("space for %d bytes, needs %d, %d are missing", len(space), r.Need(), len(p)-first)
	}
	buf := &r.Buf[0]
	copy(space, append(p[first:len(p):len(p)], next...))
	ev, err := r.Filled(len(space))
	if err != nil || ev.Kind != wire.Message || string(ev.Payload) != want || &ev.Payload[0] != buf {
		t.Fatal("not the message, or copied once more", ev.Kind, err)
	}
	if r.Space(1) != nil || r.Need() != 0 || !r.Idle() {
		t.Error("wants more after the message")
	}
	defer func() {
		if recover() == nil {
			t.Error("Filled beyond Space went unnoticed")
		}
	}()
	r.Filled(1)
}

// Without doubling, each fragment would copy the whole message.
func TestReaderGrowsSeldom(t *testing.T) {
	p := append(frame(false, wire.Binary, ""), bytes.Repeat(frame(false, wire.Continuation, strings.Repeat("x", 100)), 10000)...)
	r := wire.Reader{State: plain}
	grown, size := 0, 0
	for rest := p; len(rest) > 0; {
		_, n, err := r.Next(rest[:min(1000, len(rest))])
		if err != nil {
			t.Fatal(err)
		}
		if cap(r.Buf) != size {
			grown, size = grown+1, cap(r.Buf)
		}
		rest = rest[n:]
	}
	if grown > 16 {
		t.Errorf("grew %d times for a message of 1 MB", grown)
	}
}

func TestReaderDiscardsWhatFollowsAClose(t *testing.T) {
	r := wire.Reader{State: plain}
	p := join(frame(true, wire.Close, "\x03\xE8bye"), []byte("garbage"))
	ev, n, err := r.Next(p)
	if err != nil || ev.Op != wire.Close || string(ev.Payload) != "\x03\xE8bye" || !r.Closed() {
		t.Fatal(ev, n, err)
	}
	if ev, n, err = r.Next(p[n:]); ev.Kind != wire.None || n != len("garbage") || err != nil {
		t.Error(ev, n, err)
	}
}

func TestReaderDoesNotAllocate(t *testing.T) {
	whole := append(burst(4<<10, 100), burst(300, 40)...)
	buf := make([]byte, len(whole))
	split := join(frame(false, wire.Text, strings.Repeat("a", 900)), frame(true, wire.Ping, "x"), frame(true, wire.Continuation, "b"))
	r, s := wire.Reader{CheckUTF8: true}, wire.Reader{State: plain, CheckUTF8: true}
	feed := func(r *wire.Reader, p []byte) {
		for len(p) > 0 {
			_, n, err := r.Next(p[:min(len(p), 333)])
			if err != nil {
				t.Fatal(err)
			}
			p = p[n:]
		}
	}
	if n := testing.AllocsPerRun(100, func() {
		copy(buf, whole)
		feed(&r, buf)
		feed(&s, split)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

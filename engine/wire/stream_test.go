package wire_test

import (
	"bytes"
	"testing"

	"framegate/engine/wire"

	"pgregory.net/rapid"
)

// unit is a message or a control frame, as it went in or came out.
type unit struct {
	Control   bool
	Op        wire.Op
	Payload   string
	Fragments int
}

// sent is a stream of units as one side puts it on the wire.
type sent struct {
	units []unit
	bytes []byte
	// frames counts wire frames, messages and payload what a Follower should count.
	frames            int
	messages, payload uint64
}

var drawMessage = rapid.Custom(func(t *rapid.T) unit {
	if rapid.Bool().Draw(t, "text") {
		return unit{Op: wire.Text, Payload: rapid.StringN(0, -1, 400).Draw(t, "body")}
	}
	size := rapid.OneOf(rapid.IntRange(0, 300), rapid.SampledFrom([]int{125, 126, 127, 65535, 65536, 70000})).Draw(t, "size")
	return unit{Op: wire.Binary, Payload: string(bytes.Repeat([]byte{byte(size), 0xFF, 3}, size/3+1)[:size])}
})

var drawControl = rapid.Custom(func(t *rapid.T) unit {
	op := rapid.SampledFrom([]wire.Op{wire.Ping, wire.Pong}).Draw(t, "op")
	return unit{true, op, string(rapid.SliceOfN(rapid.Byte(), 0, wire.MaxControl).Draw(t, "body")), 1}
})

func drawSent(t *rapid.T, side wire.Side) *sent {
	s := &sent{}
	frame := func(fin bool, op wire.Op, payload string) {
		h := wire.Header{Fin: fin, Op: op, Masked: side == wire.FromClient}
		if h.Masked {
			h.Key = [4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "key"))
		}
		s.bytes = wire.AppendFrame(s.bytes, h, []byte(payload))
		s.frames++
	}
	controls := func() {
		for range rapid.IntRange(0, 2).Draw(t, "controls") {
			c := drawControl.Draw(t, "control")
			s.units = append(s.units, c)
			frame(true, c.Op, c.Payload)
		}
	}
	for range rapid.IntRange(0, 8).Draw(t, "messages") {
		m := drawMessage.Draw(t, "message")
		m.Fragments = rapid.IntRange(1, 4).Draw(t, "fragments")
		controls()
		rest, op := m.Payload, m.Op
		for i := range m.Fragments {
			size := len(rest)
			if i < m.Fragments-1 {
				size = rapid.IntRange(0, len(rest)).Draw(t, "fragment")
			}
			frame(i == m.Fragments-1, op, rest[:size])
			rest, op = rest[size:], wire.Continuation
			if i < m.Fragments-1 {
				controls()
			}
		}
		s.units = append(s.units, m)
		s.messages++
		s.payload += uint64(len(m.Payload))
	}
	return s
}

// chunks cuts p into pieces of drawn sizes, each a copy: a Reader unmasks in place.
func chunks(t *rapid.T, p []byte) (list [][]byte) {
	for len(p) > 0 {
		n := min(len(p), rapid.OneOf(rapid.IntRange(1, 9), rapid.IntRange(1, 4096), rapid.Just(1<<20)).Draw(t, "chunk"))
		list = append(list, bytes.Clone(p[:n]))
		p = p[n:]
	}
	return list
}

func drawSide(t *rapid.T) wire.Side {
	return rapid.SampledFrom([]wire.Side{wire.FromClient, wire.FromServer}).Draw(t, "side")
}

func unitOf(ev wire.Event) unit {
	return unit{ev.Kind == wire.Control, ev.Op, string(ev.Payload), ev.Fragments}
}

// readAll feeds r with p, partly by Next and partly, when a frame wants more and straight says so, by Space and Filled.
func readAll(r *wire.Reader, p []byte, straight func() bool) (units []unit, err error) {
	for len(p) > 0 {
		var ev wire.Event
		var n int
		if space := r.Space(len(p)); space != nil && straight() {
			n = copy(space, p)
			ev, err = r.Filled(n)
		} else {
			ev, n, err = r.Next(p)
		}
		if err != nil {
			return units, err
		}
		if ev.Kind != wire.None {
			units = append(units, unitOf(ev))
		}
		p = p[n:]
	}
	return units, nil
}

func TestReaderGivesBackWhatWasSent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		side := drawSide(t)
		s := drawSent(t, side)
		r := wire.Reader{State: wire.State{Side: side}, CheckUTF8: true}
		var got []unit
		for _, p := range chunks(t, s.bytes) {
			units, err := readAll(&r, p, func() bool { return rapid.Bool().Draw(t, "straight") })
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, units...)
		}
		compareUnits(t, got, s.units)
		if !r.Idle() {
			t.Fatal("not idle after whole messages")
		}
	})
}

func TestFollowerPassesOnWhatWasSent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		side := drawSide(t)
		s := drawSent(t, side)
		f := wire.Follower{State: wire.State{Side: side}, Stop: rapid.SampledFrom(
			[]wire.Stop{wire.StopControls, wire.StopMessages, wire.StopFragments}).Draw(t, "stop")}
		f.Head = make([]byte, 0, rapid.IntRange(0, 64).Draw(t, "head"))
		var got []unit
		var out []byte
		for _, p := range chunks(t, s.bytes) {
			var units []unit
			var err error
			out, units, err = followAll(&f, out, p)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, units...)
		}
		if !bytes.Equal(out, s.bytes) {
			t.Fatal("the stream did not go on as it came")
		}
		if f.Messages != s.messages || f.Bytes != s.payload {
			t.Fatalf("counted %d messages and %d bytes, want %d and %d", f.Messages, f.Bytes, s.messages, s.payload)
		}
		compareUnits(t, got, headsOf(s.units, f.Stop, cap(f.Head)))
		if !f.Idle() || !f.Boundary() {
			t.Fatal("not idle after whole messages")
		}
	})
}

// headsOf is what a Follower sees of units.
func headsOf(units []unit, stop wire.Stop, head int) (list []unit) {
	for _, u := range units {
		switch {
		case u.Control:
			list = append(list, u)
		case stop != wire.StopControls:
			u.Payload = u.Payload[:min(len(u.Payload), head)]
			list = append(list, u)
		}
	}
	return list
}

// followAll feeds f with p and appends what goes on to out.
func followAll(f *wire.Follower, out, p []byte) ([]byte, []unit, error) {
	var units []unit
	for len(p) > 0 {
		ev, n, err := f.Next(p)
		out = append(append(append(out, ev.Held...), p[:ev.Pass]...), ev.Frame...)
		if err != nil {
			return out, units, err
		}
		switch ev.Kind {
		case wire.Message:
			units = append(units, unit{false, ev.Op, string(f.Head), ev.Fragments})
		case wire.Control:
			units = append(units, unit{true, ev.Op, string(ev.AppendPayload(nil)), 1})
		}
		p = p[n:]
	}
	return out, units, nil
}

func compareUnits(t *rapid.T, got, want []unit) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d messages and control frames, want %d", len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("%d: got %.200v, want %.200v", i, got[i], want[i])
		}
	}
}

package wire_test

import (
	"bytes"
	"errors"
	"testing"

	"framegate/engine/wire"
)

func seedStreams(f *testing.F) {
	for _, tt := range rules {
		f.Add([]byte(tt.bytes), byte(2), tt.state.Side == wire.FromServer)
	}
	f.Add(join(frame(false, wire.Text, "one "), frame(true, wire.Ping, "?"), frame(true, wire.Continuation, "two")), byte(5), true)
	f.Add(burst(600, 100), byte(33), false)
	f.Add([]byte("\x82\xFE\x00\x7E\x01\x02\x03\x04"), byte(1), false)
}

func sideOf(server bool) wire.State {
	if server {
		return wire.State{Side: wire.FromServer}
	}
	return wire.State{}
}

// limits so small that a fuzzer finds them.
var fuzzLimits = wire.Limits{MaxMessage: 300, MaxFragments: 4}

// inChunks feeds p in chunks of size bytes until an error.
func inChunks(p []byte, size byte, feed func([]byte) error) error {
	for len(p) > 0 {
		n := min(len(p), max(1, int(size)))
		if err := feed(bytes.Clone(p[:n])); err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// FuzzReader: the same comes out however the bytes are cut, and it agrees with the Follower on everything but UTF-8.
func FuzzReader(f *testing.F) {
	seedStreams(f)
	f.Fuzz(func(t *testing.T, p []byte, size byte, server bool) {
		cut := wire.Reader{State: sideOf(server), Limits: fuzzLimits, CheckUTF8: true}
		var got []unit
		err := inChunks(p, size, func(c []byte) error {
			units, err := readAll(&cut, c, func() bool { return size%2 == 0 })
			got = append(got, units...)
			return err
		})
		whole := wire.Reader{State: sideOf(server), Limits: fuzzLimits, CheckUTF8: true}
		want, wantErr := readAll(&whole, bytes.Clone(p), func() bool { return false })
		if err != wantErr || !equalUnits(got, want) {
			t.Fatalf("cut: %v, %v; whole: %v, %v", got, err, want, wantErr)
		}
		if cap(cut.Buf) > 64<<10 {
			t.Fatalf("Buf of %d bytes", cap(cut.Buf))
		}
		follower := wire.Follower{State: sideOf(server), Limits: fuzzLimits}
		if _, _, followErr := followAll(&follower, nil, p); err != followErr && !errors.Is(err, wire.ErrUTF8) {
			t.Fatalf("reader: %v, follower: %v", err, followErr)
		}
	})
}

// FuzzFollower: the stream goes on as it came up to a close or the frame at fault, however the bytes are cut, and the same
// messages are seen as by a Reader.
func FuzzFollower(f *testing.F) {
	seedStreams(f)
	f.Fuzz(func(t *testing.T, p []byte, size byte, server bool) {
		follower := wire.Follower{State: sideOf(server), Limits: fuzzLimits, Stop: wire.Stop(size % 3), Head: make([]byte, 0, 1<<16)}
		var out []byte
		var got []unit
		err := inChunks(p, size, func(c []byte) (err error) {
			var units []unit
			out, units, err = followAll(&follower, out, c)
			got = append(got, units...)
			return err
		})
		if !bytes.HasPrefix(p, out) {
			t.Fatalf("%q became %q", p, out)
		}
		if err == nil && !follower.Closed() && follower.Idle() && len(out) != len(p) {
			t.Fatalf("%d bytes of %d went on", len(out), len(p))
		}
		reader := wire.Reader{State: sideOf(server), Limits: fuzzLimits}
		units, readErr := readAll(&reader, bytes.Clone(p), func() bool { return false })
		if err != readErr {
			t.Fatalf("follower: %v, reader: %v", err, readErr)
		}
		if want := headsOf(units, follower.Stop, 1<<16); !equalUnits(got, want) {
			t.Fatalf("follower saw %v, reader %v", got, want)
		}
	})
}

func equalUnits(a, b []unit) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

package wire_test

import (
	"bytes"
	stdflate "compress/flate"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"framegate/engine/wire"
)

// The examples of RFC 7692 §7.2.3.
func TestInflateTheExamplesOfTheRFC(t *testing.T) {
	for _, tt := range []struct {
		name     string
		messages []string
		final    bool
	}{
		{"§7.2.3.1 one block", []string{"\xf2\x48\xcd\xc9\xc9\x07\x00"}, false},
		{"§7.2.3.2 sharing the window", []string{"\xf2\x48\xcd\xc9\xc9\x07\x00", "\xf2\x00\x11\x00\x00"}, false},
		{"§7.2.3.3 without compression", []string{"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"}, false},
		{"§7.2.3.4 a last block", []string{"\xf3\x48\xcd\xc9\xc9\x07\x00\x00"}, true},
		{"a last block without the byte behind it", []string{"\xf3\x48\xcd\xc9\xc9\x07\x00"}, true},
		{"§7.2.3.5 two blocks", []string{"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"}, false},
		{"after a last block", []string{"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", "\xf2\x00\x11\x00\x00"}, true},
	} {
		in := wire.Inflater{Side: wire.DeflateSide{Bits: 15}}
		for i, p := range tt.messages {
			out, final, err := in.Append(nil, []byte(p), 5)
			if err != nil || string(out) != "Hello" || final != (tt.final && i == 0) {
				t.Errorf("%s: message %d is %q, final %v, %v", tt.name, i, out, final, err)
			}
		}
	}
	in := wire.Inflater{Side: wire.DeflateSide{NoContext: true, Bits: 15}}
	out, _, err := in.Append([]byte("before "), []byte{0}, 0) // §7.2.3.6 an empty message
	if err != nil || string(out) != "before " {
		t.Errorf("empty: %q, %v", out, err)
	}
	in.Append(nil, []byte("\xf2\x48\xcd\xc9\xc9\x07\x00"), 0)
	if out, _, err := in.Append(nil, []byte("\xf2\x00\x11\x00\x00"), 0); !errors.Is(err, wire.ErrDeflate) {
		t.Errorf("a reference to the message before, against the agreement: %q, %v", out, err)
	}
}

func TestInflateRefuses(t *testing.T) {
	for name, p := range map[string]string{
		"nothing":                      "",
		"a reserved block type":        "\x06",
		"a stored block cut short":     "\x00\x06\x00\xf9\xff\x48",
		"a wrong length":               "\x00\x05\x00\xfb\xff\x48\x65\x6c\x6c\x6f\x00",
		"a block cut short":            "\xf2\x48\xcd",
		"a reference before the start": "\xf2\x00\x11\x00\x00",
		"text":                         "this is not compressed",
		"many last blocks":             strings.Repeat("\x03\x00", 1000),
	} {
		in := wire.Inflater{Side: wire.DeflateSide{Bits: 15}}
		if out, _, err := in.Append(nil, []byte(p), 1<<20); !errors.Is(err, wire.ErrDeflate) {
			t.Errorf("%s: %q, %v", name, out, err)
		}
	}
}

// A peer that sends 64 KiB for 64 MiB costs what the limit allows, and little more.
func TestInflateBomb(t *testing.T) {
	var bomb bytes.Buffer
	w, _ := stdflate.NewWriter(&bomb, 9)
	w.Write(make([]byte, 64<<20))
	w.Flush()
	const limit = 1 << 20
	in := wire.Inflater{Side: wire.DeflateSide{Bits: 15}}
	out, _, err := in.Append(nil, bomb.Bytes()[:bomb.Len()-4], limit)
	if !errors.Is(err, wire.ErrTooBig) || cap(out) > limit+64<<10 {
		t.Errorf("%v with %d bytes", err, cap(out))
	}
	exact := deflated(t, make([]byte, limit))
	if out, _, err := in.Append(nil, exact, limit); err != nil || len(out) != limit {
		t.Errorf("a message as long as the limit: %d bytes, %v", len(out), err)
	}
	if _, _, err := in.Append(nil, exact, limit-1); !errors.Is(err, wire.ErrTooBig) {
		t.Errorf("one byte more: %v", err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	in.Append(nil, bomb.Bytes()[:bomb.Len()-4], limit)
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 4*limit {
		t.Errorf("%d bytes allocated on the way to the limit", used)
	}
}

// deflated is what the standard library makes of p.
func deflated(t testing.TB, p []byte) []byte {
	var out bytes.Buffer
	w, err := stdflate.NewWriter(&out, 6)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(p)
	w.Flush()
	return out.Bytes()[:out.Len()-4]
}

// Whatever is said, in whatever pieces, and whether the compressor or somebody else compressed it: the standard library reads
// it, and no reference goes back further than was agreed.
func TestDeflateRoundTrip(t *testing.T) {
	word := rapid.SampledFrom([]string{"order", `{"id":`, "0123456789", "ä", "\x00", "}", "user", " "})
	long := strings.Repeat("a long part of a message; ", 100)
	message := rapid.OneOf(
		rapid.Map(rapid.SliceOfN(word, 0, 300), func(words []string) string { return strings.Join(words, "") }),
		rapid.Map(rapid.IntRange(0, 40), func(n int) string { return strings.Repeat(long, n) }),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 2000), func(p []byte) string { return string(p) }),
	)
	rapid.Check(t, func(t *rapid.T) {
		agreed := wire.DeflateSide{NoContext: rapid.Bool().Draw(t, "by itself"), Bits: uint8(rapid.IntRange(8, 15).Draw(t, "bits"))}
		d := wire.Deflater{Side: agreed, Context: rapid.SampledFrom([]int{0, 100, 2048, 32768}).Draw(t, "context")}
		in := wire.Inflater{Side: agreed}
		var window []byte // what a peer has seen
		for _, m := range rapid.SliceOfN(message, 1, 8).Draw(t, "messages") {
			out, ok := d.Append([]byte("kept"), []byte(m))
			if string(out[:4]) != "kept" {
				t.Fatal("what stood before it is lost")
			}
			out = out[4:]
			if !ok {
				if len(out) != 0 {
					t.Fatal("something is left of what is not sent")
				}
				continue
			}
			if len(out) >= len(m) && m != "" {
				t.Fatalf("%d bytes became %d", len(m), len(out))
			}
			known := window
			if agreed.NoContext {
				known = nil
			}
			plain, err := io.ReadAll(stdflate.NewReaderDict(bytes.NewReader(append(bytes.Clone(out), "\x00\x00\xff\xff\x01\x00\x00\xff\xff"...)), known))
			if err != nil || string(plain) != m {
				t.Fatalf("the standard library reads %.100q, %v", plain, err)
			}
			if far := furthest(t, out); far > 1<<agreed.Bits {
				t.Fatalf("a reference goes back %d bytes, agreed were %d bits", far, agreed.Bits)
			}
			got, _, err := in.Append(nil, out, 0)
			if err != nil || string(got) != m {
				t.Fatalf("the inflater reads %.100q, %v", got, err)
			}
			window = append(window, m...)
		}
	})
}

// A message that goes on in the form in which it came is in the peer's window too.
func TestDeflateRemembersWhatOthersCompressed(t *testing.T) {
	agreed := wire.DeflateSide{Bits: 15}
	d, in := wire.Deflater{Side: agreed, Context: 1024}, wire.Inflater{Side: agreed}
	said := strings.Repeat("said before, by somebody else. ", 20)
	if _, _, err := in.Append(nil, deflated(t, []byte(said)), 0); err != nil {
		t.Fatal(err)
	}
	d.Remember([]byte(said))
	out, ok := d.Append(nil, []byte(said[:500]))
	if !ok || len(out) > 30 {
		t.Errorf("%d bytes: nothing is remembered", len(out))
	}
	if got, _, err := in.Append(nil, out, 0); err != nil || string(got) != said[:500] {
		t.Errorf("%q, %v", got, err)
	}
}

func TestDeflateLeavesWhatDoesNotShrink(t *testing.T) {
	noise := make([]byte, 5000)
	rand.NewChaCha8([32]byte{}).Read(noise)
	d := wire.Deflater{Side: wire.DeflateSide{Bits: 15}, Context: 1024}
	for _, p := range [][]byte{[]byte("ab"), noise} {
		if out, ok := d.Append(nil, p); ok || len(out) != 0 {
			t.Errorf("%d bytes became %d", len(p), len(out))
		}
	}
	if out, ok := d.Append(nil, nil); !ok || string(out) != "\x00" { // §7.2.3.6
		t.Errorf("the empty message is %q, %v", out, ok)
	}
	d.Side.Bits = 9
	if out, ok := d.Append(nil, noise); ok {
		t.Errorf("%d bytes became %d", len(noise), len(out))
	}
}

// letters can be compressed to half by their frequencies, and repeat nothing near.
func letters(n int) []byte {
	p := make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(p)
	for i := range p {
		p[i] = 'a' + p[i]&15
	}
	return p
}

// What repeats itself outside of the window agreed on is not referred to, within
// one message and from one to the next.
func TestDeflateKeepsToTheWindow(t *testing.T) {
	for bits := uint8(8); bits <= 15; bits++ {
		window := 1 << bits
		part := letters(window * 3 / 4)
		agreed := wire.DeflateSide{Bits: bits}
		d, in := wire.Deflater{Side: agreed, Context: window}, wire.Inflater{Side: agreed}
		furthestOfAll := 0
		for _, m := range [][]byte{part, bytes.Repeat(part, 3), part[:window/4], append(letters(2*window), part...), part} {
			out, ok := d.Append(nil, m)
			if !ok {
				continue
			}
			if got, _, err := in.Append(nil, out, 0); err != nil || !bytes.Equal(got, m) {
				t.Fatalf("%d bits: %.60q, %v", bits, got, err)
			}
			furthestOfAll = max(furthestOfAll, furthest(t, out))
		}
		if furthestOfAll > window || bits == 15 && furthestOfAll < window/2 {
			t.Errorf("%d bits: the furthest reference goes back %d bytes", bits, furthestOfAll)
		}
	}
}

// In pieces as well, a message is whole or not compressed, however little it shrinks.
func TestDeflateInPiecesIsWhole(t *testing.T) {
	noise := make([]byte, 2000)
	rand.NewChaCha8([32]byte{}).Read(noise)
	agreed := wire.DeflateSide{NoContext: true, Bits: 8}
	d, in := wire.Deflater{Side: agreed}, wire.Inflater{Side: agreed}
	for n := range noise {
		out, ok := d.Append(nil, noise[:n])
		if !ok {
			continue
		}
		if got, _, err := in.Append(nil, out, 0); err != nil || !bytes.Equal(got, noise[:n]) {
			t.Fatalf("%d bytes came back as %d, %v", n, len(got), err)
		}
	}
}

func TestDeflateDoesNotAllocate(t *testing.T) {
	if racing {
		t.Skip("the race detector makes sync.Pool drop values at random")
	}
	agreed := wire.DeflateSide{Bits: 15}
	d, in := wire.Deflater{Side: agreed, Context: 1024}, wire.Inflater{Side: agreed}
	p := []byte(strings.Repeat(`{"a message":"as it comes"},`, 20))
	var out, plain []byte
	if n := testing.AllocsPerRun(500, func() {
		out, _ = d.Append(out[:0], p)
		plain, _, _ = in.Append(plain[:0], out, 1<<20)
	}); n >= 1 {
		t.Errorf("%v allocations for a message", n)
	}
}

func FuzzInflate(f *testing.F) {
	f.Add([]byte("\xf2\x48\xcd\xc9\xc9\x07\x00"), []byte("\xf2\x00\x11\x00\x00"))
	f.Add([]byte("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), []byte("\x03\x00\x03\x00"))
	f.Add(deflated(f, bytes.Repeat([]byte("0123456789"), 1000)), []byte{0})
	f.Fuzz(func(t *testing.T, first, second []byte) {
		const limit = 4000
		in := wire.Inflater{Side: wire.DeflateSide{Bits: 15}}
		for _, p := range [][]byte{first, second} {
			out, _, err := in.Append(nil, p, limit)
			switch {
			case err == nil && len(out) > limit, errors.Is(err, wire.ErrTooBig) && len(out) != limit+1:
				t.Fatalf("%d bytes, %v", len(out), err)
			case err != nil && !errors.Is(err, wire.ErrTooBig) && !errors.Is(err, wire.ErrDeflate):
				t.Fatal(err)
			case err != nil:
				return
			}
		}
	})
}

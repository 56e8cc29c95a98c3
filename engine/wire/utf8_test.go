package wire_test

import (
	"testing"
	"unicode/utf8"

	"framegate/engine/wire"
)

// hopes remembers what canBecomeValid has found out about an incomplete character.
var hopes = make(map[string]bool)

// canBecomeValid looks at what follows the last whole character: whether some
// bytes make a character of it.
func canBecomeValid(p []byte) bool {
	for len(p) > 0 && utf8.FullRune(p) {
		r, n := utf8.DecodeRune(p)
		if r == utf8.RuneError && n == 1 {
			return false
		}
		p = p[n:]
	}
	hope, known := hopes[string(p)]
	if !known {
		hope = completes(p, 3)
		hopes[string(p)] = hope
	}
	return hope
}

// completes tries all ways to go on that make a difference.
func completes(p []byte, more int) bool {
	if utf8.Valid(p) {
		return true
	}
	if more == 0 {
		return false
	}
	for _, b := range []byte{0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF} {
		if completes(append(p[:len(p):len(p)], b), more-1) {
			return true
		}
	}
	return false
}

func TestUTF8FailsAtTheFirstHopelessByte(t *testing.T) {
	interesting := []byte{0x00, 'a', 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED,
		0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xF8, 0xFF}
	var try func(prefix []byte, left int)
	try = func(prefix []byte, left int) {
		var u wire.UTF8
		want := canBecomeValid(prefix)
		if got := u.Check(prefix, false); got != want {
			t.Fatalf("% x: %v, want %v", prefix, got, want)
		}
		if got := new(wire.UTF8).Check(prefix, true); got != utf8.Valid(prefix) {
			t.Fatalf("% x as a whole: %v", prefix, got)
		}
		checkByBytes(t, prefix)
		if want && left > 0 {
			for _, b := range interesting {
				try(append(prefix[:len(prefix):len(prefix)], b), left-1)
			}
		}
	}
	try(nil, 5)
}

// checkByBytes holds the answer to p byte by byte against the answer to p at once.
func checkByBytes(t *testing.T, p []byte) {
	t.Helper()
	var one, all wire.UTF8
	ok := true
	for i := range p {
		ok = ok && one.Check(p[i:i+1], false)
	}
	ok = ok && one.Check(nil, true)
	if want := all.Check(p, true); ok != want {
		t.Fatalf("% x: %v byte by byte, %v at once", p, ok, want)
	}
}

func TestUTF8StartsAnew(t *testing.T) {
	var u wire.UTF8
	for i, step := range []struct {
		text string
		last bool
		want bool
	}{
		{"gr\xC3", false, true}, {"\xBC\xC3\x9F", true, true}, // ü split over two frames
		{"half \xE2\x82", true, false}, // ends within a character
		{"ok", true, true},
		{"\xED\xA0", false, false}, // a surrogate, known as such by its second byte
		{"\x80", false, false},     // not half of anything any more
		{"ok", true, true},
	} {
		if got := u.Check([]byte(step.text), step.last); got != step.want {
			t.Errorf("step %d, %q: %v", i, step.text, got)
		}
	}
}

func FuzzUTF8(f *testing.F) {
	f.Add([]byte("κόσμε"), 3)
	f.Add([]byte("\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4\x90\x80\x80\x65"), 5) // Autobahn 6.4
	f.Add([]byte("plain ascii, longer than a word or two\xED\xA0\x80"), 16)
	f.Fuzz(func(t *testing.T, p []byte, size int) {
		var u wire.UTF8
		ok := true
		for rest := p; ok && len(rest) > 0; {
			n := min(len(rest), max(1, size%64))
			rest = rest[n:]
			ok = u.Check(p[len(p)-len(rest)-n:len(p)-len(rest)], false)
			if seen := p[:len(p)-len(rest)]; ok != canBecomeValid(seen) {
				t.Fatalf("% x: %v", seen, ok)
			}
		}
		if ok = ok && u.Check(nil, true); ok != utf8.Valid(p) {
			t.Fatalf("% x: %v", p, ok)
		}
	})
}

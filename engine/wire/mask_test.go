package wire_test

import (
	"bytes"
	"testing"

	"framegate/engine/wire"
)

// maskSlow is RFC 6455 §5.3, word for word.
func maskSlow(p []byte, key [4]byte, pos int) []byte {
	out := make([]byte, len(p))
	for i := range p {
		out[i] = p[i] ^ key[(i+pos)%4]
	}
	return out
}

func TestMaskAtEveryAlignment(t *testing.T) {
	data := make([]byte, 300)
	for i := range data {
		data[i] = byte(i*7 + 3)
	}
	for start := range 9 {
		for size := range 210 {
			for pos := range 5 {
				src := data[start : start+size]
				want := maskSlow(src, key, pos)
				around := bytes.Repeat([]byte{0xEE}, 320)
				wire.MaskCopy(around[start:start+size], src, key, pos)
				if !bytes.Equal(around[start:start+size], want) || around[start+size] != 0xEE {
					t.Fatalf("MaskCopy of %d bytes at %d, pos %d", size, start, pos)
				}
				inPlace := bytes.Clone(data)
				if next := wire.Mask(inPlace[start:start+size], key, pos); next != pos+size {
					t.Fatalf("Mask returned %d, want %d", next, pos+size)
				}
				if !bytes.Equal(inPlace[start:start+size], want) || !bytes.Equal(inPlace[start+size:], data[start+size:]) {
					t.Fatalf("Mask of %d bytes at %d, pos %d", size, start, pos)
				}
			}
		}
	}
}

func TestMaskInPieces(t *testing.T) {
	whole := bytes.Repeat([]byte("0123456789"), 30)
	want := maskSlow(whole, key, 0)
	for size := 1; size < 90; size++ {
		p, pos := bytes.Clone(whole), 0
		for rest := p; len(rest) > 0; {
			n := min(size, len(rest))
			pos = wire.Mask(rest[:n], key, pos)
			rest = rest[n:]
		}
		if !bytes.Equal(p, want) {
			t.Fatalf("in pieces of %d bytes", size)
		}
	}
}

func TestKeysAreFresh(t *testing.T) {
	var a, b wire.Keys
	seen := map[[4]byte]bool{}
	for range 1000 {
		seen[a.Next()] = true
		seen[b.Next()] = true
	}
	if len(seen) < 1999 { // one collision among 2,000 keys is a chance of 1 in 2,000
		t.Errorf("2000 keys, %d different", len(seen))
	}
	if n := testing.AllocsPerRun(100, func() { a.Next() }); n != 0 {
		t.Errorf("%v allocations per key", n)
	}
}

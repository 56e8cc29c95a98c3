package wire_test

// bitReader reads a DEFLATE stream bit by bit, RFC 1951 §3.1.1.
type bitReader struct {
	p  []byte
	at int // in bits
}

func (r *bitReader) bits(n int) (v int) {
	for i := range n {
		v |= int(r.p[r.at/8]>>(r.at%8)&1) << i
		r.at++
	}
	return v
}

// code is a Huffman code as RFC 1951 §3.2.2 makes it of the lengths: counts by length, and the symbols in order.
type code struct {
	count   [16]int
	symbols []int
}

func newCode(lengths []int) (c code) {
	for length := 1; length < 16; length++ {
		for symbol, l := range lengths {
			if l == length {
				c.count[length]++
				c.symbols = append(c.symbols, symbol)
			}
		}
	}
	return c
}

func (r *bitReader) symbol(c code) int {
	value, first, index := 0, 0, 0
	for length := 1; length < 16; length++ {
		value |= r.bits(1)
		n := c.count[length]
		if value-first < n {
			return c.symbols[index+value-first]
		}
		index, first = index+n, first+n
		value, first = value<<1, first<<1
	}
	return -1
}

// codes reads or makes the two codes of a block.
func (r *bitReader) codes(dynamic bool) (literals, distances code) {
	if !dynamic {
		lengths := make([]int, 288)
		for i := range lengths {
			switch {
			case i < 144, i >= 280:
				lengths[i] = 8
			case i < 256:
				lengths[i] = 9
			default:
				lengths[i] = 7
			}
		}
		five := make([]int, 30)
		for i := range five {
			five[i] = 5
		}
		return newCode(lengths), newCode(five)
	}
	nlit, ndist, nlen := r.bits(5)+257, r.bits(5)+1, r.bits(4)+4
	order := []int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}
	lengths := make([]int, 19)
	for _, i := range order[:nlen] {
		lengths[i] = r.bits(3)
	}
	c, all := newCode(lengths), []int(nil)
	for len(all) < nlit+ndist {
		switch s := r.symbol(c); s {
		case 16:
			all = repeat(all, all[len(all)-1], 3+r.bits(2))
		case 17:
			all = repeat(all, 0, 3+r.bits(3))
		case 18:
			all = repeat(all, 0, 11+r.bits(7))
		default:
			all = append(all, s)
		}
	}
	return newCode(all[:nlit]), newCode(all[nlit:])
}

func repeat(p []int, v, n int) []int {
	for range n {
		p = append(p, v)
	}
	return p
}

// furthest is how far back the furthest reference of a compressed message goes. It is a decoder of its own, since none that
// is at hand tells.
func furthest(t interface{ Fatalf(string, ...any) }, p []byte) (far int) {
	r := &bitReader{p: append(append([]byte(nil), p...), 0, 0, 0xff, 0xff)}
	for r.at < 8*len(r.p) {
		last, kind := r.bits(1), r.bits(2)
		switch kind {
		case 0:
			r.at = (r.at + 7) &^ 7
			n := r.bits(16)
			r.at += 16 + 8*n
		case 1, 2:
			far = max(far, r.block(r.codes(kind == 2)))
		default:
			t.Fatalf("a block of the reserved type at bit %d of %d", r.at, 8*len(r.p))
		}
		if last == 1 {
			t.Fatalf("a last block at bit %d of %d", r.at, 8*len(r.p))
		}
	}
	return far
}

// block goes through the literals and references of a block.
func (r *bitReader) block(literals, distances code) (far int) {
	for {
		s := r.symbol(literals)
		switch {
		case s == 256:
			return far
		case s < 256:
			continue
		case s >= 265 && s < 285:
			r.bits((s - 261) / 4)
		}
		d := r.symbol(distances)
		if d < 4 {
			far = max(far, d+1)
			continue
		}
		extra := d/2 - 1
		far = max(far, (2+d&1)<<extra+1+r.bits(extra))
	}
}

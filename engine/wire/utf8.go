package wire

import "encoding/binary"

// UTF8 checks a text that arrives in pieces, RFC 6455 §8.1. It fails at the first byte after which the text can no longer
// become valid, even in the middle of a character. The zero UTF8 is at the start of a text.
type UTF8 struct {
	need   uint8 // bytes that the character half-read still wants
	lo, hi uint8 // the range of the next one
}

// Check reports whether the text so far, ending with p, is or can still become valid; with last, whether it is valid and
// whole. After last, or false, it stands at the start of a new text.
func (u *UTF8) Check(p []byte, last bool) bool {
	ok := u.feed(p)
	if !ok || last {
		ok = ok && u.need == 0
		*u = UTF8{}
	}
	return ok
}

func (u *UTF8) feed(p []byte) bool {
	for i := 0; i < len(p); {
		if u.need == 0 {
			i += ascii(p[i:])
			if i == len(p) {
				return true
			}
			if u.need, u.lo, u.hi = lead(p[i]); u.need == 0 {
				return false
			}
			i++
			continue
		}
		if p[i] < u.lo || p[i] > u.hi {
			return false
		}
		u.need, u.lo, u.hi = u.need-1, 0x80, 0xBF
		i++
	}
	return true
}

// ascii counts the ASCII bytes at the start of p.
func ascii(p []byte) int {
	i := 0
	for ; len(p)-i >= 16; i += 16 {
		q := p[i : i+16 : i+16]
		if (binary.LittleEndian.Uint64(q)|binary.LittleEndian.Uint64(q[8:]))&0x8080808080808080 != 0 {
			break
		}
	}
	for i < len(p) && p[i] < 0x80 {
		i++
	}
	return i
}

// lead says how many bytes follow the first byte of a character and what range the next one has (Unicode, table 3-7: no
// overlong forms, no surrogates, nothing above U+10FFFF). It returns 0 for a byte that cannot be first.
func lead(b byte) (need, lo, hi uint8) {
	switch {
	case b < 0xC2:
		return 0, 0, 0
	case b < 0xE0:
		return 1, 0x80, 0xBF
	case b == 0xE0:
		return 2, 0xA0, 0xBF
	case b == 0xED:
		return 2, 0x80, 0x9F
	case b < 0xF0:
		return 2, 0x80, 0xBF
	case b == 0xF0:
		return 3, 0x90, 0xBF
	case b < 0xF4:
		return 3, 0x80, 0xBF
	case b == 0xF4:
		return 3, 0x80, 0x8F
	}
	return 0, 0, 0
}

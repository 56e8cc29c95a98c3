package wire

import "unicode/utf8"

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
	i := 0
	for u.need > 0 && i < len(p) {
		if !u.step(p[i]) {
			return false
		}
		i++
	}
	whole := i + wholeRunes(p[i:])
	if !utf8.Valid(p[i:whole]) {
		return false
	}
	for _, b := range p[whole:] {
		if !u.step(b) {
			return false
		}
	}
	return true
}

// step takes the next byte of a character.
func (u *UTF8) step(b byte) bool {
	if u.need == 0 {
		u.need, u.lo, u.hi = lead(b)
		return u.need > 0
	}
	ok := b >= u.lo && b <= u.hi
	u.need, u.lo, u.hi = u.need-1, 0x80, 0xBF
	return ok
}

// wholeRunes is the length of p without the character that may be unfinished at its end.
func wholeRunes(p []byte) int {
	for back := 1; back <= min(3, len(p)); back++ {
		b := p[len(p)-back]
		if b < 0x80 {
			break
		}
		if need, _, _ := lead(b); int(need) >= back {
			return len(p) - back
		}
	}
	return len(p)
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

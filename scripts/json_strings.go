package scripts

import (
	"unicode/utf16"
	"unicode/utf8"

	"github.com/dop251/goja"
)

// plain reads a string without escapes and leaves the parser behind it; ok is false when there are some.
func (p *jsonParser) plain() (s string, ok bool) {
	for i := p.at + 1; i < len(p.text); i++ {
		switch b := p.text[i]; {
		case b == '"':
			s = p.text[p.at+1 : i]
			p.at = i + 1
			return s, true
		case b == '\\':
			return "", false
		case b < ' ':
			p.at = i
			p.fail()
		}
	}
	p.at = len(p.text)
	p.fail()
	return "", false
}

func (p *jsonParser) string() goja.Value {
	if s, ok := p.plain(); ok {
		return p.c.rt.ToValue(s)
	}
	s, units := p.escaped()
	if units != nil {
		return goja.StringFromUTF16(units)
	}
	return p.c.rt.ToValue(s)
}

func (p *jsonParser) key() string {
	if s, ok := p.plain(); ok {
		return s
	}
	s, units := p.escaped()
	if units != nil {
		return string(utf16.Decode(units))
	}
	return s
}

// escaped reads a string with escapes: as text, or as UTF-16 when half a surrogate pair stands in it.
func (p *jsonParser) escaped() (string, []uint16) {
	var out []byte
	lone := false
	var units []uint16
	for i := p.at + 1; i < len(p.text); {
		b := p.text[i]
		switch {
		case b == '"':
			p.at = i + 1
			if !lone {
				return string(out), nil
			}
			return "", append(units, utf16.Encode([]rune(string(out)))...)
		case b < ' ':
			p.at = i
			p.fail()
		case b != '\\':
			out = append(out, b)
			i++
			continue
		}
		r, size := p.escape(i)
		i += size
		if r < 0xD800 || r > 0xDFFF {
			out = utf8.AppendRune(out, r)
			continue
		}
		lone = true
		units = append(append(units, utf16.Encode([]rune(string(out)))...), uint16(r))
		out = out[:0]
	}
	p.at = len(p.text)
	p.fail()
	return "", nil
}

// escape reads the escape at i; a pair of surrogates is one.
func (p *jsonParser) escape(i int) (rune, int) {
	if i+1 == len(p.text) {
		p.at = len(p.text)
		p.fail()
	}
	switch p.text[i+1] {
	case '"', '\\', '/':
		return rune(p.text[i+1]), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
		r := p.hex(i + 2)
		if utf16.IsSurrogate(r) && i+7 < len(p.text) && p.text[i+6] == '\\' && p.text[i+7] == 'u' {
			if pair := utf16.DecodeRune(r, p.hex(i+8)); pair != utf8.RuneError {
				return pair, 12
			}
		}
		return r, 6
	}
	p.at = i + 1
	p.fail()
	return 0, 0
}

func (p *jsonParser) hex(i int) (r rune) {
	for n := range 4 {
		if i+n >= len(p.text) {
			p.at = len(p.text)
			p.fail()
		}
		b := p.text[i+n]
		switch {
		case b >= '0' && b <= '9':
			r = r<<4 | rune(b-'0')
		case b|0x20 >= 'a' && b|0x20 <= 'f':
			r = r<<4 | rune(b|0x20-'a'+10)
		default:
			p.at = i + n
			p.fail()
		}
	}
	return r
}

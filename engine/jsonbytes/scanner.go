package jsonbytes

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

// SyntaxError says where a document is no JSON (RFC 8259), or more than is taken.
type SyntaxError struct {
	Offset int    // of the byte, from 0
	What   string // what is wrong there
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("no JSON: %s at byte %d", e.What, e.Offset) }

// Check returns a [SyntaxError] unless the document is one JSON value. It does not allocate otherwise.
func Check(doc []byte) error {
	s := scanner{doc: doc}
	s.space()
	if !s.skip() || !s.end() {
		return s.err()
	}
	return nil
}

// scanner goes over a document. Its methods return false at the first error, with at where it is and what saying why.
type scanner struct {
	doc   []byte
	at    int
	depth int // containers around what is being read
	what  string
}

func (s *scanner) err() error { return &SyntaxError{s.at, s.what} }

func (s *scanner) fail(what string) bool {
	s.what = what
	return false
}

// unexpected fails at a byte that cannot stand there.
func (s *scanner) unexpected() bool {
	if s.at >= len(s.doc) {
		return s.fail("unexpected end")
	}
	return s.fail("unexpected character")
}

// peek is the byte at the scanner, 0 at the end: it has no place outside strings.
func (s *scanner) peek() byte {
	if s.at < len(s.doc) {
		return s.doc[s.at]
	}
	return 0
}

func (s *scanner) space() {
	for s.at < len(s.doc) {
		switch s.doc[s.at] {
		case ' ', '\n', '\t', '\r':
			s.at++
		default:
			return
		}
	}
}

// end skips spaces, after which the document must be over.
func (s *scanner) end() bool {
	s.space()
	return s.at == len(s.doc) || s.unexpected()
}

// enter goes into a container.
func (s *scanner) enter() bool {
	if s.depth == MaxDepth {
		return s.fail("nested too deep")
	}
	s.depth++
	s.at++
	return true
}

// colon skips what stands between a name and its value.
func (s *scanner) colon() bool {
	s.space()
	if s.peek() != ':' {
		return s.unexpected()
	}
	s.at++
	s.space()
	return true
}

// skip checks the value at the scanner and goes behind it.
func (s *scanner) skip() bool {
	switch b := s.peek(); {
	case b == '"':
		_, ok := s.string()
		return ok
	case b == '{' || b == '[':
		return s.container()
	default:
		return s.scalar(b)
	}
}

// scalar is skip for what is neither a string nor a container.
func (s *scanner) scalar(b byte) bool {
	switch {
	case b == '-' || b >= '0' && b <= '9':
		return s.number()
	case b == 't':
		return s.word("true")
	case b == 'f':
		return s.word("false")
	case b == 'n':
		return s.word("null")
	}
	return s.unexpected()
}

func (s *scanner) word(word string) bool {
	for i := range len(word) {
		if s.peek() != word[i] {
			return s.unexpected()
		}
		s.at++
	}
	return true
}

// container is skip for an object or a list. It keeps no more than a bit for each level: 1 for an object.
func (s *scanner) container() bool {
	var kinds [MaxDepth/64 + 1]uint64
	outer := s.depth
	for {
		object := s.peek() == '{'
		if !s.enter() {
			return false
		}
		bit := uint64(1) << (s.depth & 63)
		if kinds[s.depth>>6] &^= bit; object {
			kinds[s.depth>>6] |= bit
		}
		s.space()
		if b := s.peek(); b == '}' && object || b == ']' && !object {
			s.at++
			s.depth--
		} else if down, ok := s.item(object); !ok {
			return false
		} else if down {
			continue
		}
		for s.depth > outer { // behind an item
			s.space()
			object = kinds[s.depth>>6]>>(s.depth&63)&1 == 1
			b := s.peek()
			if b == '}' && object || b == ']' && !object {
				s.at++
				s.depth--
				continue
			}
			if b != ',' {
				return s.unexpected()
			}
			s.at++
			s.space()
			down, ok := s.item(object)
			if !ok {
				return false
			}
			if down {
				break
			}
		}
		if s.depth == outer {
			return true
		}
	}
}

// item skips a member or element, up to its value where that is a container: then down is true.
func (s *scanner) item(object bool) (down, ok bool) {
	if object {
		if s.peek() != '"' {
			return false, s.unexpected()
		}
		if _, ok := s.string(); !ok || !s.colon() {
			return false, false
		}
	}
	switch b := s.peek(); b {
	case '{', '[':
		return true, true
	case '"':
		_, ok = s.string()
		return false, ok
	default:
		return false, s.scalar(b)
	}
}

// Eight bytes at once: the high bit of each byte that is special.
const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// string checks the string at the scanner and goes behind it. escaped tells whether a backslash stands in it.
func (s *scanner) string() (escaped, ok bool) {
	start := s.at + 1
	i, high := start, false
	for {
		for i+8 <= len(s.doc) {
			w := binary.LittleEndian.Uint64(s.doc[i:])
			quote, slash := w^'"'*ones, w^'\\'*ones
			if ((w-' '*ones)&^w|(quote-ones)&^quote|(slash-ones)&^slash|w)&highs != 0 {
				break
			}
			i += 8
		}
		stop := min(len(s.doc), i+8)
		for ; i < stop; i++ {
			b := s.doc[i]
			if b == '"' {
				s.at = i + 1
				if high && !utf8.Valid(s.doc[start:i]) {
					s.at = start
					return escaped, s.fail("a string that is not UTF-8")
				}
				return escaped, true
			}
			if b == '\\' {
				break
			}
			if b < ' ' {
				s.at = i
				return escaped, s.fail("a control character in a string")
			}
			high = high || b >= utf8.RuneSelf
		}
		switch {
		case i == len(s.doc):
			s.at = i
			return escaped, s.unexpected()
		case s.doc[i] == '\\':
			escaped = true
			if i = s.escape(i + 1); i < 0 {
				return escaped, false
			}
		}
	}
}

// escape checks what follows a backslash; it returns the place behind it, or -1.
func (s *scanner) escape(i int) int {
	s.at = i
	switch s.peek() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 1
	case 'u':
		for range 4 {
			s.at++
			if hexDigit(s.peek()) < 0 {
				s.unexpected()
				return -1
			}
		}
		return i + 5
	}
	s.unexpected()
	return -1
}

func hexDigit(b byte) rune {
	switch {
	case b >= '0' && b <= '9':
		return rune(b - '0')
	case b >= 'a' && b <= 'f':
		return rune(b - 'a' + 10)
	case b >= 'A' && b <= 'F':
		return rune(b - 'A' + 10)
	}
	return -1
}

// number checks the number at the scanner (RFC 8259 §6) and goes behind it.
func (s *scanner) number() bool {
	if s.peek() == '-' {
		s.at++
	}
	if s.peek() == '0' {
		s.at++
	} else if !s.digits() {
		return false
	}
	if s.peek() == '.' {
		s.at++
		if !s.digits() {
			return false
		}
	}
	if s.peek()|0x20 == 'e' {
		s.at++
		if b := s.peek(); b == '+' || b == '-' {
			s.at++
		}
		return s.digits()
	}
	return true
}

func (s *scanner) digits() bool {
	from := s.at
	for s.at < len(s.doc) && s.doc[s.at]-'0' <= 9 {
		s.at++
	}
	return s.at > from || s.unexpected()
}

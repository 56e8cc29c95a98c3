package scripts

import (
	"slices"
	"unicode/utf8"
)

// jsonIndexer looks over JSON that may stay text: it finds out whether all of it is well-formed, whether it is spelt as JSON.stringify
// would write it, and where the members of the outermost object are. It takes what [jsonParser] takes; where it gives up, that
// one is asked, which says what is wrong.
type jsonIndexer struct {
	c       *machine
	text    string
	at      int
	values  int
	high    bool          // some characters are not ASCII
	keep    *[]lazyMember // for the members of the object that comes next, else nil
	numbers bool          // of the members kept some are array indices
}

// sound tells whether the text is UTF-8: what is not becomes other text in the language.
func (x *jsonIndexer) sound() bool { return !x.high || utf8.ValidString(x.text) }

func (x *jsonIndexer) peek() byte {
	if x.at < len(x.text) {
		return x.text[x.at]
	}
	return 0
}

// space skips spaces, and tells whether there were none.
func (x *jsonIndexer) space() (none bool) {
	start := x.at
	for x.at < len(x.text) {
		switch x.text[x.at] {
		case ' ', '\t', '\n', '\r':
			x.at++
		default:
			return x.at == start
		}
	}
	return x.at == start
}

// value looks over the value that comes.
func (x *jsonIndexer) value(depth int) (spelt, ok bool) {
	if x.values++; x.values&63 == 0 {
		x.c.yield()
		if x.values > maxJSONValues {
			return false, false
		}
	}
	switch b := x.peek(); {
	case b == '"':
		return x.string()
	case b == '{':
		return x.object(depth + 1)
	case b == '[':
		return x.list(depth + 1)
	case b == '-' || b >= '0' && b <= '9':
		return x.number()
	case b == 't':
		return true, x.word("true")
	case b == 'f':
		return true, x.word("false")
	case b == 'n':
		return true, x.word("null")
	}
	return false, false
}

func (x *jsonIndexer) word(word string) bool {
	if len(x.text)-x.at < len(word) || x.text[x.at:x.at+len(word)] != word {
		return false
	}
	x.at += len(word)
	return true
}

// string looks over a string. With a backslash in it, it may be spelt in other ways.
func (x *jsonIndexer) string() (spelt, ok bool) {
	escaped := false
	for i := x.at + 1; i < len(x.text); i++ {
		switch b := x.text[i]; {
		case b == '"':
			x.at = i + 1
			return !escaped, true
		case b == '\\':
			escaped = true
			if i = x.escape(i + 1); i < 0 {
				return false, false
			}
		case b < ' ':
			return false, false
		case b >= utf8.RuneSelf:
			x.high = true
		}
	}
	return false, false
}

// escape looks over what follows a backslash; it returns the last place of it, or -1.
func (x *jsonIndexer) escape(i int) int {
	if i >= len(x.text) {
		return -1
	}
	switch x.text[i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i
	case 'u':
		if i+4 >= len(x.text) {
			return -1
		}
		for _, b := range []byte(x.text[i+1 : i+5]) {
			if (b < '0' || b > '9') && (b|0x20 < 'a' || b|0x20 > 'f') {
				return -1
			}
		}
		return i + 4
	}
	return -1
}

// number looks over a number. Of up to 15 digits, whole or with up to six behind the point of which the last is no 0, it has one
// spelling (ECMA-262 §6.1.6.1.20).
func (x *jsonIndexer) number() (spelt, ok bool) {
	start := x.at
	if x.peek() == '-' {
		x.at++
	}
	first := x.at
	if !x.digits() || x.at-first > 1 && x.text[first] == '0' {
		return false, false
	}
	spelt = x.at-first <= 15 && (first == start || x.text[first] != '0')
	if x.peek() == '.' {
		x.at++
		point := x.at
		if !x.digits() {
			return false, false
		}
		spelt = x.at-first <= 16 && x.at-point <= 6 && x.text[x.at-1] != '0'
	}
	if x.peek()|0x20 == 'e' {
		x.at++
		if b := x.peek(); b == '+' || b == '-' {
			x.at++
		}
		if spelt = false; !x.digits() {
			return false, false
		}
	}
	return spelt, true
}

func (x *jsonIndexer) digits() bool {
	start := x.at
	for x.at < len(x.text) && x.text[x.at]-'0' <= 9 {
		x.at++
	}
	return x.at > start
}

func (x *jsonIndexer) list(depth int) (spelt, ok bool) {
	if depth > maxJSONDepth {
		return false, false
	}
	x.at++
	spelt = x.space()
	if x.peek() == ']' {
		x.at++
		return spelt, true
	}
	for {
		plain, ok := x.value(depth)
		if !ok {
			return false, false
		}
		spelt = x.space() && plain && spelt
		switch x.peek() {
		case ',':
			x.at++
			spelt = x.space() && spelt
		case ']':
			x.at++
			return spelt, true
		default:
			return false, false
		}
	}
}

// object looks over an object. An object whose members stand twice, or are many, or have the names of elements, JSON.stringify may
// write in another way.
func (x *jsonIndexer) object(depth int) (spelt, ok bool) {
	if depth > maxJSONDepth {
		return false, false
	}
	keep := x.keep
	x.keep = nil
	x.at++
	if spelt = x.space(); x.peek() == '}' {
		x.at++
		return spelt, true
	}
	var names [fewMembers]string
	for n := 0; ; n++ {
		var m lazyMember
		if m.start = x.at; !x.name(&m) {
			return false, false
		}
		spelt = spelt && m.namedPlain && n < fewMembers
		if spelt {
			spelt = (m.name == "" || m.name[0] > '9') && !slices.Contains(names[:n], m.name)
			names[n] = m.name
		}
		named := x.at
		plain := x.space()
		if x.peek() != ':' {
			return false, false
		}
		x.at++
		plain = x.space() && plain
		m.at = x.at
		if m.spelt, ok = x.value(depth); !ok {
			return false, false
		}
		m.end = x.at
		if !plain || m.at != named+1 {
			m.start = -1
		}
		if keep != nil && !x.add(keep, m) {
			return false, false
		}
		spelt = x.space() && plain && m.spelt && spelt
		switch x.peek() {
		case ',':
			x.at++
			spelt = x.space() && spelt
		case '}':
			x.at++
			return spelt, true
		default:
			return false, false
		}
	}
}

// name reads the name of a member.
func (x *jsonIndexer) name(m *lazyMember) bool {
	if x.peek() != '"' {
		return false
	}
	start := x.at
	var ok bool
	if m.namedPlain, ok = x.string(); !ok {
		return false
	}
	if m.namedPlain {
		m.name = x.text[start+1 : x.at-1]
		return true
	}
	p := jsonParser{c: x.c, text: x.text, at: start}
	m.name = p.key()
	return true
}

// manyMembers is past which an object is parsed as a whole.
const manyMembers = 64

// add keeps a member, unless there are too many. One that stands twice has its first place and its last value.
func (x *jsonIndexer) add(keep *[]lazyMember, m lazyMember) bool {
	x.numbers = x.numbers || arrayIndex(m.name)
	list := *keep
	for i := range list {
		if list[i].name == m.name {
			m.start = -1
			list[i] = m
			return true
		}
	}
	*keep = append(list, m)
	return len(list) < manyMembers
}

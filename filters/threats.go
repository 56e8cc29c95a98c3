package filters

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// threatRule finds one kind of attack: a text that it begins with, and what follows. To look for plain
// text is fast, so that the expression runs only where there is something to suspect.
type threatRule struct {
	begins []string
	after  func(before []byte) bool // what may stand before it; nil: anything
	words  string                   // of which one must follow, perhaps behind spaces and slashes; empty: none
	soon   string                   // bytes of which one must follow within 24 after a space; empty: none
	then   string                   // what follows that, as an expression; empty: anything
}

// threat is a block list: what is not to be matched, and its name, which is all that the trail shows.
type threat struct {
	name    string
	own     *regexp.Regexp // of an author
	rules   []compiledRule // of a built-in list
	control bool           // not for binary messages
}

type compiledRule struct {
	begins [][]byte
	after  func(before []byte) bool
	words  []string
	soon   string
	then   *regexp.Regexp // nil: anything
}

// builtInThreat compiles a built-in list.
func builtInThreat(name string) threat {
	t := threat{name: name, control: name == "control-characters"}
	for _, rule := range threatLists[name] {
		c := compiledRule{after: rule.after, words: strings.Fields(rule.words), soon: rule.soon}
		if rule.then != "" {
			c.then = regexp.MustCompile(`(?s)^(?:` + rule.then + `)`)
		}
		for _, begin := range rule.begins {
			c.begins = append(c.begins, []byte(begin))
		}
		t.rules = append(t.rules, c)
	}
	return t
}

// finds tells whether the content has what the list is against: as it is, for an
// author's expression, else as [flatten] makes it.
func (t *threat) finds(content, flat []byte) bool {
	if t.own != nil {
		return t.own.Match(content)
	}
	return slices.ContainsFunc(t.rules, func(r compiledRule) bool { return r.finds(flat) })
}

// thenLength is how much of what follows an expression sees; none needs more.
const thenLength = 256

func (r *compiledRule) finds(flat []byte) bool {
	for _, begin := range r.begins {
		for at := 0; ; {
			i := bytes.Index(flat[at:], begin)
			if i < 0 {
				break
			}
			i += at
			if (r.after == nil || r.after(flat[:i])) && r.goesOn(flat[i+len(begin):]) {
				return true
			}
			at = i + 1
		}
	}
	return false
}

// goesOn tells whether what follows the beginning fits.
func (r *compiledRule) goesOn(rest []byte) bool {
	rest = rest[:min(len(rest), thenLength)]
	if len(r.words) > 0 {
		rest = bytes.TrimLeft(rest, " \n/")
		end := 0
		for end < len(rest) && isWord(rest[end]) {
			end++
		}
		if !slices.Contains(r.words, string(rest[:end])) {
			return false
		}
		rest = rest[end:]
	}
	if r.soon != "" && (len(rest) == 0 || !isSpace(rest[0]) || !bytes.ContainsAny(rest[:min(len(rest), 24)], r.soon)) {
		return false
	}
	return r.then == nil || r.then.Match(rest)
}

// flatten appends a text in lower case (of ASCII), and with each run of white space as one space, or one line feed where there is
// a line's end in it.
func flatten(dst, text []byte) []byte {
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c >= 'A' && c <= 'Z':
			c += 'a' - 'A'
		case isSpace(c):
			space := byte(' ')
			for ; i < len(text) && isSpace(text[i]); i++ {
				if text[i] == '\n' || text[i] == '\r' {
					space = '\n'
				}
			}
			i--
			c = space
		}
		dst = append(dst, c)
	}
	return dst
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r' }

// flats are buffers for flattened texts.
var flats = sync.Pool{New: func() any { return new([]byte) }}

// unescapeOnce decodes percent-encoding where there is any, and plus signs where they
// are spaces. What is no escape stays as it is. ok is false where nothing changes.
func unescapeOnce(p []byte, plus bool) (decoded []byte, ok bool) {
	for i := 0; i < len(p); i++ {
		c := p[i]
		switch {
		case c == '%' && i+2 < len(p) && isHex(p[i+1]) && isHex(p[i+2]):
			if !ok {
				decoded, ok = append(make([]byte, 0, len(p)), p[:i]...), true
			}
			decoded = append(decoded, unhex(p[i+1])<<4|unhex(p[i+2]))
			i += 2
			continue
		case c == '+' && plus:
			if !ok {
				decoded, ok = append(make([]byte, 0, len(p)), p[:i]...), true
			}
			c = ' '
		}
		if ok {
			decoded = append(decoded, c)
		}
	}
	return decoded, ok
}

func isHex(c byte) bool { return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f' }

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}

package jsonbytes

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Path names places in documents. The zero Path is the whole document.
type Path struct {
	text     string
	segments []segment
}

// segment is a step of a path from a container to some of what is in it.
type segment struct {
	kind  segmentKind
	name  string
	index int
}

type segmentKind uint8

const (
	token      segmentKind = iota // of a pointer: the member, or the element where it is a number
	member                        // .name
	element                       // [2]
	anything                      // *
	anyElement                    // [*]
	anyDepth                      // **
	theEnd                        // "-" of a pointer: behind the last element
)

// ParsePath reads a JSON Pointer (RFC 6901) such as /items/0/price, or a path such as $.items[*].price:
//
//	/a/b~1c/0      a pointer begins with a slash; ~1 is a slash and ~0 a tilde in a name; "" is the whole document
//	$.a.b  a.b     members; the $ may be left out
//	['a.b'] ["a"]  members whatever their names
//	[2]            the third element of a list
//	*  [*]         every member or element; every element
//	**.a  $..a     a at any depth, here too
func ParsePath(text string) (Path, error) {
	p := Path{text: text}
	var err error
	if text == "" || text[0] == '/' {
		p.segments, err = pointer(text)
	} else {
		p.segments, err = expression(text)
	}
	if err != nil {
		return Path{}, &PathError{text, err}
	}
	return p, nil
}

// PathError says what is wrong with the text of a path.
type PathError struct {
	Path string
	Err  error
}

func (e *PathError) Error() string { return fmt.Sprintf("path %q: %v", e.Path, e.Err) }

// Unwrap returns what is wrong.
func (e *PathError) Unwrap() error { return e.Err }

// Hint says what to write instead.
func (e *PathError) Hint() string {
	return "write a JSON Pointer such as /items/0/price, or a path such as $.items[*].price or '**.price'"
}

// UnmarshalText is [ParsePath] into the path.
func (p *Path) UnmarshalText(text []byte) error {
	parsed, err := ParsePath(string(text))
	if err == nil {
		*p = parsed
	}
	return err
}

// String is the path as it was written.
func (p Path) String() string { return p.text }

// IsRoot tells whether the path names the whole document.
func (p Path) IsRoot() bool { return len(p.segments) == 0 }

// Definite tells whether the path names one place, and not every place of a kind.
func (p Path) Definite() bool {
	for _, s := range p.segments {
		if s.kind == anything || s.kind == anyElement || s.kind == anyDepth {
			return false
		}
	}
	return true
}

// Member tells whether the path ends in a name, which is what can be added to an object.
func (p Path) Member() bool {
	n := len(p.segments)
	return n > 0 && p.segments[n-1].kind <= member
}

// Element tells whether the path ends in what can be an element's place in a list.
func (p Path) Element() bool {
	n := len(p.segments)
	if n == 0 {
		return false
	}
	last := p.segments[n-1]
	return last.kind == element || last.kind == theEnd || last.kind == token && last.index >= 0
}

// pointer is RFC 6901 §3.
func pointer(text string) ([]segment, error) {
	if text == "" {
		return nil, nil
	}
	var segments []segment
	for name := range strings.SplitSeq(text[1:], "/") {
		for i := range len(name) {
			if name[i] == '~' && (i+1 == len(name) || name[i+1] != '0' && name[i+1] != '1') {
				return nil, errors.New("in a pointer a tilde is written ~0, and a slash in a name ~1")
			}
		}
		name = strings.ReplaceAll(strings.ReplaceAll(name, "~1", "/"), "~0", "~")
		s := segment{kind: token, name: name, index: arrayIndex(name)}
		if name == "-" {
			s.kind = theEnd
		}
		segments = append(segments, s)
	}
	return segments, nil
}

// arrayIndex is the number that a token stands for in a list, -1 for none: no leading zeros (RFC 6901 §4).
func arrayIndex(name string) int {
	if name == "" || len(name) > 1 && name[0] == '0' || strings.Trim(name, "0123456789") != "" {
		return -1
	}
	n, err := strconv.Atoi(name)
	if err != nil {
		return -1
	}
	return n
}

// pathParser reads a path that is no pointer.
type pathParser struct {
	text     string
	at       int
	segments []segment
}

func expression(text string) ([]segment, error) {
	p := pathParser{text: text}
	if text[0] == '$' && (len(text) == 1 || text[1] == '.' || text[1] == '[') {
		p.at = 1
	} else if text[0] != '[' {
		if err := p.name(); err != nil {
			return nil, err
		}
	}
	for p.at < len(text) {
		if err := p.segment(); err != nil {
			return nil, err
		}
	}
	if n := len(p.segments); n > 0 && p.segments[n-1].kind == anyDepth {
		return nil, errors.New("** needs a name behind it, such as **.password, or **.* for everything")
	}
	return p.segments, nil
}

func (p *pathParser) segment() error {
	switch {
	case strings.HasPrefix(p.text[p.at:], ".."):
		p.add(segment{kind: anyDepth})
		if p.at += 2; p.at < len(p.text) && p.text[p.at] == '[' {
			return nil
		}
		return p.name()
	case p.text[p.at] == '.':
		p.at++
		return p.name()
	case p.text[p.at] == '[':
		p.at++
		return p.bracket()
	}
	return p.wrong("a dot or a bracket is missing")
}

// add adds a segment. Two ** in a row are one.
func (p *pathParser) add(s segment) {
	if n := len(p.segments); s.kind == anyDepth && n > 0 && p.segments[n-1].kind == anyDepth {
		return
	}
	p.segments = append(p.segments, s)
}

// name reads a name, * or **.
func (p *pathParser) name() error {
	name := p.text[p.at:]
	if end := strings.IndexAny(name, ".["); end >= 0 {
		name = name[:end]
	}
	switch {
	case name == "":
		return p.wrong("a name is missing")
	case name == "*":
		p.add(segment{kind: anything})
	case name == "**":
		p.add(segment{kind: anyDepth})
	case strings.ContainsAny(name, "*]'\" \t/"):
		return p.wrong("write other names than letters, digits, - and _ in brackets and quotes: ['a b']")
	default:
		p.add(segment{kind: member, name: name})
	}
	p.at += len(name)
	return nil
}

// bracket reads what stands behind "[".
func (p *pathParser) bracket() error {
	if p.at < len(p.text) && (p.text[p.at] == '\'' || p.text[p.at] == '"') {
		quote := p.text[p.at : p.at+1]
		name, _, ok := strings.Cut(p.text[p.at+1:], quote+"]")
		if !ok {
			return p.wrong("the quote and bracket are not closed")
		}
		p.add(segment{kind: member, name: name})
		p.at += len(name) + 3
		return nil
	}
	inside, _, ok := strings.Cut(p.text[p.at:], "]")
	index := arrayIndex(inside)
	switch {
	case !ok:
		return p.wrong("the bracket is not closed")
	case inside == "*":
		p.add(segment{kind: anyElement})
	case index >= 0:
		p.add(segment{kind: element, index: index})
	default:
		return p.wrong("in brackets stands a number from 0, a *, or a name in quotes")
	}
	p.at += len(inside) + 1
	return nil
}

func (p *pathParser) wrong(what string) error {
	return fmt.Errorf("%s at character %d", what, p.at+1)
}

package engine

import (
	"fmt"
	"slices"
	"strings"
)

// Selector is the text of a filter's field in which ${attribute} stands for the
// value that the message has: `rooms/${chat.room}`. It is compiled once, when
// the configuration loads.
//
//	${content.body}                    an attribute by its dotted name
//	${http.headers["User-Agent"]}      a part of it: any text in quotes, or a number
//	${chat.room ?: "lobby"}            a default for when it is not set
//	$${                                the two characters ${ themselves
//
// There are no operators: conditions are the work of compare-attribute, switch
// and scripts. An attribute that is not set and has no default aborts the
// policy; nothing is ever silently left out.
type Selector struct {
	text    string
	parts   []part
	written bool // a field has it, perhaps as an empty text
}

// part is a literal text, or one ${…}.
type part struct {
	literal  string
	source   string // the ${…} as written; empty for a literal
	lookups  []lookup
	fallback *string
}

// lookup is one reading of a dotted name: an attribute and the way into it.
// "a.b.c" is the attribute a.b.c, else the member c of a.b, else b, c of a.
type lookup struct {
	attr    Attr
	members []string
}

// MissingAttribute aborts a policy: a selector names an attribute that the
// message does not have.
type MissingAttribute struct{ Selector, Name string }

func (e *MissingAttribute) Error() string {
	return fmt.Sprintf("selector %s: attribute %q is not set (give it a default: ${%s ?: \"…\"})", e.Selector, e.Name, e.Name)
}

// ParseSelector compiles the text of a field. The error says at which character
// the text is wrong.
func ParseSelector(text string) (Selector, error) {
	s := Selector{text: text, written: true}
	for rest := text; rest != ""; {
		at := strings.Index(rest, "${")
		switch {
		case at < 0:
			s.literal(rest)
			return s, nil
		case at > 0 && rest[at-1] == '$':
			s.literal(rest[:at-1] + "${")
			rest = rest[at+2:]
			continue
		}
		s.literal(rest[:at])
		p := selectorParser{text: rest[at+2:]}
		expr, err := p.parse()
		if err != nil {
			return Selector{}, fmt.Errorf("selector %q: %w at character %d", text, err, len(text)-len(rest)+at+2+p.at+1)
		}
		expr.source = rest[at : at+2+p.at]
		s.parts = append(s.parts, expr)
		rest = rest[at+2+p.at:]
	}
	return s, nil
}

func (s *Selector) literal(text string) {
	if text == "" {
		return
	}
	if n := len(s.parts); n > 0 && s.parts[n-1].source == "" {
		s.parts[n-1].literal += text
		return
	}
	s.parts = append(s.parts, part{literal: text})
}

// UnmarshalText makes a selector of a field's text; see [ParseSelector].
func (s *Selector) UnmarshalText(text []byte) error {
	parsed, err := ParseSelector(string(text))
	if err == nil {
		*s = parsed
	}
	return err
}

// Text is the field as it was written.
func (s Selector) Text() string { return s.text }

// IsZero tells whether the field was left out or empty.
func (s Selector) IsZero() bool { return s.text == "" }

// Written tells whether the field was there, be it with an empty text.
func (s Selector) Written() bool { return s.written || s.text != "" }

// Literal returns the text when nothing in it depends on the message.
func (s Selector) Literal() (string, bool) {
	switch {
	case len(s.parts) == 0:
		return "", true
	case len(s.parts) == 1 && s.parts[0].source == "":
		return s.parts[0].literal, true
	}
	return "", false
}

// Attributes lists the names of the attributes that must be set for the
// selector to work: those without a default.
func (s Selector) Attributes() []string {
	var names []string
	for i := range s.parts {
		if p := &s.parts[i]; p.source != "" && p.fallback == nil {
			names = append(names, p.lookups[0].attr.Name())
		}
	}
	return names
}

// Append appends the text for this message to dst. It does not allocate beyond dst.
func (s Selector) Append(dst []byte, m *Message) ([]byte, error) {
	for i := range s.parts {
		v, err := s.parts[i].value(m)
		if err != nil {
			return dst, err
		}
		dst = v.AppendTo(dst)
	}
	return dst, nil
}

// AppendWith appends like Append, but gives the text of every ${…} (never the
// literal text around it) to escape first.
func (s Selector) AppendWith(dst []byte, m *Message, escape func(dst []byte, value string) []byte) ([]byte, error) {
	for i := range s.parts {
		v, err := s.parts[i].value(m)
		if err != nil {
			return dst, err
		}
		if s.parts[i].source == "" {
			dst = append(dst, v.str...)
			continue
		}
		dst = escape(dst, v.String())
	}
	return dst, nil
}

// Literals returns the selector with the text around its ${…} changed, such as escaped for where the whole is to stand.
func (s Selector) Literals(change func(text string) string) Selector {
	s.parts = slices.Clone(s.parts)
	for i := range s.parts {
		if p := &s.parts[i]; p.source == "" {
			p.literal = change(p.literal)
		}
	}
	return s
}

// String is the text for this message.
func (s Selector) String(m *Message) (string, error) {
	if text, ok := s.Literal(); ok {
		return text, nil
	}
	text, err := s.Append(nil, m)
	return string(text), err
}

// Value is the value of a selector that is nothing but one ${…}, in its own
// kind, and text for every other.
func (s Selector) Value(m *Message) (Value, error) {
	if len(s.parts) == 1 {
		return s.parts[0].value(m)
	}
	text, err := s.Append(nil, m)
	return StringValue(string(text)), err
}

func (p *part) value(m *Message) (Value, error) {
	if p.source == "" {
		return StringValue(p.literal), nil
	}
	for i := range p.lookups {
		l := &p.lookups[i]
		v := m.Get(l.attr)
		for _, key := range l.members {
			v = v.Member(key)
		}
		if !v.IsMissing() {
			return v, nil
		}
	}
	if p.fallback != nil {
		return StringValue(*p.fallback), nil
	}
	return Value{}, &MissingAttribute{Selector: p.source, Name: p.lookups[0].attr.Name()}
}

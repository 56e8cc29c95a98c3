package scripts

import (
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/dop251/goja"
)

// The JSON of scripts is our own: the JavaScript engine's parser dies of 2.4 MB of "[" and looks at no interrupt, and
// what clients send must not end the gateway. The parser (RFC 8259, ECMA-262 §25.5.1) takes at most 512 levels and
// 100,000 values; past that the call is over.

// jsonObject is JSON.
func (c *machine) jsonObject() goja.Value {
	return c.namespace(map[string]any{"parse": c.jsonParse, "stringify": c.jsonStringify})
}

// jsonParse is JSON.parse(text, reviver).
func (c *machine) jsonParse(call goja.FunctionCall) goja.Value {
	s := c.text(call.Argument(0))
	if s == nil {
		s = c.toText(call.Argument(0))
	}
	p := jsonParser{c: c, text: s.String()}
	if len(call.Arguments) < 2 {
		if v := c.parseLazily(p.text); v != nil {
			return v
		}
	}
	v := p.document()
	if reviver, ok := goja.AssertFunction(call.Argument(1)); ok {
		holder := c.rt.NewObject()
		c.own(holder, "", v)
		return c.revive(holder, "", v, reviver, 0)
	}
	return v
}

type jsonParser struct {
	c      *machine
	text   string
	at     int
	values int
}

// fail throws a SyntaxError that says where.
func (p *jsonParser) fail() {
	what := "Unexpected end of JSON input"
	if p.at < len(p.text) {
		r, _ := utf8.DecodeRuneInString(p.text[p.at:])
		what = fmt.Sprintf("Unexpected token %q in JSON at position %d", string(r), utf16Length(p.text[:p.at]))
	}
	object, err := p.c.rt.New(p.c.rt.Get("SyntaxError"), p.c.rt.ToValue(what))
	p.c.must(err)
	panic(object)
}

func utf16Length(s string) (n int) {
	for _, r := range s {
		if n++; r > 0xFFFF {
			n++
		}
	}
	return n
}

func (p *jsonParser) document() goja.Value {
	v := p.value(0)
	if p.space(); p.at < len(p.text) {
		p.fail()
	}
	return v
}

func (p *jsonParser) space() {
	for p.at < len(p.text) {
		switch p.text[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return
		}
	}
}

// next is the next byte that is no space, 0 at the end.
func (p *jsonParser) next() byte {
	p.space()
	if p.at == len(p.text) {
		return 0
	}
	return p.text[p.at]
}

func (p *jsonParser) value(depth int) goja.Value {
	if p.values++; p.values&63 == 0 {
		p.c.yield()
		if p.values > maxJSONValues {
			p.c.exceed("JSON with more than %d values", maxJSONValues)
		}
	}
	switch b := p.next(); {
	case b == '"':
		return p.string()
	case b == '{':
		return p.object(depth + 1)
	case b == '[':
		return p.array(depth + 1)
	case b == '-' || b >= '0' && b <= '9':
		return p.number()
	case b == 't':
		return p.word("true", yes)
	case b == 'f':
		return p.word("false", no)
	case b == 'n':
		return p.word("null", goja.Null())
	}
	p.fail()
	return nil
}

func (p *jsonParser) word(word string, v goja.Value) goja.Value {
	for i := range len(word) {
		if p.at == len(p.text) || p.text[p.at] != word[i] {
			p.fail()
		}
		p.at++
	}
	return v
}

func (p *jsonParser) deep(depth int) {
	if depth > maxJSONDepth {
		p.c.exceed("JSON nested more than %d deep", maxJSONDepth)
	}
}

func (p *jsonParser) object(depth int) goja.Value {
	p.deep(depth)
	object := p.c.rt.NewObject()
	p.at++
	if p.next() == '}' {
		p.at++
		return object
	}
	for {
		if p.next() != '"' {
			p.fail()
		}
		key := p.key()
		if p.next() != ':' {
			p.fail()
		}
		p.at++
		v := p.value(depth)
		if err := object.DefineDataProperty(key, v, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_TRUE); err != nil {
			panic(err)
		}
		switch p.next() {
		case ',':
			p.at++
		case '}':
			p.at++
			return object
		default:
			p.fail()
		}
	}
}

func (p *jsonParser) array(depth int) goja.Value {
	p.deep(depth)
	p.at++
	if p.next() == ']' {
		p.at++
		return p.c.rt.NewArray()
	}
	items := make([]any, 0, 4)
	for {
		items = append(items, p.value(depth))
		switch p.next() {
		case ',':
			p.at++
		case ']':
			p.at++
			return p.c.rt.NewArray(items...)
		default:
			p.fail()
		}
	}
}

func (p *jsonParser) number() goja.Value {
	start := p.at
	if p.text[p.at] == '-' {
		p.at++
	}
	digits := p.digits()
	if digits == 0 || digits > 1 && p.text[p.at-digits] == '0' {
		p.at -= max(0, digits-1)
		p.fail()
	}
	whole := true
	if p.at < len(p.text) && p.text[p.at] == '.' {
		p.at++
		whole = false
		if p.digits() == 0 {
			p.fail()
		}
	}
	if p.at < len(p.text) && (p.text[p.at] == 'e' || p.text[p.at] == 'E') {
		p.at++
		whole = false
		if p.at < len(p.text) && (p.text[p.at] == '+' || p.text[p.at] == '-') {
			p.at++
		}
		if p.digits() == 0 {
			p.fail()
		}
	}
	text := p.text[start:p.at]
	if whole && len(text) < 16 && text != "-0" {
		n, _ := strconv.ParseInt(text, 10, 64)
		return p.c.rt.ToValue(n)
	}
	f, _ := strconv.ParseFloat(text, 64) // out of range is an infinity, as in the language
	return p.c.rt.ToValue(f)
}

func (p *jsonParser) digits() (n int) {
	for p.at < len(p.text) && p.text[p.at] >= '0' && p.text[p.at] <= '9' {
		p.at++
		n++
	}
	return n
}

// revive is InternalizeJSONProperty (ECMA-262 §25.5.1.1).
func (c *machine) revive(holder *goja.Object, key string, v goja.Value, reviver goja.Callable, depth int) goja.Value {
	if depth > 2*maxJSONDepth {
		c.exceed("values nested more than %d deep", 2*maxJSONDepth)
	}
	c.yield()
	if object, ok := v.(*goja.Object); ok {
		keys := object.Keys()
		if isArray(object) {
			keys = keys[:0]
			for i := range c.elements(object) {
				keys = append(keys, strconv.FormatInt(i, 10))
			}
		}
		for _, name := range keys {
			element := object.Get(name)
			if element == nil {
				element = undefined
			}
			made := c.revive(object, name, element, reviver, depth+1)
			if goja.IsUndefined(made) {
				c.must(object.Delete(name))
			} else {
				c.own(object, name, made)
			}
		}
	}
	return rethrow(reviver(holder, c.rt.ToValue(key), v))
}

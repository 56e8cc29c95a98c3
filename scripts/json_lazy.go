package scripts

import (
	"math"
	"reflect"
	"slices"
	"strconv"

	"github.com/dop251/goja"
)

// lazyObject is an object that JSON.parse has made and of which a member becomes a value of the language when the script asks for
// it. What is never asked for JSON.stringify copies from the text, where the text is spelt as it would write it.
//
// To a script it is an object like others. What it cannot do — be frozen, have accessors or symbols — the script must not ask
// for, see [facts.mayParseLazily].
type lazyObject struct {
	c       *machine
	text    string
	members []lazyMember
	numbers bool           // some names are array indices, which come first
	index   map[string]int // of the members, where there are many
}

// lazyMember is a member: a value, or a piece of the text that has not become one.
type lazyMember struct {
	name       string
	value      goja.Value // nil until it is asked for
	start      int        // of the member in the text, where it is there in one piece
	at, end    int        // of the value in the text
	spelt      bool       // the value stands there as JSON.stringify writes it
	namedPlain bool       // and so does the name
}

// Bounds of what is parsed lazily: what is deeper inside is read again each time that the script goes one level down.
const (
	maxLazyText = 64 << 10
	fewMembers  = 16 // up to which names are compared one by one
)

// unlazy are the members whose use could tell a lazy object from another.
var unlazy = []string{"freeze", "seal", "preventExtensions", "defineProperty", "defineProperties", "__defineGetter__", "__defineSetter__"}

// mayParseLazily tells whether the script can do nothing to an object that lazy ones do not know. Where it calls members by names
// that it works out, it must not have Object at hand, whose members those may be. What is missed in spite of it throws.
func (f *facts) mayParseLazily() bool {
	either := func(name string) bool { return f.members[name] || f.names[name] }
	if f.names["Symbol"] || slices.ContainsFunc(unlazy, either) {
		return false
	}
	return !f.everything || !slices.ContainsFunc([]string{"Object", "Reflect", "globalThis", "constructor", "__proto__"}, either)
}

// parseLazily is JSON.parse without a reviver; nil where the text has to be parsed the other way, broken JSON included.
func (c *machine) parseLazily(text string) goja.Value {
	if !c.code.facts.lazy || len(text) > maxLazyText {
		return nil
	}
	x := jsonIndexer{c: c, text: text}
	x.space()
	object := x.peek() == '{'
	if object {
		x.keep = &c.indexed
		c.indexed = c.indexed[:0]
	}
	if _, ok := x.value(0); !ok {
		return nil
	}
	if x.space(); x.at < len(text) || !x.sound() {
		return nil
	}
	if object {
		return c.newLazy(text, &x)
	}
	p := jsonParser{c: c, text: text}
	return p.lazily()
}

// newLazy makes the object whose members were indexed.
func (c *machine) newLazy(text string, x *jsonIndexer) *goja.Object {
	o := &lazyObject{c: c, text: text, numbers: x.numbers}
	o.members = append(make([]lazyMember, 0, len(c.indexed)+1), c.indexed...)
	clear(c.indexed)
	return c.rt.NewDynamicObject(o)
}

// lazily is value for text that is known to be JSON.
func (p *jsonParser) lazily() goja.Value {
	switch p.next() {
	case '{':
		x := jsonIndexer{c: p.c, text: p.text, at: p.at, keep: &p.c.indexed}
		p.c.indexed = p.c.indexed[:0]
		if _, ok := x.value(0); !ok { // for its many members
			return p.value(0)
		}
		p.at = x.at
		return p.c.newLazy(p.text, &x)
	case '[':
		return p.lazyArray()
	}
	return p.value(0)
}

func (p *jsonParser) lazyArray() goja.Value {
	p.at++
	items := make([]any, 0, 4)
	for p.next() != ']' {
		items = append(items, p.lazily())
		if p.next() == ',' {
			p.at++
		}
	}
	p.at++
	return p.c.rt.NewArray(items...)
}

// find is the number of the member, -1 for none.
func (o *lazyObject) find(name string) int {
	if len(o.members) <= fewMembers {
		for i := range o.members {
			if o.members[i].name == name {
				return i
			}
		}
		return -1
	}
	if o.index == nil {
		o.index = make(map[string]int, len(o.members)+1)
		for i := range o.members {
			o.index[o.members[i].name] = i
		}
	}
	if i, ok := o.index[name]; ok {
		return i
	}
	return -1
}

// valueOf is the value of a member.
func (o *lazyObject) valueOf(i int) goja.Value {
	m := &o.members[i]
	if m.value == nil {
		p := jsonParser{c: o.c, text: o.text, at: m.at}
		v := p.lazily()
		o.members[i].value = v
		return v
	}
	return m.value
}

// Get reads a member.
func (o *lazyObject) Get(name string) goja.Value {
	if i := o.find(name); i >= 0 {
		return o.valueOf(i)
	}
	return nil
}

// Set writes a member, or adds it.
func (o *lazyObject) Set(name string, v goja.Value) bool {
	if v == nil {
		v = undefined
	}
	if i := o.find(name); i >= 0 {
		o.members[i].value = v
		return true
	}
	o.numbers = o.numbers || arrayIndex(name)
	if o.members = append(o.members, lazyMember{name: name, value: v}); o.index != nil {
		o.index[name] = len(o.members) - 1
	}
	return true
}

// Has tells whether there is a member.
func (o *lazyObject) Has(name string) bool { return o.find(name) >= 0 }

// Delete takes a member out.
func (o *lazyObject) Delete(name string) bool {
	if i := o.find(name); i >= 0 {
		o.members = slices.Delete(o.members, i, i+1)
		o.index = nil
	}
	return true
}

// Keys lists the members: array indices first, then in the order in which they were added (ECMA-262 §10.1.11.1).
func (o *lazyObject) Keys() []string {
	o.order()
	names := make([]string, len(o.members))
	for i := range o.members {
		names[i] = o.members[i].name
	}
	return names
}

// order puts the members into their order.
func (o *lazyObject) order() {
	if !o.numbers {
		return
	}
	o.index = nil
	slices.SortStableFunc(o.members, func(a, b lazyMember) int { return indexOrder(a.name) - indexOrder(b.name) })
}

// indexOrder is where a name comes among others.
func indexOrder(name string) int {
	if n, err := strconv.ParseUint(name, 10, 32); err == nil && arrayIndex(name) {
		return int(n)
	}
	return math.MaxUint32
}

// arrayIndex tells whether a name is that of an element (ECMA-262 §6.1.7).
func arrayIndex(name string) bool {
	if name == "" || len(name) > 10 || name[0] < '0' || name[0] > '9' || name[0] == '0' && len(name) > 1 {
		return false
	}
	n, err := strconv.ParseUint(name, 10, 64)
	return err == nil && n < math.MaxUint32
}

var lazyType = reflect.TypeFor[*lazyObject]()

// lazyMembers writes a lazy object. What the script has not asked for is copied from the text, neighbours at once.
func (w *jsonWriter) lazyMembers(object *goja.Object, o *lazyObject, outer string) {
	w.out = append(w.out, '{')
	o.order()
	copies := w.indent == "" && w.replacer == nil && w.c.plainPrototypes()
	some := false
	for i := 0; i < len(o.members); i++ {
		m := &o.members[i]
		if !copies || !m.copied() {
			some = w.member(object, m.name, o.valueOf(i), some) || some
			continue
		}
		end := m.end
		for i+1 < len(o.members) && o.members[i+1].copied() && o.members[i+1].start == end+1 && o.text[end] == ',' {
			i++
			end = o.members[i].end
		}
		if some {
			w.out = append(w.out, ',')
		}
		w.out = append(w.out, o.text[m.start:end]...)
		some = true
	}
	w.close(some, outer)
}

// copied tells whether the text has the member as it would be written.
func (m *lazyMember) copied() bool {
	return m.value == nil && m.spelt && m.namedPlain && m.start >= 0
}

// plainPrototypes tells whether the objects and arrays that are not made would have no toJSON either.
func (c *machine) plainPrototypes() bool {
	if c.prototypes[0] == nil {
		c.prototypes = [2]*goja.Object{c.rt.NewObject().Prototype(), c.rt.NewArray().Prototype()}
	}
	for _, p := range c.prototypes {
		if toJSON := p.Get("toJSON"); toJSON != nil && !goja.IsUndefined(toJSON) {
			return false
		}
	}
	return true
}

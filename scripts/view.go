package scripts

import (
	"github.com/dop251/goja"
)

// view is an object whose members are asked of the gateway when a script reads them: nothing is converted that is not
// read, and nothing live can be changed. It has no members but its own, so a misspelt one that is written to throws.
type view struct {
	c       *machine
	object  *goja.Object
	what    string // for messages: "msg", "websock.context"
	keys    []string
	read    func(key string) goja.Value // nil result: not a value of it
	write   func(key string, v goja.Value) bool
	methods map[string]func(v *view, call goja.FunctionCall) goja.Value
	made    map[string]goja.Value // methods that were asked for
	fields  func() headerFields   // of header sets
}

// newView makes the object.
func (c *machine) newView(v view) *view {
	v.c = c
	made := &v
	made.object = c.rt.NewDynamicObject(made)
	return made
}

// Get reads a member.
func (v *view) Get(key string) goja.Value {
	if value := v.read(key); value != nil {
		return value
	}
	if made, ok := v.made[key]; ok {
		return made
	}
	method, ok := v.methods[key]
	if !ok {
		return nil
	}
	f := v.c.rt.ToValue(func(call goja.FunctionCall) goja.Value { return method(v, call) }).(*goja.Object)
	v.c.must(f.DefineDataProperty("name", v.c.rt.ToValue(key), goja.FLAG_FALSE, goja.FLAG_FALSE, goja.FLAG_FALSE))
	if v.c.code.frozen() {
		v.c.freezeFunction(f)
	}
	if v.made == nil {
		v.made = make(map[string]goja.Value)
	}
	v.made[key] = f
	return f
}

// Set writes a member, or throws.
func (v *view) Set(key string, value goja.Value) bool {
	if v.write != nil && v.write(key, value) {
		return true
	}
	if !v.Has(key) && v.write != nil {
		v.c.throw("%s has no member %s", v.what, key)
	}
	if v.write != nil {
		v.c.throw("%s.%s cannot be written", v.what, key)
	}
	v.c.throw("%s is read-only", v.what)
	return false
}

// Has tells whether there is a member.
func (v *view) Has(key string) bool {
	if _, ok := v.methods[key]; ok {
		return true
	}
	for _, known := range v.keys {
		if known == key {
			return true
		}
	}
	return false
}

// Delete throws.
func (v *view) Delete(key string) bool {
	v.c.throw("%s is read-only", v.what)
	return false
}

// Keys lists the members that are values.
func (v *view) Keys() []string { return v.keys }

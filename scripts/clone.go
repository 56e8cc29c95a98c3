package scripts

import (
	"fmt"

	"github.com/dop251/goja"
)

// structuredCloneFunction is structuredClone. It copies what the structured clone algorithm (HTML §2.7) copies of data: primitives, plain objects, arrays, dates,
// maps, sets, errors' texts and buffers.
func (c *machine) structuredCloneFunction() goja.Value {
	return c.rt.ToValue(func(call goja.FunctionCall) goja.Value {
		k := cloner{c: c, seen: make(map[*goja.Object]*goja.Object)}
		return k.clone(call.Argument(0), 0)
	})
}

type cloner struct {
	c    *machine
	seen map[*goja.Object]*goja.Object
}

func (k *cloner) clone(v goja.Value, depth int) goja.Value {
	o, ok := v.(*goja.Object)
	if !ok {
		if _, isSymbol := v.(*goja.Symbol); isSymbol {
			k.c.throw("a symbol cannot be cloned")
		}
		return v
	}
	if known := k.seen[o]; known != nil {
		return known
	}
	k.c.yield()
	if depth > maxJSONDepth || len(k.seen) > maxJSONValues {
		k.c.exceed("structuredClone of more than %d values or %d levels", maxJSONValues, maxJSONDepth)
	}
	rt := k.c.rt
	switch k.class(o) {
	case "Array":
		made := rt.NewArray()
		k.seen[o] = made
		n := k.c.elements(o)
		k.c.must(made.Set("length", n))
		for i := range int(n) {
			if element := k.c.at(o, i); element != nil {
				k.c.must(made.Set(fmt.Sprint(i), k.clone(element, depth+1)))
			}
		}
		return made
	case "Date":
		return k.make(o, "Date", o.ToNumber())
	case "RegExp":
		return k.make(o, "RegExp", o.Get("source"), o.Get("flags"))
	case "Map", "Set":
		return k.collection(o, depth)
	case "Error":
		return k.make(o, "Error", o.Get("message"))
	case "Function", "Promise", "WeakMap", "WeakSet", "Proxy", "Generator":
		k.c.throw("%s cannot be cloned", describe(o))
	}
	if _, callable := goja.AssertFunction(o); callable {
		k.c.throw("a function cannot be cloned")
	}
	if p, ok := k.c.bytesOf(o); ok {
		return k.buffer(o, p)
	}
	made := rt.NewObject()
	k.seen[o] = made
	for _, key := range o.Keys() {
		k.c.own(made, key, k.clone(o.Get(key), depth+1))
	}
	return made
}

// class is the class of the language that an object belongs to. Some have a name of their own inside the engine, others
// only their prototype.
func (k *cloner) class(o *goja.Object) string {
	for _, name := range []string{"Map", "Set"} {
		if class, ok := k.c.rt.Get(name).(*goja.Object); ok && k.c.rt.InstanceOf(o, class) {
			return name
		}
	}
	return o.ClassName()
}

// make builds an object of a class of the language.
func (k *cloner) make(o *goja.Object, class string, args ...goja.Value) goja.Value {
	made, err := k.c.rt.New(k.c.rt.Get(class), args...)
	if err != nil {
		panic(err)
	}
	k.seen[o] = made
	return made
}

// collection copies a Map or a Set.
func (k *cloner) collection(o *goja.Object, depth int) goja.Value {
	class := k.class(o)
	made := k.make(o, class).(*goja.Object)
	add, _ := goja.AssertFunction(made.Get(map[string]string{"Map": "set", "Set": "add"}[class]))
	each, _ := goja.AssertFunction(o.Get("forEach"))
	visit := k.c.rt.ToValue(func(call goja.FunctionCall) goja.Value {
		value, key := k.clone(call.Argument(0), depth+1), k.clone(call.Argument(1), depth+1)
		if class == "Map" {
			return rethrow(add(made, key, value))
		}
		return rethrow(add(made, value))
	})
	rethrow(each(o, visit))
	return made
}

// buffer copies an ArrayBuffer or a view of one.
func (k *cloner) buffer(o *goja.Object, p []byte) goja.Value {
	buffer := k.c.rt.ToValue(k.c.rt.NewArrayBuffer(p))
	if o.ExportType() == bufferType {
		k.seen[o] = buffer.(*goja.Object)
		return buffer
	}
	class := o.Get("constructor")
	made, err := k.c.rt.New(class, buffer)
	if err != nil {
		panic(err)
	}
	k.seen[o] = made
	return made
}

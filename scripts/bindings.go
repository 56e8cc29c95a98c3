package scripts

import (
	"sort"

	"github.com/dop251/goja"
)

// bindings makes what scripts find around them. Each becomes a parameter of the function around the script, and only
// when the script's text has the name: a copy pays for what it uses.
var bindings = map[string]func(c *machine) goja.Value{
	"JSON":               (*machine).jsonObject,
	"console":            (*machine).consoleObject,
	"stores":             (*machine).storesObject,
	"state":              (*machine).stateObject,
	"crypto":             (*machine).cryptoObject,
	"TextEncoder":        (*machine).textEncoderClass,
	"TextDecoder":        (*machine).textDecoderClass,
	"URL":                (*machine).urlClass,
	"URLSearchParams":    (*machine).urlSearchParamsClass,
	"atob":               (*machine).atobFunction,
	"btoa":               (*machine).btoaFunction,
	"structuredClone":    (*machine).structuredCloneFunction,
	"BigInt":             (*machine).bigIntFunction,
	"Function":           (*machine).blockedFunction,
	"encodeURI":          bounded("encodeURI"),
	"encodeURIComponent": bounded("encodeURIComponent"),
	"decodeURI":          bounded("decodeURI"),
	"decodeURIComponent": bounded("decodeURIComponent"),
	"escape":             bounded("escape"),
	"unescape":           bounded("unescape"),
}

// helpers makes what instrument and the bundler call.
var helpers = map[string]func(c *machine) goja.Value{
	exportFunction: func(c *machine) goja.Value { return c.rt.ToValue(c.export) },
	helpSpread:     func(c *machine) goja.Value { return c.rt.ToValue(c.spread) },
	helpNew:        func(c *machine) goja.Value { return c.rt.ToValue(c.construct) },
	helpSize:       func(c *machine) goja.Value { return c.rt.ToValue(c.size) },
	helpPow:        func(c *machine) goja.Value { return c.rt.ToValue(c.pow) },
	helpMul:        func(c *machine) goja.Value { return c.rt.ToValue(c.mul) },
	helpShl:        func(c *machine) goja.Value { return c.rt.ToValue(c.shl) },
	helpText:       func(c *machine) goja.Value { return c.rt.ToValue(c.grown) },
	helpFreeze:     func(c *machine) goja.Value { return c.rt.ToValue(c.freeze) },
}

// bindingsFor lists the parameters of the function around a script.
func bindingsFor(f *facts) []string {
	names := []string{exportFunction}
	for name := range f.helpers {
		names = append(names, name)
	}
	used := make(map[string]bool)
	for name := range bindings {
		used[name] = f.names[name]
	}
	for name, use := range used {
		if use {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return names
}

// binding makes one parameter's value.
func (c *machine) binding(name string) goja.Value {
	if make, ok := helpers[name]; ok {
		return make(c)
	}
	return bindings[name](c)
}

// object makes an object of functions and values; scripts cannot change it. Integrity of its members is the same as that
// of the language's own namespaces once frozen.
func (c *machine) namespace(members map[string]any) *goja.Object {
	object := c.rt.NewObject()
	names := make([]string, 0, len(members))
	for name := range members {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		c.must(object.DefineDataProperty(name, c.rt.ToValue(members[name]), goja.FLAG_FALSE, goja.FLAG_FALSE, goja.FLAG_TRUE))
	}
	return object
}

// must is for what cannot fail with the arguments given here.
func (c *machine) must(err error) {
	if err != nil {
		panic(err)
	}
}

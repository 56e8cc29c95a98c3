package scripts

import (
	"github.com/dop251/goja"
)

// guardsFile is the name of our own JavaScript in call stacks.
const guardsFile = "framegate"

// natives is what the guards of a copy keep.
type natives struct {
	hosts map[*goja.Object]error // errors of host functions, by the exception they became
}

// A guard stands before a native of the language that does not look whether its call is over, and that could use any
// amount of time or memory, or end the process (goja's Interrupt stops no native function). It looks at the arguments
// first, and ends the call when they are out of bounds.
type guard struct {
	owner   string // "String.prototype"
	members []string
	needs   func(f *facts) bool // beside that a member is named; nil: nothing
	check   func(c *machine, call *goja.FunctionCall, native goja.Callable) goja.Value
}

// guarded is all guards. A copy gets those whose members its text names.
var guarded = []guard{
	{"String.prototype", []string{"repeat"}, nil, guardRepeat},
	{"String.prototype", []string{"padStart", "padEnd"}, nil, guardPad},
	{"String.prototype", []string{"concat"}, nil, guardStringConcat},
	{"String.prototype", []string{"normalize", "localeCompare", "split"}, nil, guardSubject},
	{"String.prototype", []string{"match", "matchAll", "search"}, nil, guardMatch},
	{"String.prototype", []string{"replace", "replaceAll"}, nil, guardReplace},
	{"RegExp.prototype", []string{"exec", "test"}, nil, guardRegexp},
	{"String", []string{"raw"}, nil, guardRaw},
	{"Array.prototype", arrayMembers, withArrays, guardArray},
	{"Array.prototype", []string{"join", "toLocaleString"}, withArrays, guardJoin},
	{"Array.prototype", []string{"concat"}, withArrays, guardArrayConcat},
	{"Array.prototype", []string{"flat"}, withArrays, guardFlat},
	{"Array", []string{"from"}, nil, guardFrom},
	{"TypedArray.prototype", []string{"sort", "toSorted", "join", "toLocaleString"}, withTypedArrays, guardArray},
	{"TypedArray", []string{"from"}, withTypedArrays, guardFrom},
	{"Function.prototype", []string{"apply"}, nil, guardApply},
	{"Reflect", []string{"apply", "construct"}, withEverything, guardReflect},
	{"Object", []string{"create", "setPrototypeOf"}, nil, guardChain},
}

// arrayMembers is the methods of arrays that go over all elements.
var arrayMembers = []string{
	"indexOf", "lastIndexOf", "includes", "forEach", "map", "filter", "some", "every", "find", "findIndex", "findLast", "findLastIndex",
	"reduce", "reduceRight", "reverse", "toReversed", "fill", "sort", "toSorted", "splice", "toSpliced", "slice", "shift", "unshift",
	"copyWithin", "flatMap", "with",
}

func withArrays(f *facts) bool     { return f.arrays || f.everything }
func withEverything(f *facts) bool { return f.everything }

func withTypedArrays(f *facts) bool {
	for _, name := range typedArrays {
		if f.names[name] {
			return true
		}
	}
	return f.everything
}

var typedArrays = []string{
	"Int8Array", "Uint8Array", "Uint8ClampedArray", "Int16Array", "Uint16Array", "Int32Array", "Uint32Array", "Float32Array", "Float64Array",
	"BigInt64Array", "BigUint64Array", "ArrayBuffer",
}

// installGuards puts the guards in that this script needs.
func (c *machine) installGuards() {
	f := c.code.facts
	for i := range guarded {
		g := &guarded[i]
		for _, member := range g.members {
			// Arrays become text without the name of join being written.
			wanted := f.uses(member) || member == "join" && f.arrays && g.owner == "Array.prototype"
			if wanted && (g.needs == nil || g.needs(f)) {
				c.guard(c.owner(g.owner), member, g.check)
			}
		}
	}
	if f.uses("constructor") || f.computed {
		c.closeConstructors()
	}
	if f.names["eval"] || f.everything {
		c.must(c.rt.Set("eval", c.blockedFunction()))
	}
	if f.everything {
		for name := range bindings {
			c.must(c.rt.GlobalObject().DefineDataProperty(name, c.binding(name), goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE))
		}
	}
}

// owner finds the object that has the members.
func (c *machine) owner(name string) *goja.Object {
	get := func(name string) *goja.Object { return c.rt.GlobalObject().Get(name).(*goja.Object) }
	switch name {
	case "TypedArray":
		return get("Uint8Array").Prototype()
	case "TypedArray.prototype":
		return get("Uint8Array").Get("prototype").(*goja.Object).Prototype()
	}
	if len(name) > len(".prototype") && name[len(name)-len(".prototype"):] == ".prototype" {
		return get(name[:len(name)-len(".prototype")]).Get("prototype").(*goja.Object)
	}
	return get(name)
}

// guard puts a check before a native.
func (c *machine) guard(owner *goja.Object, member string, check func(c *machine, call *goja.FunctionCall, native goja.Callable) goja.Value) {
	original := owner.Get(member)
	native, ok := goja.AssertFunction(original)
	if !ok {
		return
	}
	guard := c.rt.ToValue(func(call goja.FunctionCall) goja.Value { return check(c, &call, native) }).(*goja.Object)
	c.must(guard.DefineDataProperty("name", c.rt.ToValue(member), goja.FLAG_FALSE, goja.FLAG_TRUE, goja.FLAG_FALSE))
	c.must(owner.DefineDataProperty(member, guard, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE))
}

// closeConstructors closes the way from any function to the constructors that compile text.
func (c *machine) closeConstructors() {
	for _, source := range []string{"(function(){})", "(function*(){})", "(async function(){})"} {
		f, err := c.rt.RunString(source)
		c.must(err)
		proto := f.(*goja.Object).Prototype()
		c.must(proto.DefineDataProperty("constructor", undefined, goja.FLAG_FALSE, goja.FLAG_FALSE, goja.FLAG_FALSE))
	}
}

// blockedFunction stands where text would be compiled: eval and Function.
func (c *machine) blockedFunction() goja.Value {
	f := c.rt.ToValue(func(goja.ConstructorCall) *goja.Object {
		c.throw("text cannot be run as code in scripts: eval and Function are closed")
		return nil
	}).(*goja.Object)
	c.must(f.DefineDataProperty("prototype", c.owner("Function.prototype"), goja.FLAG_FALSE, goja.FLAG_FALSE, goja.FLAG_FALSE))
	return f
}

// rethrow lets an error of a nested call go on in the script.
func rethrow(v goja.Value, err error) goja.Value {
	if err != nil {
		panic(err)
	}
	return v
}

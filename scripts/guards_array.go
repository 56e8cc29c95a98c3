package scripts

import (
	"strconv"

	"github.com/dop251/goja"
)

// length is how many elements an array-like says it has.
func (c *machine) length(v goja.Value) int64 {
	switch v := v.(type) {
	case *goja.Object:
		n := v.Get("length")
		if n == nil {
			return 0
		}
		return n.ToInteger()
	case goja.String:
		return int64(v.Length())
	}
	return 0
}

// elements bounds an array-like.
func (c *machine) elements(v goja.Value) int64 {
	n := c.length(v)
	if n > int64(c.code.limits.Elements) {
		c.exceed("an array of %d elements is too long here: at most %d", n, c.code.limits.Elements)
	}
	return n
}

func guardArray(c *machine, call *goja.FunctionCall, native goja.Callable) goja.Value {
	c.elements(call.This)
	result := rethrow(native(call.This, call.Arguments...))
	c.yield()
	return result
}

// guardJoin bounds what an array becomes as text. Arrays in arrays come back here, so the depth and the total count.
func guardJoin(c *machine, call *goja.FunctionCall, native goja.Callable) goja.Value {
	n := c.elements(call.This)
	if c.depth++; c.depth > maxFlatDepth {
		c.exceed("arrays are nested more than %d deep", maxFlatDepth)
	}
	if c.depth == 1 {
		c.joined = 0
	}
	defer func() { c.depth-- }()
	c.yield()
	total := 0
	if separator, ok := call.Argument(0).(goja.String); ok {
		total = separator.Length() * int(n)
	}
	if array, ok := call.This.(*goja.Object); ok {
		for i := range n {
			if s, ok := array.Get(strconv.FormatInt(i, 10)).(goja.String); ok {
				total += s.Length()
			}
			if total > c.code.limits.Bytes {
				break
			}
		}
	}
	if c.joined += total; c.joined > c.code.limits.Bytes {
		c.exceed("join would make a text of more than %d characters", c.code.limits.Bytes)
	}
	result := rethrow(native(call.This, call.Arguments...))
	if s, ok := result.(goja.String); ok && c.depth > 1 {
		if c.joined += s.Length(); c.joined > c.code.limits.Bytes {
			c.exceed("join would make a text of more than %d characters", c.code.limits.Bytes)
		}
	}
	return result
}

func guardArrayConcat(c *machine, call *goja.FunctionCall, native goja.Callable) goja.Value {
	total := c.elements(call.This)
	for _, arg := range call.Arguments {
		if object, ok := arg.(*goja.Object); ok {
			total += c.length(object)
		}
	}
	if total > int64(c.code.limits.Elements) {
		c.exceed("concat would make an array of more than %d elements", c.code.limits.Elements)
	}
	return rethrow(native(call.This, call.Arguments...))
}

// guardFlat flattens itself: the native follows an array that holds itself until the process dies.
func guardFlat(c *machine, call *goja.FunctionCall, native goja.Callable) goja.Value {
	levels := int64(1)
	if arg := call.Argument(0); !goja.IsUndefined(arg) {
		levels = arg.ToInteger()
	}
	array, ok := call.This.(*goja.Object)
	if !ok {
		return rethrow(native(call.This, call.Arguments...))
	}
	var out []any
	c.flatten(&out, array, levels, 0)
	return c.rt.NewArray(out...)
}

func (c *machine) flatten(out *[]any, array *goja.Object, levels int64, depth int) {
	if depth > maxFlatDepth {
		c.exceed("arrays are nested more than %d deep", maxFlatDepth)
	}
	for i := range c.elements(array) {
		c.yield()
		element := array.Get(strconv.FormatInt(i, 10))
		if element == nil {
			continue // a hole
		}
		if inner, ok := element.(*goja.Object); ok && levels > 0 && isArray(inner) {
			c.flatten(out, inner, levels-1, depth+1)
			continue
		}
		if *out = append(*out, element); len(*out) > c.code.limits.Elements {
			c.exceed("flat would make an array of more than %d elements", c.code.limits.Elements)
		}
	}
}

func isArray(o *goja.Object) bool { return o.ClassName() == "Array" }

func guardFrom(c *machine, call *goja.FunctionCall, native goja.Callable) goja.Value {
	if source := call.Argument(0); !goja.IsUndefined(source) && !goja.IsNull(source) {
		c.elements(source)
	}
	return rethrow(native(call.This, call.Arguments...))
}

func guardRaw(c *machine, call *goja.FunctionCall, native goja.Callable) goja.Value {
	if strings, ok := call.Argument(0).(*goja.Object); ok {
		if raw := strings.Get("raw"); raw != nil {
			c.elements(raw)
		}
	}
	return rethrow(native(call.This, call.Arguments...))
}

func guardApply(c *machine, call *goja.FunctionCall, native goja.Callable) goja.Value {
	c.elements(call.Argument(1))
	return rethrow(native(call.This, call.Arguments...))
}

func guardReflect(c *machine, call *goja.FunctionCall, native goja.Callable) goja.Value {
	if arg, ok := call.Argument(2).(*goja.Object); ok {
		c.elements(arg)
	}
	if list, ok := call.Argument(1).(*goja.Object); ok {
		c.elements(list)
		if target, ok := call.Argument(0).(*goja.Object); ok && len(call.Arguments) == 2 {
			c.checkConstruct(target, list.Get("0"))
		}
	}
	return rethrow(native(call.This, call.Arguments...))
}

// guardChain bounds chains of prototypes, which natives follow one by one on their own stack.
func guardChain(c *machine, call *goja.FunctionCall, native goja.Callable) goja.Value {
	proto, _ := call.Argument(0).(*goja.Object)
	if len(call.Arguments) > 1 {
		if second, ok := call.Argument(1).(*goja.Object); ok && proto != nil && isPlainTarget(proto, second) {
			proto = second
		}
	}
	for depth := 0; proto != nil; depth++ {
		if depth > maxFlatDepth {
			c.exceed("prototypes are chained more than %d deep", maxFlatDepth)
		}
		proto = proto.Prototype()
	}
	return rethrow(native(call.This, call.Arguments...))
}

// isPlainTarget tells create(proto, properties) from setPrototypeOf(object, proto): the longer chain is the one to count.
func isPlainTarget(first, second *goja.Object) bool { return chain(second) > chain(first) }

func chain(o *goja.Object) (n int) {
	for ; o != nil && n <= maxFlatDepth; o = o.Prototype() {
		n++
	}
	return n
}

// spread bounds ...x.
func (c *machine) spread(call goja.FunctionCall) goja.Value {
	v := call.Argument(0)
	switch v := v.(type) {
	case *goja.Object:
		if isArray(v) {
			c.elements(v)
		}
	case goja.String:
		c.elements(v)
	}
	return v
}

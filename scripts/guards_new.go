package scripts

import (
	"math"
	"reflect"

	"github.com/dop251/goja"
)

// construct is new X(…) for an X that the script did not write.
func (c *machine) construct(call goja.FunctionCall) goja.Value {
	class, ok := call.Argument(0).(*goja.Object)
	if !ok {
		c.throw("%s is not a constructor", describe(call.Argument(0)))
	}
	args := call.Arguments[1:]
	if len(args) > 0 {
		c.checkConstruct(class, args[0])
		if len(args) > 1 && class == c.rt.Get("RegExp") {
			c.checkPattern(args[0].String(), args[1].String())
		}
	}
	object, err := c.rt.New(class, args...)
	if err != nil {
		panic(err)
	}
	return object
}

// bytesEach is how many bytes an element of a buffer takes.
var bytesEach = map[string]int64{
	"ArrayBuffer": 1, "Int8Array": 1, "Uint8Array": 1, "Uint8ClampedArray": 1, "Int16Array": 2, "Uint16Array": 2, "Int32Array": 4, "Uint32Array": 4,
	"Float32Array": 4, "Float64Array": 8, "BigInt64Array": 8, "BigUint64Array": 8,
}

// checkConstruct bounds what the language's own constructors make of their first argument.
func (c *machine) checkConstruct(class *goja.Object, arg goja.Value) {
	name := ""
	if n := class.Get("name"); n != nil {
		if s, ok := n.(goja.String); ok && s.Length() < 32 {
			name = s.String()
		}
	}
	if name == "" || arg == nil || c.rt.GlobalObject().Get(name) != goja.Value(class) {
		return
	}
	each := bytesEach[name]
	switch name {
	case "Array", "Map", "Set":
		if object, ok := arg.(*goja.Object); ok && isArray(object) {
			c.elements(object)
		} else if number(arg) > float64(c.code.limits.Elements) {
			c.exceed("an array of more than %d elements", c.code.limits.Elements)
		}
	case "RegExp":
		if _, isText := arg.(goja.String); isText {
			c.checkPattern(arg.String(), "")
		}
	case "Proxy":
		c.checkProxy(arg)
	}
	if each == 0 {
		return
	}
	if object, ok := arg.(*goja.Object); ok && object.ExportType() != bufferType {
		c.elements(object)
	}
	if number(arg)*float64(each) > float64(c.code.limits.Bytes) {
		c.exceed("a buffer of more than %d bytes", c.code.limits.Bytes)
	}
}

// number is a number, or what a text says, without running anything.
func number(v goja.Value) float64 {
	if _, isObject := v.(*goja.Object); isObject || goja.IsBigInt(v) {
		return 0
	}
	if _, isSymbol := v.(*goja.Symbol); isSymbol {
		return 0
	}
	if f := v.ToFloat(); !math.IsNaN(f) {
		return f
	}
	return 0
}

var proxyType = reflect.TypeFor[goja.Proxy]()

// checkProxy bounds proxies of proxies, which natives follow one by one on their own stack.
func (c *machine) checkProxy(target goja.Value) {
	for depth := 0; ; depth++ {
		object, ok := target.(*goja.Object)
		if !ok {
			return
		}
		if object.ExportType() != proxyType {
			return
		}
		proxy, ok := object.Export().(goja.Proxy)
		if !ok || proxy.Target() == nil {
			return
		}
		if depth > maxProxyDepth {
			c.exceed("proxies are nested more than %d deep", maxProxyDepth)
		}
		target = proxy.Target()
	}
}

// size bounds what a class gives to the constructor of a base that the script did not write.
func (c *machine) size(call goja.FunctionCall) goja.Value {
	v := call.Argument(0)
	if object, ok := v.(*goja.Object); ok && isArray(object) {
		c.elements(object)
	} else if number(v) > float64(c.code.limits.Elements) {
		c.exceed("a size of more than %d", c.code.limits.Elements)
	}
	return v
}

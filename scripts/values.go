package scripts

import (
	"math"
	"reflect"
	"sort"
	"strconv"
	"strings"

	"github.com/dop251/goja"

	"framegate/engine"
)

// toScript makes a script's value of an attribute's. Scripts get copies: nothing that they do to one changes the
// gateway's.
func (c *machine) toScript(v engine.Value) goja.Value {
	switch v.Kind() {
	case engine.Missing:
		return undefined
	case engine.String:
		return c.rt.ToValue(strings.Clone(v.String()))
	case engine.Bytes:
		return c.bytes([]byte(v.String()))
	case engine.Fields:
		return c.newHeaders(v.Headers())
	}
	return c.treeToScript(v.Any(), 0)
}

// treeToScript copies maps, lists and scalars.
func (c *machine) treeToScript(v any, depth int) goja.Value {
	if depth > maxJSONDepth {
		c.exceed("a value is nested more than %d deep", maxJSONDepth)
	}
	switch v := v.(type) {
	case nil:
		return goja.Null()
	case []byte:
		return c.bytes(append([]byte(nil), v...))
	case *engine.Headers:
		return c.newHeaders(v)
	case []any:
		items := make([]any, len(v))
		for i, item := range v {
			items[i] = c.treeToScript(item, depth+1)
		}
		return c.rt.NewArray(items...)
	case map[string]any:
		object := c.rt.NewObject()
		keys := make([]string, 0, len(v))
		for key := range v {
			keys = append(keys, key)
		}
		sort.Strings(keys)
		for _, key := range keys {
			c.own(object, key, c.treeToScript(v[key], depth+1))
		}
		return object
	}
	return c.rt.ToValue(v)
}

// own gives an object a property of its own, whatever its prototype says of the name.
func (c *machine) own(object *goja.Object, key string, value goja.Value) {
	c.must(object.DefineDataProperty(key, value, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_TRUE))
}

// bytes makes a Uint8Array of a slice that nobody else uses.
func (c *machine) bytes(p []byte) goja.Value {
	array, err := c.rt.New(c.rt.Get("Uint8Array"), c.rt.ToValue(c.rt.NewArrayBuffer(p)))
	c.must(err)
	return array
}

// bytesOf reads a Uint8Array, another view of a buffer, or a buffer. The slice is a copy.
func (c *machine) bytesOf(v goja.Value) ([]byte, bool) {
	object, ok := v.(*goja.Object)
	if !ok {
		return nil, false
	}
	view, ok := bufferBytes(object)
	if !ok {
		whole, ok := bufferBytes(object.Get("buffer"))
		if !ok {
			return nil, false
		}
		from, size := object.Get("byteOffset").ToInteger(), object.Get("byteLength").ToInteger()
		if from < 0 || size < 0 || from+size > int64(len(whole)) {
			return nil, false
		}
		view = whole[from : from+size]
	}
	if len(view) > c.code.limits.Bytes {
		c.exceed("a buffer of more than %d bytes", c.code.limits.Bytes)
	}
	return append([]byte{}, view...), true
}

var bufferType = reflect.TypeFor[goja.ArrayBuffer]()

// bufferBytes is the memory of an ArrayBuffer.
func bufferBytes(v goja.Value) ([]byte, bool) {
	object, ok := v.(*goja.Object)
	if !ok || object.ExportType() != bufferType {
		return nil, false
	}
	buffer, ok := object.Export().(goja.ArrayBuffer)
	return buffer.Bytes(), ok
}

// fromScript makes an attribute's value of a script's.
func (c *machine) fromScript(v goja.Value) engine.Value {
	switch v := v.(type) {
	case nil:
		return engine.Value{}
	case goja.String:
		return engine.StringValue(c.bounded(v))
	case *goja.Object:
		if p, ok := c.bytesOf(v); ok {
			return engine.BytesValue(p)
		}
		left := maxJSONValues
		return engine.TreeValue(c.treeFromScript(v, 0, &left))
	}
	return engine.TreeValue(c.scalar(v))
}

// bounded is a script's text for the gateway.
func (c *machine) bounded(s goja.String) string {
	text := s.String()
	if len(text) > c.code.limits.Bytes && s.Length() > c.code.limits.Bytes { // to count characters may cost as much as a copy
		c.exceed("a text of more than %d characters", c.code.limits.Bytes)
	}
	return text
}

func (c *machine) scalar(v goja.Value) any {
	switch {
	case v == nil || goja.IsUndefined(v) || goja.IsNull(v):
		return nil
	case v == yes || v == no:
		return v == yes
	case goja.IsBigInt(v):
		return v.String()
	}
	switch n := v.Export().(type) {
	case int64:
		return n
	case float64:
		if n == math.Trunc(n) && math.Abs(n) < 1<<53 {
			return int64(n)
		}
		return n
	case string:
		return n
	}
	c.throw("%s cannot be given to the gateway", describe(v))
	return nil
}

// treeFromScript copies an object: its own enumerable properties, as JSON has them.
func (c *machine) treeFromScript(v goja.Value, depth int, left *int) any {
	if *left--; *left < 0 || depth > maxJSONDepth {
		c.exceed("a value has more than %d parts or is nested more than %d deep", maxJSONValues, maxJSONDepth)
	}
	object, ok := v.(*goja.Object)
	if !ok {
		if s, ok := v.(goja.String); ok {
			return c.bounded(s)
		}
		return treeNumber(c.scalar(v))
	}
	if _, callable := goja.AssertFunction(object); callable {
		c.throw("a function cannot be given to the gateway")
	}
	if isArray(object) {
		list := make([]any, c.elements(object))
		for i := range list {
			list[i] = c.treeFromScript(c.at(object, i), depth+1, left)
		}
		return list
	}
	tree := make(map[string]any)
	for _, key := range object.Keys() {
		tree[key] = c.treeFromScript(object.Get(key), depth+1, left)
	}
	return tree
}

// treeNumber gives numbers inside a tree the type that encoding/json gives them.
func treeNumber(v any) any {
	if n, ok := v.(int64); ok {
		return float64(n)
	}
	return v
}

// at is an element of an array.
func (c *machine) at(array *goja.Object, i int) goja.Value { return array.Get(strconv.Itoa(i)) }

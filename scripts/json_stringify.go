package scripts

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/dop251/goja"
)

// jsonWriter is one JSON.stringify (ECMA-262 §25.5.2): bounded in depth, in values, and in what it writes, so that an
// object that holds itself many times over does not become text for ever.
type jsonWriter struct {
	c        *machine
	out      []byte
	replacer goja.Callable
	only     []string // the property list, where replacer is an array
	indent   string
	line     string // newline and the current indentation
	values   int
	stack    []*goja.Object
}

// jsonStringify is JSON.stringify(value, replacer, space).
func (c *machine) jsonStringify(call goja.FunctionCall) goja.Value {
	w := jsonWriter{c: c, out: c.scratch[:0]}
	c.scratch = nil // a toJSON may come back here
	if arg, ok := call.Argument(1).(*goja.Object); ok {
		if f, callable := goja.AssertFunction(arg); callable {
			w.replacer = f
		} else if isArray(arg) {
			w.only = w.propertyList(arg)
		}
	}
	if len(call.Arguments) > 2 {
		w.indent, w.line = indentOf(call.Arguments[2]), "\n"
		if w.indent == "" {
			w.line = ""
		}
	}
	written := w.write(nil, "", call.Argument(0))
	if cap(w.out) <= keptScratch {
		c.scratch = w.out
	}
	if !written {
		return undefined
	}
	return c.rt.ToValue(string(w.out))
}

// keptScratch is the most that a copy keeps of a buffer between calls, in bytes.
const keptScratch = 16 << 10

func (w *jsonWriter) propertyList(array *goja.Object) []string {
	names := []string{}
	seen := make(map[string]bool)
	for i := range w.c.elements(array) {
		v := array.Get(strconv.FormatInt(i, 10))
		if object, ok := v.(*goja.Object); ok && object.ClassName() != "String" && object.ClassName() != "Number" || v == nil {
			continue
		}
		if name := v.String(); !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}

func indentOf(v goja.Value) string {
	if s, ok := v.(goja.String); ok {
		return s.Substring(0, min(10, s.Length())).String()
	}
	if _, isObject := v.(*goja.Object); isObject {
		return ""
	}
	if n := number(v); n >= 1 {
		return strings.Repeat(" ", int(min(10, n)))
	}
	return ""
}

// write writes a value; false when it has no JSON: undefined, functions and symbols. The holder is only there when
// somebody wants it: a toJSON or a replacer.
func (w *jsonWriter) write(holder *goja.Object, key string, v goja.Value) bool {
	if w.values++; w.values > maxJSONValues {
		w.c.exceed("JSON with more than %d values", maxJSONValues)
	}
	w.c.yield()
	if len(w.out) > w.c.code.limits.Bytes {
		w.c.exceed("JSON of more than %d bytes", w.c.code.limits.Bytes)
	}
	if object, ok := v.(*goja.Object); ok {
		if f, ok := goja.AssertFunction(object.Get("toJSON")); ok {
			v = rethrow(f(object, w.c.rt.ToValue(key)))
		}
	}
	if w.replacer != nil {
		if holder == nil {
			holder = w.c.rt.NewObject()
			w.c.own(holder, key, v)
		}
		v = rethrow(w.replacer(holder, w.c.rt.ToValue(key), v))
	}
	switch v := v.(type) {
	case nil:
		return false
	case goja.String:
		w.out = appendJSONString(w.out, v)
		return true
	case *goja.Symbol:
		return false
	case *goja.Object:
		return w.object(v)
	}
	return w.scalar(v)
}

func (w *jsonWriter) scalar(v goja.Value) bool {
	switch {
	case goja.IsUndefined(v):
		return false
	case goja.IsNull(v):
		w.out = append(w.out, "null"...)
		return true
	case goja.IsBigInt(v):
		w.c.throw("a BigInt has no JSON: make it a text or a number first")
	}
	switch n := v.Export().(type) {
	case int64:
		w.out = strconv.AppendInt(w.out, n, 10)
	case float64:
		if math.IsNaN(n) || math.IsInf(n, 0) {
			w.out = append(w.out, "null"...)
		} else {
			w.out = append(w.out, v.String()...)
		}
	case bool:
		w.out = strconv.AppendBool(w.out, n)
	}
	return true
}

func (w *jsonWriter) object(o *goja.Object) bool {
	switch o.ClassName() {
	case "Function":
		return false
	case "Number":
		return w.scalar(w.c.rt.ToValue(o.ToFloat()))
	case "String":
		w.out = appendJSONString(w.out, w.c.toText(o))
		return true
	case "Boolean":
		return w.scalar(w.c.rt.ToValue(o.Export()))
	}
	if _, callable := goja.AssertFunction(o); callable {
		return false
	}
	for _, outer := range w.stack {
		if outer == o {
			w.c.throw("the object holds itself: a circular structure has no JSON")
		}
	}
	if len(w.stack) >= maxJSONDepth {
		w.c.exceed("JSON nested more than %d deep", maxJSONDepth)
	}
	w.stack = append(w.stack, o)
	outer := w.line
	if w.indent != "" {
		w.line += w.indent
	}
	switch {
	case o.ExportType() == lazyType && w.only == nil:
		w.lazyMembers(o, o.Export().(*lazyObject), outer)
	case isArray(o):
		w.list(o, outer)
	default:
		w.members(o, outer)
	}
	w.line = outer
	w.stack = w.stack[:len(w.stack)-1]
	return true
}

func (w *jsonWriter) list(o *goja.Object, outer string) {
	w.out = append(w.out, '[')
	n := w.c.elements(o)
	for i := range n {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		w.out = append(w.out, w.line...)
		key := strconv.FormatInt(i, 10)
		if !w.write(o, key, o.Get(key)) {
			w.out = append(w.out, "null"...)
		}
	}
	if n > 0 {
		w.out = append(w.out, outer...)
	}
	w.out = append(w.out, ']')
}

func (w *jsonWriter) members(o *goja.Object, outer string) {
	w.out = append(w.out, '{')
	keys := w.only
	if keys == nil {
		keys = o.Keys()
	}
	some := false
	for _, key := range keys {
		some = w.member(o, key, o.Get(key), some) || some
	}
	w.close(some, outer)
}

// member writes a member; false when its value has no JSON.
func (w *jsonWriter) member(o *goja.Object, key string, v goja.Value, behind bool) bool {
	mark := len(w.out)
	if behind {
		w.out = append(w.out, ',')
	}
	w.out = append(w.out, w.line...)
	w.out = appendJSONText(w.out, key)
	w.out = append(w.out, ':')
	if w.indent != "" {
		w.out = append(w.out, ' ')
	}
	if w.write(o, key, v) {
		return true
	}
	w.out = w.out[:mark]
	return false
}

// close writes the end of an object.
func (w *jsonWriter) close(some bool, outer string) {
	if some {
		w.out = append(w.out, outer...)
	}
	w.out = append(w.out, '}')
}

const hexDigits = "0123456789abcdef"

// appendJSONString writes a script's string. Halves of surrogate pairs are escaped (well-formed JSON.stringify).
func appendJSONString(out []byte, s goja.String) []byte {
	text := s.String()
	if !strings.ContainsRune(text, utf8.RuneError) {
		return appendJSONText(out, text)
	}
	out = append(out, '"')
	for i := 0; i < s.Length(); i++ {
		unit := s.CharAt(i)
		if unit < 0xD800 || unit > 0xDFFF {
			out = appendEscaped(out, string(rune(unit)))
			continue
		}
		if unit < 0xDC00 && i+1 < s.Length() {
			if low := s.CharAt(i + 1); low >= 0xDC00 && low <= 0xDFFF {
				out = utf8.AppendRune(out, rune(unit-0xD800)<<10|rune(low-0xDC00)+0x10000)
				i++
				continue
			}
		}
		out = append(out, '\\', 'u', hexDigits[unit>>12], hexDigits[unit>>8&15], hexDigits[unit>>4&15], hexDigits[unit&15])
	}
	return append(out, '"')
}

func appendJSONText(out []byte, text string) []byte {
	return append(appendEscaped(append(out, '"'), text), '"')
}

// appendEscaped escapes what JSON cannot have in a string, and nothing else (ECMA-262 §25.5.2.3).
func appendEscaped(out []byte, text string) []byte {
	start := 0
	for i := 0; i < len(text); i++ {
		b := text[i]
		if b >= ' ' && b != '"' && b != '\\' {
			continue
		}
		out = append(out, text[start:i]...)
		start = i + 1
		switch b {
		case '"', '\\':
			out = append(out, '\\', b)
		case '\b':
			out = append(out, `\b`...)
		case '\f':
			out = append(out, `\f`...)
		case '\n':
			out = append(out, `\n`...)
		case '\r':
			out = append(out, `\r`...)
		case '\t':
			out = append(out, `\t`...)
		default:
			out = append(out, '\\', 'u', '0', '0', hexDigits[b>>4], hexDigits[b&15])
		}
	}
	return append(out, text[start:]...)
}

package engine

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"unsafe"
)

// Kind is the type of a [Value].
type Kind uint8

// The kinds of values.
const (
	Missing Kind = iota // the attribute is not set
	String
	Bytes
	Int
	Float
	Bool
	Fields // an ordered header set, *Headers
	Tree   // maps, lists and scalars as encoding/json decodes them
)

// Value is what an attribute holds: a small struct, never boxed. The zero Value
// is missing. Values that view a message's body are valid until the filter that
// asked for them returns.
type Value struct {
	kind Kind
	num  uint64
	str  string
	ref  any // *Headers, or the root of a tree
}

// StringValue makes a string.
func StringValue(s string) Value { return Value{kind: String, str: s} }

// BytesValue makes a byte value that shares p; p must not change while the value is used.
func BytesValue(p []byte) Value { return Value{kind: Bytes, str: view(p)} }

// IntValue makes an integer.
func IntValue(n int64) Value { return Value{kind: Int, num: uint64(n)} }

// BoolValue makes a boolean.
func BoolValue(b bool) Value {
	if b {
		return Value{kind: Bool, num: 1}
	}
	return Value{kind: Bool}
}

// FloatValue makes a number that need not be whole.
func FloatValue(f float64) Value { return Value{kind: Float, ref: f} }

// HeadersValue makes a header set. The value shares h.
func HeadersValue(h *Headers) Value {
	if h == nil {
		return Value{}
	}
	return Value{kind: Fields, ref: h}
}

// TreeValue makes a value of what encoding/json decodes to: nil, bool, float64,
// string, []any, map[string]any. Scalars become the scalar kinds. The tree is
// shared and must not be changed afterwards.
func TreeValue(v any) Value {
	switch v := v.(type) {
	case nil:
		return Value{}
	case bool:
		return BoolValue(v)
	case string:
		return StringValue(v)
	case float64:
		return FloatValue(v)
	case int64:
		return IntValue(v)
	case int:
		return IntValue(int64(v))
	case []byte:
		return BytesValue(v)
	}
	return Value{kind: Tree, ref: v}
}

// Kind tells what the value is.
func (v Value) Kind() Kind { return v.kind }

// IsMissing tells whether nothing is there.
func (v Value) IsMissing() bool { return v.kind == Missing }

// Headers returns the header set of a Fields value, else nil.
func (v Value) Headers() *Headers {
	h, _ := v.ref.(*Headers)
	return h
}

// Int returns the number of an Int or Bool value and the whole part of a Float;
// 0 for every other kind.
func (v Value) Int() int64 {
	if f, ok := v.ref.(float64); ok && v.kind == Float {
		return int64(f)
	}
	if v.kind == Int || v.kind == Bool {
		return int64(v.num)
	}
	return 0
}

// Bool tells whether the value is the boolean true.
func (v Value) Bool() bool { return v.kind == Bool && v.num == 1 }

// Any returns the value as encoding/json would decode it, []byte for Bytes,
// int64 for Int and *Headers for Fields.
func (v Value) Any() any {
	switch v.kind {
	case String:
		return v.str
	case Bytes:
		return []byte(v.str)
	case Int:
		return int64(v.num)
	case Bool:
		return v.num == 1
	case Float, Fields, Tree:
		return v.ref
	}
	return nil
}

// String is the value as text: what a selector puts in its place. Missing is
// empty, header sets are their lines, trees are JSON.
func (v Value) String() string {
	if v.kind == String || v.kind == Bytes {
		return v.str
	}
	return string(v.AppendTo(nil))
}

// AppendTo appends the text of the value to dst without allocating for scalars.
func (v Value) AppendTo(dst []byte) []byte {
	switch v.kind {
	case String, Bytes:
		return append(dst, v.str...)
	case Int:
		return strconv.AppendInt(dst, int64(v.num), 10)
	case Float:
		return strconv.AppendFloat(dst, v.ref.(float64), 'g', -1, 64)
	case Bool:
		return strconv.AppendBool(dst, v.num == 1)
	case Fields:
		return v.Headers().AppendTo(dst)
	case Tree:
		text, err := json.Marshal(v.ref)
		if err != nil {
			return append(dst, err.Error()...)
		}
		return append(dst, text...)
	}
	return dst
}

// Member returns a part of the value: a header by its name, a key of a map, an
// element of a list by its number. It is missing when there is no such part.
func (v Value) Member(key string) Value {
	switch v.kind {
	case Fields:
		if h := v.Headers(); h.Has(key) {
			return StringValue(h.Get(key))
		}
	case Tree:
		switch t := v.ref.(type) {
		case map[string]any:
			if member, ok := t[key]; ok {
				return TreeValue(member)
			}
		case []any:
			if i, err := strconv.Atoi(key); err == nil && i >= 0 && i < len(t) {
				return TreeValue(t[i])
			}
		}
	}
	return Value{}
}

// MarshalJSON writes bytes as base64 and everything else as JSON has it.
func (v Value) MarshalJSON() ([]byte, error) {
	switch v.kind {
	case Bytes:
		return json.Marshal(base64.StdEncoding.EncodeToString([]byte(v.str)))
	case Fields:
		lines := map[string][]string{}
		for name, value := range v.Headers().All() {
			lines[name] = append(lines[name], value)
		}
		return json.Marshal(lines)
	}
	return json.Marshal(v.Any())
}

// textView makes a string that shares p, for the body of a text message.
func textView(p []byte) Value { return Value{kind: String, str: view(p), num: shared} }

// shared marks, in num, a String that views a buffer.
const shared = 1

// keep copies what the value shares with a buffer, so that it can outlive the
// filter that made it.
func (v Value) keep() Value {
	if v.kind == Bytes || v.kind == String && v.num == shared {
		v.str, v.num = string([]byte(v.str)), 0
	}
	return v
}

// view looks at bytes as a string without copying them.
func view(p []byte) string { return unsafe.String(unsafe.SliceData(p), len(p)) }

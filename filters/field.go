package filters

import (
	"encoding"
	"net/netip"
	"reflect"
	"regexp"
	"strings"
	"time"

	"framegate/engine"
)

// Field is a field of a struct that YAML decodes into, as its tags describe it.
type Field struct {
	Name       string // in YAML
	Index      []int  // for [reflect.Value.FieldByIndex]
	Type       reflect.Type
	Go         string // the name in Go
	Default    string
	HasDefault bool
	Required   bool
	OneOf      []string // the allowed values; nil: any
	Min, Max   string   // bounds, as text; empty: none
	Owner      reflect.Type
}

// Fields lists the fields of a struct, in their order; those of an embedded
// struct tagged `yaml:",inline"` among them. Fields without a yaml tag are none
// of the author's business.
func Fields(t reflect.Type) []Field {
	var fields []Field
	for i := range t.NumField() {
		f := t.Field(i)
		tag, ok := f.Tag.Lookup("yaml")
		name, option, _ := strings.Cut(tag, ",")
		switch {
		case !ok || name == "-":
			continue
		case name == "" && option == "inline":
			for _, inner := range Fields(f.Type) {
				inner.Index = append([]int{i}, inner.Index...)
				fields = append(fields, inner)
			}
			continue
		case !f.IsExported():
			continue
		}
		out := Field{
			Name: name, Index: []int{i}, Type: f.Type, Go: f.Name, Owner: t, Required: f.Tag.Get("required") == "true",
			Min: f.Tag.Get("min"), Max: f.Tag.Get("max"),
		}
		out.Default, out.HasDefault = f.Tag.Lookup("default")
		if words := f.Tag.Get("oneof"); words != "" {
			out.OneOf = strings.Fields(words)
		}
		fields = append(fields, out)
	}
	return fields
}

var textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()

// IsScalar tells whether one YAML scalar fills the type: texts, numbers, true
// and false, and every type that reads its own text.
func IsScalar(t reflect.Type) bool {
	if reflect.PointerTo(t).Implements(textUnmarshaler) || t.Implements(textUnmarshaler) {
		return true
	}
	switch t.Kind() {
	case reflect.Struct, reflect.Map, reflect.Slice, reflect.Interface, reflect.Pointer:
		return false
	}
	return true
}

// TypeWord is what authors call the type of a field: never its name in Go.
func TypeWord(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[time.Duration](), reflect.TypeFor[engine.Duration]():
		return "duration"
	case reflect.TypeFor[engine.Size]():
		return "size"
	case reflect.TypeFor[quantity]():
		return "number or size"
	case reflect.TypeFor[engine.Prefix](), reflect.TypeFor[netip.Prefix]():
		return "network"
	case reflect.TypeFor[engine.Selector]():
		return "text with ${…}"
	case reflect.TypeFor[pattern](), reflect.TypeFor[regexp.Regexp](), reflect.TypeFor[*regexp.Regexp]():
		return "regular expression"
	}
	if t.Kind() == reflect.Pointer {
		return TypeWord(t.Elem())
	}
	if worded, ok := reflect.Zero(t).Interface().(interface{ TypeWord() string }); ok {
		return worded.TypeWord()
	}
	if IsScalar(t) {
		switch {
		case t.Kind() == reflect.Bool:
			return "true or false"
		case t.Kind() == reflect.String, t.Implements(textUnmarshaler), reflect.PointerTo(t).Implements(textUnmarshaler):
			return "text"
		}
		return "number"
	}
	switch t.Kind() {
	case reflect.Slice:
		return "list of " + plural(TypeWord(t.Elem()))
	case reflect.Map:
		return "map of names to " + plural(TypeWord(t.Elem()))
	case reflect.Interface:
		return "any value"
	}
	return "map"
}

func plural(word string) string {
	switch {
	case word == "text with ${…}":
		return "texts with ${…}"
	case word == "any value":
		return "any values"
	case strings.HasPrefix(word, "list of "), strings.HasPrefix(word, "map of "), word == "true or false":
		return word
	}
	return word + "s"
}

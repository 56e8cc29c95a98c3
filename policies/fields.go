package policies

import (
	"reflect"
	"strings"
)

// field is a field of a struct that YAML decodes into, as its tags describe it.
// The tags are documented in package filters.
type field struct {
	name     string
	index    []int
	kind     reflect.Type
	fallback string // the default
	hasValue bool   // there is a default
	required bool
	oneof    []string
	min, max string
}

// fieldsOf lists the fields of a struct, in their order. Those without a yaml
// tag are none of the author's business.
func fieldsOf(t reflect.Type) []field {
	var fields []field
	for i := range t.NumField() {
		f := t.Field(i)
		tag, ok := f.Tag.Lookup("yaml")
		name, option, _ := strings.Cut(tag, ",")
		switch {
		case !ok || name == "-" || !f.IsExported() && !f.Anonymous:
			continue
		case name == "" && option == "inline":
			for _, inner := range fieldsOf(f.Type) {
				inner.index = append([]int{i}, inner.index...)
				fields = append(fields, inner)
			}
			continue
		}
		out := field{name: name, index: []int{i}, kind: f.Type, required: f.Tag.Get("required") == "true", min: f.Tag.Get("min"), max: f.Tag.Get("max")}
		out.fallback, out.hasValue = f.Tag.Lookup("default")
		if words := f.Tag.Get("oneof"); words != "" {
			out.oneof = strings.Fields(words)
		}
		fields = append(fields, out)
	}
	return fields
}

func fieldNames(fields []field) []string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	return names
}

package policies

import (
	"reflect"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"framegate/filters"
)

// bounds checks a field's allowed values and limits.
func (d *decoder) bounds(n *yaml.Node, v reflect.Value, f filters.Field) {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if v.Kind() == reflect.Slice {
		for i := range v.Len() {
			item := n
			if n.Kind == yaml.SequenceNode {
				item = n.Content[i]
			}
			d.bounds(item, v.Index(i), f)
		}
		return
	}
	if v.Kind() == reflect.String && f.Required && v.Len() == 0 {
		d.errorf(d.source.at(n), "write a value between the quotes", "%q is empty", f.Name)
		return
	}
	if v.Kind() == reflect.String && len(f.OneOf) > 0 && !slices.Contains(f.OneOf, v.String()) {
		d.errorf(d.source.at(n), d.didYouMean(v.String(), f.OneOf, "allowed"), "%q must be one of %s, not %s", f.Name, strings.Join(f.OneOf, ", "), d.show(n))
		return
	}
	if bound, ok := limit(v.Type(), f.Min); ok && number(v) < number(bound) {
		d.errorf(d.source.at(n), "write "+f.Min+" or more", "%q must be at least %s, not %s", f.Name, f.Min, d.text(n))
	}
	if bound, ok := limit(v.Type(), f.Max); ok && number(v) > number(bound) {
		d.errorf(d.source.at(n), "write "+f.Max+" or less", "%q must be at most %s, not %s", f.Name, f.Max, d.text(n))
	}
}

// limit parses the text of a min or max tag as a value of the field's type.
func limit(t reflect.Type, text string) (reflect.Value, bool) {
	v := reflect.New(t).Elem()
	if text == "" || !v.CanInt() && !v.CanUint() && !v.CanFloat() {
		return v, false
	}
	var d decoder
	return v, d.set(scalarNode(text), v) == nil
}

func number(v reflect.Value) float64 {
	switch {
	case v.CanInt():
		return float64(v.Int())
	case v.CanUint():
		return float64(v.Uint())
	}
	return v.Float()
}

// kindName is what a type is called in messages.
func kindName(t reflect.Type) string {
	word := filters.TypeWord(t)
	switch {
	case word == "true or false":
		return word
	case strings.HasPrefix(word, "list of"):
		return "a list"
	case strings.HasPrefix(word, "map of"):
		return "a map"
	case strings.HasPrefix(word, "text"):
		return "a text"
	}
	return article(word)
}

// example is a value to show in a hint.
func example(t reflect.Type) string {
	if t == reflect.TypeFor[reference]() {
		return "NAME"
	}
	switch kindName(t) {
	case "a duration":
		return "30s"
	case "a size":
		return "64KiB"
	case "a network":
		return "192.0.2.0/24"
	case "true or false":
		return "true"
	case "a number", "a number or size":
		return "1"
	case "a map":
		return "{…}"
	case "a list":
		return "[…]"
	}
	return "…"
}

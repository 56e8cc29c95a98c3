package policies

import (
	"fmt"
	"reflect"
	"strings"

	"gopkg.in/yaml.v3"

	"framegate/filters"
)

// decoder fills structs from the nodes of one source, strictly: every key must
// be known, every value of the kind that its field has. It reports all problems
// and goes on; what it fills in after a problem is not to be used.
type decoder struct {
	*report
	source  *source
	written map[*yaml.Node]string // values that came of {{…}}: the text as it was written
	kinds   catalog
}

// nodeDecoder is a type of this package that reads its node itself.
type nodeDecoder interface {
	decodeNode(d *decoder, n *yaml.Node, what string)
}

// decode fills v from a node. what names the thing in messages: a field's name,
// or what the struct is.
func (d *decoder) decode(n *yaml.Node, v reflect.Value, what string) {
	if v.Kind() == reflect.Pointer && !filters.IsScalar(v.Type()) {
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		d.decode(n, v.Elem(), what)
		return
	}
	if custom, ok := v.Addr().Interface().(nodeDecoder); ok {
		custom.decodeNode(d, n, what)
		return
	}
	if filters.IsScalar(v.Type()) {
		d.scalarField(n, v, what)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.structure(n, v, what)
	case reflect.Map:
		d.table(n, v, what)
	case reflect.Slice:
		d.list(n, v, what)
	case reflect.Interface:
		if tree := d.tree(n); tree != nil {
			v.Set(reflect.ValueOf(tree))
		}
	}
}

// shortForm is a struct that one scalar may stand for: it is the field of that name.
type shortForm interface{ ShortForm() string }

// isNull tells whether a key has nothing after its colon.
func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// structure fills a struct from a map.
func (d *decoder) structure(n *yaml.Node, v reflect.Value, what string) {
	fields := filters.Fields(v.Type())
	short, hasShort := v.Addr().Interface().(shortForm)
	switch {
	case isNull(n):
		n = &yaml.Node{Kind: yaml.MappingNode, Line: n.Line, Column: n.Column}
	case n.Kind == yaml.ScalarNode && hasShort:
		n = &yaml.Node{Kind: yaml.MappingNode, Line: n.Line, Column: n.Column, Content: []*yaml.Node{{Kind: yaml.ScalarNode, Value: short.ShortForm()}, n}}
	case n.Kind != yaml.MappingNode:
		d.errorf(d.source.at(n), "write its keys below it, indented: "+strings.Join(fieldNames(fields), ", "), "%s must be a map, not %s", what, d.show(n))
		return
	}
	d.fill(n, v, what, fields, nil)
	if placed, ok := v.Addr().Interface().(interface{ locate(*source, *yaml.Node) }); ok {
		placed.locate(d.source, n)
	}
}

// fill fills the fields of a struct from a map. Keys in skip belong to somebody else.
func (d *decoder) fill(n *yaml.Node, v reflect.Value, what string, fields []filters.Field, skip []string) {
	given := make(map[string]*yaml.Node, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		given[n.Content[i].Value] = n.Content[i+1]
	}
	values := make([]*yaml.Node, len(fields))
	for i, f := range fields {
		values[i] = given[f.Name]
		delete(given, f.Name)
	}
	for _, name := range skip {
		delete(given, name)
	}
	for i, f := range fields {
		if values[i] == nil && f.Required && misspelt(given, f.Name, fields) {
			continue // the unknown key is reported
		}
		d.field(n, values[i], v.FieldByIndex(f.Index), what, f)
	}
	for i := 0; i+1 < len(n.Content) && len(given) > 0; i += 2 {
		if key := n.Content[i]; given[key.Value] != nil {
			d.unknownKey(key, what, append(fieldNames(fields), skip...))
		}
	}
}

// misspelt tells whether one of the unknown keys was meant to be the field.
func misspelt(unknown map[string]*yaml.Node, name string, fields []filters.Field) bool {
	for key := range unknown {
		if near, _ := Nearest(key, fieldNames(fields)); near == name {
			return true
		}
	}
	return false
}

// unknownKey explains a key that the struct does not have.
func (d *decoder) unknownKey(key *yaml.Node, what string, names []string) {
	if hint := later(what, key.Value); hint != "" {
		d.errorf(d.source.at(key), "remove it: "+hint, "%q is not in this version", key.Value)
		return
	}
	if hint := elsewhere(what, key.Value); hint != "" {
		d.errorf(d.source.at(key), hint, "unknown key %q in %s", key.Value, what)
		return
	}
	d.errorf(d.source.at(key), d.didYouMean(key.Value, names, "keys of "+article(what)), "unknown key %q in %s", key.Value, what)
}

// field fills one field, or gives it its default.
func (d *decoder) field(parent, n *yaml.Node, v reflect.Value, what string, f filters.Field) {
	switch {
	case n != nil && isNull(n) && f.Required, n == nil && f.Required:
		d.missing(parent, n, what, f)
		return
	case n != nil && isNull(n) && filters.IsScalar(f.Type):
		d.errorf(d.source.at(n), "write a value after the colon, or delete the line", "%q has no value", f.Name)
		return
	case n == nil || isNull(n):
		d.fallback(v, f)
		return
	}
	before := len(d.problems)
	d.decode(n, v, f.Name)
	if len(d.problems) == before {
		d.bounds(n, v, f)
	}
}

// missing reports a required field that is not there.
func (d *decoder) missing(parent, n *yaml.Node, what string, f filters.Field) {
	at := d.source.at(parent)
	if n != nil {
		at = d.source.at(n)
	}
	hint := fmt.Sprintf("add `%s: %s`", f.Name, example(f.Type))
	if len(f.OneOf) > 0 {
		hint = fmt.Sprintf("add `%s:` with one of %s", f.Name, strings.Join(f.OneOf, ", "))
	}
	d.errorf(at, hint, "%s needs %q", what, f.Name)
}

// fallback gives a field its default, and the fields in it theirs.
func (d *decoder) fallback(v reflect.Value, f filters.Field) {
	switch {
	case f.HasDefault:
		d.decode(scalarNode(f.Default), v, f.Name)
	case v.Kind() == reflect.Struct && !filters.IsScalar(v.Type()):
		if _, custom := v.Addr().Interface().(nodeDecoder); custom {
			return
		}
		for _, inner := range filters.Fields(v.Type()) {
			d.fallback(v.FieldByIndex(inner.Index), inner)
		}
	}
}

func scalarNode(text string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Value: text}
	n.Tag = n.ShortTag()
	return n
}

// table fills a Go map from a YAML map.
func (d *decoder) table(n *yaml.Node, v reflect.Value, what string) {
	if n.Kind != yaml.MappingNode {
		d.errorf(d.source.at(n), fmt.Sprintf("write `%s: {name: %s}`", what, example(v.Type().Elem())), "%q must be a map, not %s", what, d.show(n))
		return
	}
	v.Set(reflect.MakeMapWithSize(v.Type(), len(n.Content)/2))
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		k := reflect.New(v.Type().Key()).Elem()
		d.decode(stringKey(key), k, what)
		item := reflect.New(v.Type().Elem()).Elem()
		if isNull(value) && filters.IsScalar(item.Type()) {
			d.errorf(d.source.at(value), "write a value after the colon, or delete the line", "%q in %q has no value", key.Value, what)
			continue
		}
		d.decode(value, item, key.Value)
		v.SetMapIndex(k, item)
	}
}

// stringKey is a key as a text, whatever YAML would take it for.
func stringKey(n *yaml.Node) *yaml.Node {
	out := *n
	out.Tag = "!!str"
	return &out
}

// singular is what one thing of a list is called.
var singular = map[string]string{"websockets": "websocket", "routes": "route", "certificates": "certificate", "filters": "filter"}

// list fills a slice from a list. One scalar is a list of one.
func (d *decoder) list(n *yaml.Node, v reflect.Value, what string) {
	items := n.Content
	switch {
	case n.Kind == yaml.ScalarNode && filters.IsScalar(v.Type().Elem()) && !isNull(n):
		items = []*yaml.Node{n}
	case n.Kind != yaml.SequenceNode:
		d.errorf(d.source.at(n), listHint(what, v.Type().Elem()), "%q must be a list, not %s", what, d.show(n))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), 0, len(items)))
	if single := singular[what]; single != "" {
		what = single
	}
	for _, n := range items {
		if isNull(n) {
			d.errorf(d.source.at(n), "write a value after the dash, or delete the line", "an item of %q is empty", what)
			continue
		}
		item := reflect.New(v.Type().Elem()).Elem()
		d.decode(n, item, what)
		v.Set(reflect.Append(v, item))
	}
}

// listHint says how a list is written.
func listHint(what string, item reflect.Type) string {
	if filters.IsScalar(item) {
		return fmt.Sprintf("write `%s: [%s]`, or a line with a dash for each", what, example(item))
	}
	return "begin each item with a dash, its keys in the lines below"
}

// tree makes plain values of a node, as encoding/json would.
func (d *decoder) tree(n *yaml.Node) any {
	switch n.Kind {
	case yaml.MappingNode:
		out := make(map[string]any, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			out[n.Content[i].Value] = d.tree(n.Content[i+1])
		}
		return out
	case yaml.SequenceNode:
		out := make([]any, len(n.Content))
		for i, item := range n.Content {
			out[i] = d.tree(item)
		}
		return out
	}
	return plainValue(n)
}

func fieldNames(fields []filters.Field) []string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	return names
}

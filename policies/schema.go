package policies

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"

	"framegate/filters"
	"framegate/remotehosts"
)

// object is a JSON object of a schema.
type object = map[string]any

// schema makes the JSON Schema of configuration files.
type schema struct {
	comments filters.Comments // of this package and of remotehosts
	filters  filters.Comments
	docs     []*filters.Doc
}

// Schema is the JSON Schema (draft-07) of gateway.yaml and the files beside it,
// for editors: a key or filter type that is not known is marked, and every key
// is described. It is made of the structs that the files decode into. It cannot
// say all that [Load] says: names that must exist, arrows, attributes.
func Schema() ([]byte, error) {
	comments, err := filters.ReadComments(Source)
	if err != nil {
		return nil, fmt.Errorf("make schema: %w", err)
	}
	hosts, err := filters.ReadComments(remotehosts.Source)
	if err != nil {
		return nil, fmt.Errorf("make schema: %w", err)
	}
	maps.Copy(comments, hosts)
	ofFilters, err := filters.ReadComments(filters.Source)
	if err != nil {
		return nil, fmt.Errorf("make schema: %w", err)
	}
	docs, err := filters.Docs()
	if err != nil {
		return nil, fmt.Errorf("make schema: %w", err)
	}
	s := &schema{comments, ofFilters, docs}
	root := s.structure(reflect.TypeFor[Config](), comments)
	root["$schema"] = "http://json-schema.org/draft-07/schema#"
	root["title"] = "framegate gateway"
	root["definitions"] = object{"filter": s.filter()}
	return json.MarshalIndent(root, "", "  ")
}

// template lets {{…}} stand where a number, a boolean or one of some words is expected.
const template = `\{\{.*\}\}`

// structure is the schema of a struct: its fields and no others.
func (s *schema) structure(t reflect.Type, comments filters.Comments) object {
	properties, required := object{}, []string{}
	for _, f := range filters.Fields(t) {
		properties[f.Name] = s.field(f, comments)
		if f.Required {
			required = append(required, f.Name)
		}
	}
	out := object{"type": []string{"object", "null"}, "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		out["type"], out["required"] = "object", required
	}
	if text, _ := filters.SplitExample(comments[t.Name()]); text != "" {
		out["description"] = text
	}
	return out
}

// field is the schema of a field with what its tags say.
func (s *schema) field(f filters.Field, comments filters.Comments) object {
	out := s.value(f.Type, comments)
	if len(f.OneOf) > 0 {
		out = s.words(f)
	}
	if description := filters.FieldText(f, comments); description != "" {
		out["description"] = description
	}
	if f.HasDefault {
		out["default"] = plainValue(scalarNode(f.Default))
	}
	if filters.TypeWord(f.Type) == "number" {
		bound(out, "minimum", f.Min)
		bound(out, "maximum", f.Max)
	}
	return out
}

func bound(out object, key, text string) {
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		out[key] = n
	}
}

// words is the schema of a field with allowed values.
func (s *schema) words(f filters.Field) object {
	allowed := make([]any, 0, len(f.OneOf))
	for _, text := range f.OneOf {
		allowed = append(allowed, text)
		if value := plainValue(scalarNode(text)); value != text { // minVersion: 1.2
			allowed = append(allowed, value)
		}
	}
	word := object{"anyOf": []object{{"enum": allowed}, {"type": "string", "pattern": template}}}
	if f.Type.Kind() == reflect.Slice {
		return object{"anyOf": []object{word, {"type": "array", "items": word}}}
	}
	return word
}

// value is the schema of a type.
func (s *schema) value(t reflect.Type, comments filters.Comments) object {
	switch {
	case t == reflect.TypeFor[reference]():
		return object{"type": []string{"string", "number", "boolean"}}
	case t == reflect.TypeFor[Compression]():
		return object{"anyOf": []object{{"enum": []string{"on", "off"}}, s.structure(t, comments)}}
	case t == reflect.TypeFor[State]():
		return object{"anyOf": []object{{"enum": []string{"disk", "memory"}}, s.structure(t, comments)}}
	case t == reflect.TypeFor[Step]():
		return object{"$ref": "#/definitions/filter"}
	case t.Kind() == reflect.Pointer && !filters.IsScalar(t):
		return s.value(t.Elem(), comments)
	case filters.IsScalar(t):
		return scalarSchema(t)
	}
	switch t.Kind() {
	case reflect.Struct:
		if _, short := reflect.New(t).Interface().(shortForm); short {
			return object{"anyOf": []object{{"type": "string"}, s.structure(t, comments)}}
		}
		return s.structure(t, comments)
	case reflect.Map:
		return object{"type": []string{"object", "null"}, "additionalProperties": s.value(t.Elem(), comments)}
	case reflect.Slice:
		items := s.value(t.Elem(), comments)
		list := object{"type": "array", "items": items}
		if filters.IsScalar(t.Elem()) {
			return object{"anyOf": []object{list, items}}
		}
		return list
	}
	return object{}
}

// scalarSchema is the schema of what one scalar fills.
func scalarSchema(t reflect.Type) object {
	switch filters.TypeWord(t) {
	case "duration":
		return object{"type": []string{"string", "integer"}, "pattern": `^([0-9]+d)?([0-9.]+(ns|us|µs|ms|s|m|h))*$|^0$|` + template, "maximum": 0}
	case "size", "number or size":
		return object{"type": []string{"string", "integer"}, "pattern": `^[0-9.]+ ?(B|KiB|MiB|GiB)?$|` + template}
	case "true or false":
		return object{"type": []string{"boolean", "string"}, "pattern": template}
	case "number":
		kind := "integer"
		if t.Kind() == reflect.Float64 || t.Kind() == reflect.Float32 {
			kind = "number"
		}
		return object{"type": []string{kind, "string"}, "pattern": template}
	case "network", "regular expression":
		return object{"type": "string"}
	}
	return object{"type": []string{"string", "number", "boolean"}}
}

// filter is the schema of a filter: its type says which keys it has.
func (s *schema) filter() object {
	var types []string
	var rules []object
	common := s.structure(reflect.TypeFor[Step](), s.comments)["properties"].(object)
	for i, k := range filters.All() {
		own := append([]string{k.Type}, k.Aliases...)
		types = append(types, own...)
		rules = append(rules, object{
			"if":   object{"properties": object{"type": object{"enum": own}}, "required": []string{"type"}},
			"then": s.kind(k, s.docs[i], common, own),
		})
	}
	slices.Sort(types)
	return object{
		"type": "object", "required": []string{"type"},
		"properties": object{"type": object{"enum": types, "description": s.comments["Step.Type"]}},
		"allOf":      rules,
	}
}

// kind is the schema of a filter type.
func (s *schema) kind(k *filters.Kind, doc *filters.Doc, common object, names []string) object {
	out := object{"properties": object{}, "additionalProperties": false, "description": doc.Text}
	if t := reflect.TypeOf(k.New()).Elem(); t.Kind() == reflect.Struct {
		out = s.structure(t, s.filters)
		delete(out, "type")
		out["description"] = doc.Text
	}
	properties := out["properties"].(object)
	maps.Copy(properties, common)
	properties["type"] = object{"enum": names, "description": doc.Text}
	return out
}

package policies

import (
	"fmt"
	"reflect"
	"strings"

	"gopkg.in/yaml.v3"

	"framegate/engine"
	"framegate/filters"
)

// reference is a name that stands for something else, and where it was written.
type reference struct {
	Name string
	place
}

// TypeWord is what manuals call it.
func (reference) TypeWord() string { return "name" }

func (r *reference) decodeNode(d *decoder, n *yaml.Node, what string) {
	r.place = d.source.at(n)
	d.scalarField(n, reflect.ValueOf(&r.Name).Elem(), what)
	if r.Name == "" && n.Kind == yaml.ScalarNode && !isNull(n) {
		d.errorf(r.place, "write a name, or delete the line", "%q is empty", what)
	}
}

// step is what is known of a filter beyond its common keys.
type step struct {
	located
	kind   *filters.Kind
	filter engine.Filter
	broken bool // its definition has problems: it is not prepared
}

// label names a filter in messages.
func (s *Step) label() string {
	if s.Name == s.Type {
		return fmt.Sprintf("filter %q", s.Name)
	}
	return fmt.Sprintf("filter %q (%s)", s.Name, s.Type)
}

// decodeNode reads a filter: its type says which struct the other keys fill.
func (s *Step) decodeNode(d *decoder, n *yaml.Node, _ string) {
	s.locate(d.source, n)
	before := len(d.problems)
	defer func() { s.broken = len(d.problems) > before }()
	if n.Kind != yaml.MappingNode {
		d.errorf(s.place, "write `- type: "+strings.Trim(d.show(n), `"`)+"`", "a filter must be a map with the key \"type\", not %s", d.show(n))
		return
	}
	kindNode := member(n, "type")
	if kindNode == nil {
		s.withoutType(d, n)
		return
	}
	common := filters.Fields(reflect.TypeFor[Step]())
	kind, known := d.kinds.lookup(kindNode.Value)
	if !known {
		hint := choice(d.kinds.types, "filter types")
		if ours, ok := filters.Called(kindNode.Value); ok {
			hint = fmt.Sprintf("did you mean %q?", ours)
		} else if _, near := Nearest(kindNode.Value, d.kinds.names); near {
			hint = d.didYouMean(kindNode.Value, d.kinds.names, "filter types")
		}
		d.errorf(d.source.at(kindNode), hint, "there is no filter type %s", d.show(kindNode))
		s.common(d, n, common, keysOf(n))
		return
	}
	s.kind, s.filter = kind, kind.New()
	s.place = d.source.at(kindNode)
	v := reflect.ValueOf(s.filter).Elem()
	s.common(d, n, common, keysOf(n))
	s.Type = kind.Type
	if s.Name == "" {
		s.Name = kindNode.Value
	}
	if v.Kind() != reflect.Struct {
		return
	}
	d.fill(n, v, fmt.Sprintf("filter type %q", kind.Type), filters.Fields(v.Type()), fieldNames(common))
}

// common fills the keys that every filter has.
func (s *Step) common(d *decoder, n *yaml.Node, common []filters.Field, others []string) {
	d.fill(n, reflect.ValueOf(s).Elem(), "filter", common, others)
	if s.Name == "" {
		s.Name = s.Type
	}
}

// withoutType explains a filter without its type, also in the shape of other tools: `- api-key: {…}`.
func (s *Step) withoutType(d *decoder, n *yaml.Node) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if kind, ok := d.kinds.lookup(n.Content[i].Value); ok {
			d.errorf(d.source.at(n.Content[i]), fmt.Sprintf("write `- type: %s` and its keys in the lines below", kind.Type), "the filter has no \"type\"")
			return
		}
	}
	d.errorf(s.place, "add `type: …`; `framegate list filters` shows all", "the filter has no \"type\"")
}

func keysOf(n *yaml.Node) []string {
	keys := make([]string, 0, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		keys = append(keys, n.Content[i].Value)
	}
	return keys
}

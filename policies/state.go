package policies

import (
	"reflect"

	"gopkg.in/yaml.v3"

	"framegate/engine"
)

// decodeNode reads the word disk or memory, or the keys.
func (s *State) decodeNode(d *decoder, n *yaml.Node, what string) {
	v := reflect.ValueOf(s).Elem()
	if n.Kind != yaml.ScalarNode || isNull(n) {
		d.structure(n, v, what)
		return
	}
	if n.Value != "disk" && n.Value != "memory" {
		d.errorf(d.source.at(n), "write `state: memory`, or `state: {file: /var/lib/framegate/state.db}`", "%q must be disk, memory or a map, not %s", what, d.show(n))
		return
	}
	d.structure(&yaml.Node{Kind: yaml.MappingNode}, v, what)
	s.memory = n.Value == "memory"
}

// state compiles where state is kept.
func (c *compiler) state() engine.StateFile {
	s := &c.config.State
	out := engine.StateFile{Path: s.File, Size: int64(s.Size)}
	if s.memory {
		out.Path = ""
	}
	for _, p := range c.config.Policies {
		for _, step := range p.Filters {
			out.Needed = out.Needed || step != nil && step.kind != nil && step.kind.Persists
		}
	}
	return out
}

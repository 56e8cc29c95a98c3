package policies

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"framegate/filters"
	"framegate/remotehosts"
)

// merger makes one Config of the top-level keys of all sources.
type merger struct {
	*report
	reader  *reader
	kinds   catalog
	config  *Config
	singles map[string]*located            // keys that may stand once: where they are
	things  map[string]map[string]*located // sections of named things: where each is
}

// catalog finds filter types. It is the table of package filters; tests have their own.
type catalog struct {
	lookup func(name string) (*filters.Kind, bool)
	names  []string // types and aliases
	types  []string
}

func tableOfFilters() catalog {
	c := catalog{lookup: filters.Lookup}
	for _, k := range filters.All() {
		c.types = append(c.types, k.Type)
		c.names = append(append(c.names, k.Aliases...), k.Type)
	}
	return c
}

// sections are the top-level keys that hold named things; each file adds to them.
var sections = map[string]string{"ports": "port", "remoteHosts": "remote host", "policies": "policy", "stores": "store"}

// merge decodes all sources into one Config.
func (m *merger) merge(sources []*source) {
	v := reflect.ValueOf(m.config).Elem()
	all := filters.Fields(v.Type())
	for _, f := range all {
		if sections[f.Name] != "" {
			v.FieldByIndex(f.Index).Set(reflect.MakeMap(f.Type))
		}
	}
	for _, s := range sources {
		m.source(s, v, all)
	}
	d := &decoder{report: m.report, source: &source{}}
	for _, f := range all {
		if _, given := m.singles[f.Name]; !given && sections[f.Name] == "" {
			d.fallback(v.FieldByIndex(f.Index), f)
		}
	}
}

// source decodes the top-level keys of one file.
func (m *merger) source(s *source, v reflect.Value, all []filters.Field) {
	if s.root == nil {
		return
	}
	if s.root.Kind != yaml.MappingNode {
		m.errorf(s.at(s.root), choice(fieldNames(all), "write top-level keys"), "the file must be a map of top-level keys")
		return
	}
	d := &decoder{report: m.report, source: s, written: m.reader.written, kinds: m.kinds}
	for i := 0; i+1 < len(s.root.Content); i += 2 {
		key, value := s.root.Content[i], s.root.Content[i+1]
		at := slices.IndexFunc(all, func(f filters.Field) bool { return f.Name == key.Value })
		switch {
		case at < 0:
			d.unknownKey(key, "gateway", fieldNames(all))
		case sections[key.Value] != "":
			m.section(d, key, value, v.FieldByIndex(all[at].Index))
		default:
			m.single(d, key, value, v.FieldByIndex(all[at].Index), all[at])
		}
	}
}

// single decodes a key that may stand once in the gateway.
func (m *merger) single(d *decoder, key, value *yaml.Node, v reflect.Value, f filters.Field) {
	at := d.source.at(key)
	if first, twice := m.singles[key.Value]; twice {
		m.errorf(at, "delete one of the two", "%q is defined twice; the first is at %s", key.Value, first.place.position())
		return
	}
	m.singles[key.Value] = &located{d.source, value, at}
	d.field(key, value, v, "gateway", f)
}

// section decodes named things. A name that exists already is reported with both places.
func (m *merger) section(d *decoder, key, value *yaml.Node, into reflect.Value) {
	what := sections[key.Value]
	if isNull(value) {
		return
	}
	if value.Kind != yaml.MappingNode {
		m.errorf(d.source.at(value), "write the name of each "+what+" as a key below", "%q must be a map of names, not %s", key.Value, d.show(value))
		return
	}
	for i := 0; i+1 < len(value.Content); i += 2 {
		m.thing(d, what, value.Content[i], value.Content[i+1], into)
	}
}

func (m *merger) thing(d *decoder, what string, key, value *yaml.Node, into reflect.Value) {
	at, name := d.source.at(key), key.Value
	if first, twice := m.things[what][name]; twice {
		m.errorf(at, "rename or delete one of the two", "%s %q is defined twice; the first is at %s", what, name, first.place.position())
		return
	}
	if m.things[what] == nil {
		m.things[what] = make(map[string]*located)
	}
	where := &located{d.source, value, at}
	m.things[what][name] = where
	if name == "" || printable(name) != name || len(name) > 128 {
		m.errorf(at, "write a name of letters, digits, spaces, dots, - and _", "%q is no name for %s", shorten(name), article(what))
		return
	}
	item := reflect.New(into.Type().Elem().Elem())
	if value.Kind == yaml.MappingNode {
		d.structure(value, item.Elem(), what)
	} else {
		m.errorf(d.source.at(value), "write its keys below it, indented: "+strings.Join(fieldNames(filters.Fields(item.Elem().Type())), ", "), "%s %q must be a map, not %s", what, name, d.show(value))
	}
	switch thing := item.Interface().(type) {
	case *Port:
		thing.located = *where
	case *Policy:
		thing.located, thing.name = *where, name
	case *Store:
		thing.located = *where
	case *remotehosts.Definition:
		thing.Name = name
	}
	into.SetMapIndex(reflect.ValueOf(name), item)
}

// names lists the names of a section.
func names[T any](section map[string]T) []string { return slices.Sorted(maps.Keys(section)) }

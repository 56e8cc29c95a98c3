package filters

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"framegate/engine"
	"framegate/engine/jsonbytes"
)

func init() {
	register[retrieveFromJSON](Kind{
		Type: "retrieve-from-json", Family: Transform, Aliases: []string{"json-path", "JSONPathFilter"}, Hooks: engine.OnHTTP | engine.OnFrame, Reads: []string{"content.body"},
	})
}

// Sets attributes to values of JSON: several with one look at the bytes. As in Axway's JSON Path filter.
//
// A place is a JSON Pointer (/user/id) or a path: $.user.id, $.items[0].sku. Of a member that stands twice the last counts. A
// path that names many places, such as $.items[*].sku or **.id, gives the list of all their values. Texts, numbers, true and
// false keep their kind, objects and lists are trees: ${order.user.name}. What is null is as if it were not there.
//
//	filters:
//	  - type: retrieve-from-json
//	    attributes:
//	      chat.room: /room
//	      order.skus: $.items[*].sku
//	    onMissing: fail
type retrieveFromJSON struct {
	// Attributes are the attributes to set, and where their values are. As in set-attribute, content.body,
	// http.response.status and websock.session.NAME may be among them.
	Attributes map[string]jsonbytes.Path `yaml:"attributes" required:"true"`

	// OnMissing says what happens when there is nothing at one of the places: pass, with the attribute not set, or fail.
	OnMissing string `yaml:"onMissing" default:"pass" oneof:"pass fail"`

	jsonDocument `yaml:",inline"`

	names  []string
	attrs  []engine.Attr
	paths  []jsonbytes.Path
	finder *jsonbytes.Finder
}

func (f *retrieveFromJSON) Prepare(*Env) (err error) {
	if len(f.Attributes) == 0 {
		return wrong("attributes", "write a map such as {chat.room: /room}", "nothing is named")
	}
	f.names = slices.Sorted(maps.Keys(f.Attributes))
	for _, name := range f.names {
		switch {
		case !dottedName(name):
			return wrong("attributes", "write a dotted name such as chat.room", "%q is not the name of an attribute", name)
		case !engine.Writable(name):
			return wrong("attributes", "choose a name of your own, or websock.session.NAME to keep it for the session", "attribute %s is read-only", name)
		}
		f.attrs = append(f.attrs, engine.AttrOf(name))
		f.paths = append(f.paths, f.Attributes[name])
	}
	if f.finder, err = jsonbytes.NewFinder(f.paths...); err != nil {
		return wrong("attributes", "use fewer paths, or several filters", "%w", err)
	}
	return nil
}

// Generates names the attributes for the check of what is read and never set.
func (f *retrieveFromJSON) Generates() []string { return slices.Sorted(maps.Keys(f.Attributes)) }

func (f *retrieveFromJSON) Run(m *engine.Message) (bool, error) {
	p := takePass()
	defer givePass(p)
	if err := f.finder.Find(p, m.Body()); err != nil {
		return f.invalid(m, err)
	}
	var absent []string
	for i := range f.attrs {
		v, err := f.found(p, i)
		if err != nil {
			return f.invalid(m, err)
		}
		if v.IsMissing() {
			if f.OnMissing == "fail" {
				absent = append(absent, f.paths[i].String())
			}
			continue
		}
		if err := m.Set(f.attrs[i], v); err != nil {
			return false, fmt.Errorf("set %s: %w", f.names[i], err)
		}
	}
	return missingNodes(m, f.OnMissing, absent), nil
}

// found is the value of an attribute, missing where there is none.
func (f *retrieveFromJSON) found(p *jsonbytes.Pass, attribute int) (engine.Value, error) {
	list := []any{}
	left := maxTreeValues
	for _, match := range p.Found {
		if match.Path != attribute {
			continue
		}
		node, err := jsonTree(match.Value, left)
		if err != nil {
			return engine.Value{}, err
		}
		if f.paths[attribute].Definite() {
			return engine.TreeValue(node), nil
		}
		if left--; left < 0 {
			return engine.Value{}, fmt.Errorf("more than %d values at %s", maxTreeValues, f.paths[attribute])
		}
		list = append(list, node)
	}
	if len(list) == 0 {
		return engine.Value{}, nil
	}
	return engine.TreeValue(list), nil
}

// jsonTree is a piece of JSON as attributes have it: numbers are int64 where they are whole and fit, else float64.
func jsonTree(raw []byte, limit int) (any, error) {
	tree, err := jsonbytes.Decode(raw, limit)
	if err != nil {
		return nil, err
	}
	return plainNumbers(tree, true), nil
}

// plainNumbers replaces the numbers of a tree; inside, encoding/json has float64 only.
func plainNumbers(v any, top bool) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := strconv.ParseInt(string(v), 10, 64); err == nil && top {
			return n
		}
		n, _ := strconv.ParseFloat(string(v), 64)
		return n
	case []any:
		for i := range v {
			v[i] = plainNumbers(v[i], false)
		}
	case map[string]any:
		for key, item := range v {
			v[key] = plainNumbers(item, false)
		}
	}
	return v
}

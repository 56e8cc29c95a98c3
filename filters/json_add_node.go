package filters

import (
	"framegate/engine"
	"framegate/engine/jsonbytes"
)

func init() {
	register[jsonAddNode](Kind{
		Type: "json-add-node", Family: Transform, Aliases: []string{"JSONAddNodeFilter"}, Hooks: engine.OnHTTP | engine.OnFrame,
		Reads: []string{"content.body"}, Writes: []string{"content.body"},
	})
}

// Puts values into JSON, in one pass over the bytes: everything else stays as it came, to the last space. As in Axway's JSON
// Add Node filter.
//
// A place is a JSON Pointer (/user/name; /tags/- is behind the last tag) or a path: $.user.name, $.items[*].seen, **.price.
// In YAML a path that begins with a star stands in quotes. Only the last step of a place is made: /meta/hops needs an object at
// /meta. All places are looked up in the message as it came. On a route the content is the request's body, and the answer's once a
// remote host has answered.
//
//	filters:
//	  - type: json-add-node
//	    nodes:
//	      - {path: /device, value: '${websock.context["http.header.X-Device-Id"] ?: "unknown"}'}
//	      - {path: /meta, value: {via: framegate, hops: 1}, op: add}
//	      - {path: /seq, json: '${websock.frame.seq}'}
//	      - {path: /tags, value: checked, op: append}
type jsonAddNode struct {
	// Nodes are what is put where.
	Nodes []jsonNode `yaml:"nodes" required:"true"`

	// OnMissing says what happens when one of the nodes has no place: fail, and leave the message as it was, or pass. An add whose
	// place is taken has found it.
	OnMissing string `yaml:"onMissing" default:"fail" oneof:"fail pass"`

	jsonDocument `yaml:",inline"`

	paths    []jsonbytes.Path
	editor   *jsonbytes.Editor
	changing bool // some values depend on the message
}

// jsonNode is a value and its place.
type jsonNode struct {
	// Path is the place, as a JSON Pointer or a path.
	Path jsonbytes.Path `yaml:"path" required:"true"`

	// Op says how: set puts the value there whatever is there; add only where nothing is; replace only where something is;
	// append puts it behind the last element of the list at the place; insert in front of the element at the place.
	Op string `yaml:"op" default:"set" oneof:"set add replace append insert"`

	// Value is what is put there: a text, a number, true or false, a list or a map. Texts in it may have ${…}, whose text is
	// escaped: it can be nothing but part of the text.
	Value any `yaml:"value"`

	// JSON is the value as JSON, such as null or ${…} of an attribute that is a number or a tree. What is no JSON aborts.
	JSON engine.Selector `yaml:"json"`

	template *jsonTemplate
}

var jsonOps = map[string]jsonbytes.Op{
	"set": jsonbytes.Set, "add": jsonbytes.Add, "replace": jsonbytes.Replace, "append": jsonbytes.Append, "insert": jsonbytes.Insert,
}

func (f *jsonAddNode) Prepare(*Env) (err error) {
	edits := make([]jsonbytes.Edit, len(f.Nodes))
	f.paths = make([]jsonbytes.Path, len(f.Nodes))
	for i := range f.Nodes {
		n := &f.Nodes[i]
		if err := n.prepare(indexed("nodes", i) + "."); err != nil {
			return err
		}
		value, fixed := n.template.fixed()
		f.changing = f.changing || !fixed
		edits[i], f.paths[i] = jsonbytes.Edit{Path: n.Path, Op: jsonOps[n.Op], Value: value}, n.Path
	}
	f.editor, err = jsonEditor("nodes", edits)
	return err
}

// prepare compiles the value; at is the node's place in YAML with a dot at the end.
func (n *jsonNode) prepare(at string) (err error) {
	switch {
	case n.Value == nil && n.JSON.IsZero():
		return wrong(at+"value", "write value: with a text, number, list or map, or json: 'null'", "there is no value")
	case n.Value != nil && !n.JSON.IsZero():
		return wrong(at+"json", "keep one of them", "the value is given twice")
	case n.Value != nil:
		if n.template, err = newJSONTemplate(n.Value); err != nil {
			return wrong(at+"value", "for ${ itself write $${", "%w", err)
		}
		return nil
	}
	if text, ok := n.JSON.Literal(); ok {
		if err := jsonbytes.Check([]byte(text)); err != nil {
			return wrong(at+"json", "a text is written '\"text\"' here, or without json: as value: text", "%w", err)
		}
		n.template = &jsonTemplate{parts: []jsonPart{{literal: []byte(text)}}}
		return nil
	}
	n.template = &jsonTemplate{raw: &n.JSON}
	return nil
}

// Reads names the attributes in values, for the check of what is read and never set.
func (f *jsonAddNode) Reads() map[string][]string {
	reads := make(map[string][]string)
	for i := range f.Nodes {
		if t := f.Nodes[i].template; t != nil {
			reads[indexed("nodes", i)+".value"] = t.attributes()
		}
	}
	return reads
}

func (f *jsonAddNode) Run(m *engine.Message) (bool, error) {
	p := takePass()
	defer givePass(p)
	body, grown := m.Body(), 0
	if f.changing {
		var err error
		if grown, err = f.values(p, m); err != nil {
			return false, err
		}
	}
	out, changed, err := f.editor.Append(p, m.Buffer(len(body)+f.editor.Growth()+grown), body)
	if err != nil {
		return f.invalid(m, err)
	}
	if !missingNodes(m, f.OnMissing, missing(f.OnMissing, p.Hits, f.paths)) {
		return false, nil
	}
	if changed {
		m.SetBody(out)
	}
	return true, nil
}

// values gives the pass the values that depend on the message, and returns their size.
func (f *jsonAddNode) values(p *jsonbytes.Pass, m *engine.Message) (int, error) {
	made := m.Buffer(1024)
	for i := range f.Nodes {
		t := f.Nodes[i].template
		if _, fixed := t.fixed(); fixed {
			p.Values = append(p.Values, nil)
			continue
		}
		start, err := len(made), error(nil)
		if made, err = t.append(made, m); err != nil {
			return 0, err
		}
		p.Values = append(p.Values, made[start:len(made):len(made)])
	}
	return len(made), nil
}

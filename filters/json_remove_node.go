package filters

import (
	"framegate/engine"
	"framegate/engine/jsonbytes"
)

func init() {
	register[jsonRemoveNode](Kind{
		Type: "json-remove-node", Family: Transform, Aliases: []string{"JSONRemoveNodeFilter"}, Hooks: engine.OnHTTP | engine.OnFrame,
		Reads: []string{"content.body"}, Writes: []string{"content.body", "deleted.json.node.list"},
	})
}

// Takes members and elements out of JSON, in one pass over the bytes: everything else stays as it came, to the last
// space. As in Axway's JSON Remove Node filter.
//
// A place is a JSON Pointer (/user/password) or a path: $.user.password, $.items[*].price, **.password at any depth. In
// YAML a path that begins with a star stands in quotes. Names are compared as they read: "pass\u0077ord" is password too.
// Where a member stands twice, both go.
//
// It sets deleted.json.node.list, the list of what was taken out, when something was. On a route the content is the request's
// body, and the answer's once a remote host has answered.
//
//	filters:
//	  - type: json-remove-node
//	    nodes: [/internal, '**.password', '$.items[*].cost']
type jsonRemoveNode struct {
	// Nodes are the places of what is taken out.
	Nodes []jsonbytes.Path `yaml:"nodes" required:"true"`

	// OnMissing says what happens when nothing is at one of the places: pass, or fail. What is at the others is gone all the same.
	OnMissing string `yaml:"onMissing" default:"pass" oneof:"pass fail"`

	jsonDocument `yaml:",inline"`

	editor *jsonbytes.Editor
}

func (f *jsonRemoveNode) Prepare(*Env) (err error) {
	edits := make([]jsonbytes.Edit, len(f.Nodes))
	for i, path := range f.Nodes {
		edits[i] = jsonbytes.Edit{Path: path, Op: jsonbytes.Remove}
	}
	f.editor, err = jsonEditor("nodes", edits)
	return err
}

// deletedNodes is the attribute with what was taken out.
var deletedNodes = engine.AttrOf("deleted.json.node.list")

func (f *jsonRemoveNode) Run(m *engine.Message) (bool, error) {
	p := takePass()
	defer givePass(p)
	body := m.Body()
	if err := editJSON(m, f.editor, p); err != nil {
		return f.invalid(m, err)
	}
	if len(p.Removed) > 0 {
		if err := m.Set(deletedNodes, removedNodes(p.Removed, len(body))); err != nil {
			return false, err
		}
	}
	return missingNodes(m, f.OnMissing, missing(f.OnMissing, p.Hits, f.Nodes)), nil
}

// removedNodes is what was taken out, as a list.
func removedNodes(removed [][]byte, size int) engine.Value {
	list := make([]any, 0, len(removed))
	for _, raw := range removed {
		if node, err := jsonTree(raw, size); err == nil {
			list = append(list, node)
		}
	}
	return engine.TreeValue(list)
}

// missing lists the places at which nothing was found, where somebody wants to know.
func missing(onMissing string, hits []int, paths []jsonbytes.Path) []string {
	if onMissing == "pass" {
		return nil
	}
	var names []string
	for i, n := range hits {
		if n == 0 {
			names = append(names, paths[i].String())
		}
	}
	return names
}

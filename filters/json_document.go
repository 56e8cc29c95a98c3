package filters

import (
	"fmt"
	"strings"
	"sync"

	"framegate/engine"
	"framegate/engine/jsonbytes"
)

// jsonDocument is content.body as JSON: what the filters that read and change it have in common.
type jsonDocument struct {
	// OnInvalid says what happens to content that is no JSON (RFC 8259: one value, in UTF-8, nested
	// no deeper than 512): abort, fail, or pass untouched. Binary messages are looked at like texts.
	OnInvalid string `yaml:"onInvalid" default:"abort" oneof:"abort fail pass"`
}

// invalid is how a filter ends over content that is no JSON; err is why.
func (d *jsonDocument) invalid(m *engine.Message, err error) (bool, error) {
	switch d.OnInvalid {
	case "pass":
		return true, nil
	case "fail":
		m.Fail(400, "content.body: %v", err)
		return false, nil
	}
	return false, fmt.Errorf("content.body: %w", err)
}

// jsonPasses are used by one message after the other.
var jsonPasses = sync.Pool{New: func() any { return new(jsonbytes.Pass) }}

func takePass() *jsonbytes.Pass { return jsonPasses.Get().(*jsonbytes.Pass) }

func givePass(p *jsonbytes.Pass) {
	p.Release()
	jsonPasses.Put(p)
}

// maxTreeValues is how many values content may have of which a tree is made.
const maxTreeValues = 100_000

// missingNodes ends a filter whose nodes are not all there, in the way that onMissing says.
func missingNodes(m *engine.Message, onMissing string, nodes []string) bool {
	if onMissing == "pass" || len(nodes) == 0 {
		return true
	}
	m.Fail(400, "nothing in content.body at %s", strings.Join(nodes, ", "))
	return false
}

// jsonEditor compiles edits; field names the list whose items they are.
func jsonEditor(field string, edits []jsonbytes.Edit) (*jsonbytes.Editor, error) {
	seen := make(map[string]int, len(edits))
	for i := range edits {
		path := edits[i].Path.String()
		if before, ok := seen[path]; ok && edits[i].Op != jsonbytes.Append && edits[i].Op != jsonbytes.Insert {
			return nil, wrong(indexed(field, i), "remove one of them", "%q stands there twice, also at %s", path, indexed(field, before))
		}
		seen[path] = i
		if _, err := jsonbytes.NewEditor(edits[i]); err != nil {
			return nil, wrong(indexed(field, i), "`framegate explain` shows what can be written", "%w", err)
		}
	}
	if len(edits) == 0 {
		return nil, wrong(field, "write a list of paths such as [/user/password, '**.token']", "nothing is named")
	}
	e, err := jsonbytes.NewEditor(edits...)
	if err != nil {
		return nil, wrong(field, "use fewer paths, or several filters", "%w", err)
	}
	return e, nil
}

// editJSON edits content.body. The pass has what the edits found until it is given back.
func editJSON(m *engine.Message, e *jsonbytes.Editor, p *jsonbytes.Pass) error {
	body := m.Body()
	out, changed, err := e.Append(p, m.Buffer(len(body)+e.Growth()), body)
	if err == nil && changed {
		m.SetBody(out)
	}
	return err
}

// tree is content.body as a tree, bounded in values and in depth.
func (d *jsonDocument) tree(m *engine.Message) (any, error) {
	return jsonbytes.Decode(m.Body(), maxTreeValues)
}

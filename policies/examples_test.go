package policies

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"framegate/engine"
	"framegate/filters"
)

// The example in the comment of every filter compiles, in one of the hooks at
// least in which the filter makes sense.
func TestExamplesOfFilters(t *testing.T) {
	docs, err := filters.Docs()
	if err != nil {
		t.Fatal(err)
	}
	for _, doc := range docs {
		t.Run(doc.Type, func(t *testing.T) {
			var said []string
			for _, hook := range doc.Hooks {
				if hook == engine.OnRequest.String() {
					continue // routes are not in this version
				}
				g := gatewayAround(t, doc, hook)
				_, problems := load(t.Context(), g.files(), options(t, nil), tableOfFilters(), nil)
				if !engine.Broken(problems) {
					return
				}
				said = append(said, hook+":\n"+text(problems))
			}
			t.Errorf("the example compiles in no hook:\n%s\n%s", doc.Example, strings.Join(said, "\n"))
		})
	}
}

// gatewayAround makes a gateway of an example: with the stores, policies and
// scripts that it names.
func gatewayAround(t *testing.T, doc *filters.Doc, hook string) gateway {
	example := doc.Example
	if strings.HasPrefix(example, "- ") {
		example = "filters:\n" + indented(example, 2)
	}
	g := websocketWith(hook + ": example")
	if hook == engine.OnUpgrade.String() {
		g = one(strings.Replace(echo, "onUpgrade: admit", "onUpgrade: example", 1))
	}
	g["policies/example.yaml"] = "policies:\n  example:\n" + indented(example, 4)
	var tree any
	if err := yaml.Unmarshal([]byte(example), &tree); err != nil {
		t.Fatalf("%v:\n%s", err, example)
	}
	g.provide(tree)
	return g
}

// provide adds what the fields of an example name.
func (g gateway) provide(tree any) {
	switch tree := tree.(type) {
	case []any:
		for _, item := range tree {
			g.provide(item)
		}
	case map[string]any:
		for key, value := range tree {
			switch key {
			case "policy":
				g[fmt.Sprintf("policies/%v.yaml", value)] = fmt.Sprintf("policies: {%v: {filters: [{type: true-filter}]}}\n", value)
			case "policies":
				for _, name := range value.([]any) {
					if name, ok := name.(string); ok {
						g.provide(map[string]any{"policy": name})
					}
				}
			case "store":
				g[fmt.Sprintf("remotehosts/%v.yaml", value)] = fmt.Sprintf("stores: {%v: {records: {}}}\n", value)
			case "file":
				g[fmt.Sprint(value)] = "export function invoke(msg) { return true; }\n"
			}
			g.provide(value)
		}
	}
}

// Every example of the repository loads without a word.
func TestExamplesOfTheRepository(t *testing.T) {
	dirs, err := filepath.Glob("../examples/*/gateway.yaml")
	if err != nil || len(dirs) < 3 {
		t.Fatalf("%d examples, %v", len(dirs), err)
	}
	for _, file := range dirs {
		if _, problems := check(t, filepath.Dir(file)); len(problems) > 0 {
			t.Errorf("%s:\n%s", filepath.Dir(file), text(problems))
		}
	}
}

package policies

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"framegate/filters"
	"framegate/remotehosts"
)

// manuals are the parts of a configuration that have a manual of their own, by
// the name that `framegate explain` knows them under.
var manuals = map[string]reflect.Type{
	"gateway":     reflect.TypeFor[Config](),
	"port":        reflect.TypeFor[Port](),
	"websocket":   reflect.TypeFor[Websocket](),
	"route":       reflect.TypeFor[Route](),
	"remote-host": reflect.TypeFor[remotehosts.Definition](),
	"policy":      reflect.TypeFor[Policy](),
	"filter":      reflect.TypeFor[Step](),
	"store":       reflect.TypeFor[Store](),
}

// parts are the keys under which such parts stand in another.
var parts = []string{"ports", "websockets", "routes", "remoteHosts", "policies", "filters", "stores"}

// authorsWords begins a comment with what the thing is, not with its name in Go.
func authorsWords(comment, name string) string {
	for _, verb := range []string{" is ", " are ", " says "} {
		if rest, ok := strings.CutPrefix(comment, name+verb); ok {
			return strings.ToUpper(rest[:1]) + rest[1:]
		}
	}
	return comment
}

// References lists the names that [Reference] knows, sorted.
func References() []string { return slices.Sorted(maps.Keys(manuals)) }

// Reference is the manual of a part of the configuration, such as port or
// remote-host, made of the struct that it decodes into; ok is false for any
// other name. What has a manual of its own is not repeated inside another.
func Reference(name string) (doc *filters.Doc, ok bool, err error) {
	t, ok := manuals[name]
	if !ok {
		return nil, false, nil
	}
	comments, err := filters.ReadComments(Source)
	if err != nil {
		return nil, true, fmt.Errorf("explain %s: %w", name, err)
	}
	hosts, err := filters.ReadComments(remotehosts.Source)
	if err != nil {
		return nil, true, fmt.Errorf("explain %s: %w", name, err)
	}
	maps.Copy(comments, hosts)
	text, example := filters.SplitExample(authorsWords(comments[t.Name()], t.Name()))
	doc = &filters.Doc{Type: name, Text: text, Example: example, Fields: filters.FieldDocs(t, comments)}
	for i := range doc.Fields {
		if slices.Contains(parts, doc.Fields[i].Name) {
			doc.Fields[i].Fields = nil
		}
	}
	return doc, true, nil
}

package policies

import (
	"fmt"
	"maps"
	"reflect"

	"framegate/filters"
	"framegate/remotehosts"
)

// manuals are the parts of a configuration that have a manual of their own, by
// the name that `framegate explain` knows them under.
var manuals = map[string]reflect.Type{
	"port":        reflect.TypeFor[Port](),
	"websocket":   reflect.TypeFor[Websocket](),
	"route":       reflect.TypeFor[Route](),
	"remote-host": reflect.TypeFor[remotehosts.Definition](),
}

// Reference is the manual of a part of the configuration — port, websocket, route or
// remote-host — made of the struct that it decodes into; ok is false for any
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
	text, example := filters.SplitExample(comments[t.Name()])
	doc = &filters.Doc{Type: name, Text: text, Example: example, Fields: filters.FieldDocs(t, comments)}
	for i := range doc.Fields {
		if name := doc.Fields[i].Name; name == "websockets" || name == "routes" {
			doc.Fields[i].Fields = nil
		}
	}
	return doc, true, nil
}

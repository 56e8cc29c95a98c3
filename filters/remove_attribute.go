package filters

import (
	"fmt"

	"framegate/engine"
)

func init() {
	register[removeAttribute](Kind{Type: "remove-attribute", Family: Transform, Aliases: []string{"RemoveAttributeFilter"}, Hooks: engine.OnAny})
}

// Removes attributes that filters or scripts have set, and passes whether they were
// there or not. What an upgrade policy removes, frame policies do not find in
// websock.context. As in Axway's Remove Attribute.
//
//	filters:
//	  - type: remove-attribute
//	    attributes: [chat.token, websock.session.draft]
type removeAttribute struct {
	// Attributes are their dotted names. What the gateway itself sets cannot be removed, except websock.session.NAME.
	Attributes []string `yaml:"attributes" required:"true"`

	attrs []engine.Attr
}

func (f *removeAttribute) Prepare(*Env) error {
	f.attrs = make([]engine.Attr, len(f.Attributes))
	for i, name := range f.Attributes {
		var err error
		if f.attrs[i], err = removable(indexed("attributes", i), name); err != nil {
			return err
		}
	}
	return nil
}

func (f *removeAttribute) Run(m *engine.Message) (bool, error) {
	for _, attr := range f.attrs {
		if err := m.Remove(attr); err != nil {
			return false, fmt.Errorf("remove %s: %w", attr.Name(), err)
		}
	}
	return true, nil
}

// removable is the attribute that a field names, which filters may remove.
func removable(field, name string) (engine.Attr, error) {
	attr, err := settable(field, name)
	if err == nil && !engine.Removable(name) {
		return attr, wrong(field, "name an attribute that a filter has set, or websock.session.NAME", "attribute %s is the gateway's own and cannot be removed", name)
	}
	return attr, err
}

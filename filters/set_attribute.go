package filters

import (
	"fmt"

	"framegate/engine"
)

func init() {
	register[setAttribute](Kind{Type: "set-attribute", Family: Transform, Hooks: engine.OnAny})
}

// Sets an attribute of the message. What an upgrade policy sets, frame policies
// read in websock.context; what is named websock.session.NAME is kept for the
// session and shared by both directions. As in Axway's Set Attribute filter, but a
// value that is nothing but one ${…} keeps its kind: a number stays a number, a
// header set a header set.
//
//	filters:
//	  - type: set-attribute
//	    attribute: chat.room
//	    value: '${params.query.room ?: "lobby"}'
type setAttribute struct {
	// Attribute is the attribute's dotted name. Of the gateway's own attributes only content.body,
	// http.response.status and websock.session.NAME can be set.
	Attribute string `yaml:"attribute" required:"true"`

	// Value is what it is set to.
	Value engine.Selector `yaml:"value" required:"true"`

	attr engine.Attr
}

func (f *setAttribute) Prepare(*Env) (err error) {
	f.attr, err = settable("attribute", f.Attribute)
	return err
}

// Generates names the attribute for the check of what is read and never set.
func (f *setAttribute) Generates() []string { return []string{f.Attribute} }

func (f *setAttribute) Run(m *engine.Message) (bool, error) {
	value, err := f.Value.Value(m)
	if err != nil {
		return false, fmt.Errorf("value: %w", err)
	}
	if err := m.Set(f.attr, value); err != nil {
		return false, fmt.Errorf("set %s: %w", f.Attribute, err)
	}
	return true, nil
}

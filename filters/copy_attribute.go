package filters

import (
	"fmt"

	"framegate/engine"
)

func init() {
	register[copyAttribute](Kind{Type: "copy-attribute", Family: Transform, Aliases: []string{"CopyModifyAttributesFilter"}, Hooks: engine.OnAny})
}

// Copies an attribute to another one, in its own kind: a list stays a list, a
// header set becomes a copy that later changes do not reach. It fails when there is
// none, and aborts when the copy cannot be kept: in websock.session.NAME more than
// 64 KiB. As in Axway's Copy/Modify Attributes.
//
//	filters:
//	  - type: copy-attribute
//	    from: http.headers
//	    to: chat.asked
type copyAttribute struct {
	// From is the attribute that is copied, or a part of one: authentication.subject.attributes["plan"].
	From string `yaml:"from" required:"true"`

	// To is the attribute that becomes the same. Of the gateway's own attributes only those can be set that set-attribute can.
	To string `yaml:"to" required:"true"`

	// Move removes the attribute that was copied.
	Move bool `yaml:"move"`

	source   engine.Selector
	from, to engine.Attr
}

func (f *copyAttribute) Prepare(*Env) (err error) {
	if f.source, err = engine.ParseSelector("${" + f.From + "}"); err != nil {
		return wrong("from", `write a dotted name such as chat.room, or a part of one: chat.user["name"]`, "%q is not the name of an attribute", f.From)
	}
	if f.to, err = settable("to", f.To); err != nil || !f.Move {
		return err
	}
	f.from, err = removable("from", f.From)
	return err
}

// Generates names the attribute for the check of what is read and never set.
func (f *copyAttribute) Generates() []string { return []string{f.To} }

func (f *copyAttribute) Run(m *engine.Message) (bool, error) {
	value, err := f.source.Value(m)
	if err != nil {
		m.Fail(0, "attribute %s is not set", f.From)
		return false, nil
	}
	if h := value.Headers(); h != nil {
		value = engine.HeadersValue(h.Clone())
	}
	if err := m.Set(f.to, value); err != nil {
		return false, fmt.Errorf("set %s: %w", f.To, err)
	}
	if !f.Move {
		return true, nil
	}
	if err := m.Remove(f.from); err != nil {
		return false, fmt.Errorf("remove %s: %w", f.From, err)
	}
	return true, nil
}

package filters

import (
	"unicode/utf8"

	"framegate/engine"
	"framegate/engine/wire"
)

func init() {
	register[restoreMessage](Kind{Type: "restore-message", Family: Transform, Aliases: []string{"RestoreMessageFilter"}, Hooks: engine.OnHTTP | engine.OnFrame})
}

// Makes content.body what store-message has kept: body and kind, so that a text
// message can become a binary one. It fails when nothing is kept there, and aborts
// when another filter has put something there that a text message cannot be. As in
// Axway's Restore Message.
//
//	filters:
//	  - {type: store-message, attribute: websock.session.last}
//	  - {type: restore-message, attribute: websock.session.last}
type restoreMessage struct {
	// Attribute is where the body is kept.
	Attribute string `yaml:"attribute" default:"message.stored"`

	attr engine.Attr
}

func (f *restoreMessage) Prepare(*Env) error {
	if !dottedName(f.Attribute) {
		return wrong("attribute", "write the name that store-message has", "%q is not the name of an attribute", f.Attribute)
	}
	f.attr = engine.AttrOf(f.Attribute)
	return nil
}

func (f *restoreMessage) Run(m *engine.Message) (bool, error) {
	value := m.Get(f.attr)
	if value.IsMissing() {
		m.Fail(0, "no message is kept in %s", f.Attribute)
		return false, nil
	}
	body, op := value.AppendTo(nil), wire.Text
	if value.Kind() == engine.Bytes {
		op = wire.Binary
	}
	if m.Answer == nil {
		if op == wire.Text && !utf8.Valid(body) {
			return false, errNotText
		}
		m.Op = op
	}
	m.SetBody(body)
	return true, nil
}

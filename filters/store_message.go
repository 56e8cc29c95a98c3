package filters

import (
	"fmt"

	"framegate/engine"
)

func init() {
	register[storeMessage](Kind{Type: "store-message", Family: Transform, Aliases: []string{"StoreMessageFilter"}, Hooks: engine.OnHTTP | engine.OnFrame})
}

// Keeps content.body in an attribute, for restore-message: with its kind, text or
// binary. Kept in websock.session.NAME it is there for later messages of the session,
// in both directions, up to 64 KiB; more aborts. As in Axway's Store Message.
//
//	filters:
//	  - {type: store-message, attribute: chat.original}
//	  - {type: replace, find: secret, with: '***'}
//	  - {type: log-message, format: 'relayed ${content.body}'}
//	  - {type: restore-message, attribute: chat.original}
type storeMessage struct {
	// Attribute is where the body is kept.
	Attribute string `yaml:"attribute" default:"message.stored"`

	attr engine.Attr
}

func (f *storeMessage) Prepare(*Env) (err error) {
	f.attr, err = settable("attribute", f.Attribute)
	return err
}

// Generates names the attribute for the check of what is read and never set.
func (f *storeMessage) Generates() []string { return []string{f.Attribute} }

var contentBody = engine.AttrOf("content.body")

func (f *storeMessage) Run(m *engine.Message) (bool, error) {
	if err := m.Set(f.attr, m.Get(contentBody)); err != nil {
		return false, fmt.Errorf("set %s: %w", f.Attribute, err)
	}
	return true, nil
}

package filters

import (
	"fmt"

	"framegate/engine"
	"framegate/engine/wire"
)

func init() {
	register[replyFrame](Kind{Type: "reply-frame", Family: Answers, Hooks: engine.OnFrame, Ends: true})
}

// Answers the sender instead of passing the message on: the other side never
// gets it. The answer runs through no policy. The policy passes; the traffic log
// has the message as replied. It aborts where a text would not be UTF-8.
//
//	filters:
//	  - type: throttling
//	    allow: 20
//	    failure: slow-down
//	    success: pass
//	  - name: slow-down
//	    type: reply-frame
//	    json: {error: too fast, id: '${id}'}
type replyFrame struct {
	content `yaml:",inline"`

	// Kind is the kind of message that it goes in.
	Kind string `yaml:"kind" default:"text" oneof:"text binary"`

	op wire.Op
}

func (f *replyFrame) Prepare(*Env) error {
	f.op = wire.Text
	if f.Kind == "binary" {
		f.op = wire.Binary
	}
	return f.content.prepare(true)
}

func (f *replyFrame) Run(m *engine.Message) (bool, error) {
	body, err := f.bytes(m, f.op)
	if err != nil {
		return false, err
	}
	if err := m.Reply(f.op, body); err != nil {
		return false, fmt.Errorf("reply: %w", err)
	}
	return true, nil
}

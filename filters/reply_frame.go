package filters

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"framegate/engine"
	"framegate/engine/wire"
)

func init() { register[replyFrame](Kind{Type: "reply-frame", Hooks: engine.OnFrame, Ends: true}) }

// Answers the sender instead of passing the message on: the other side never
// gets it. The answer runs through no policy. The policy passes; the traffic log
// has the message as replied.
//
//	filters:
//	  - type: throttling
//	    allow: 20
//	    failure: slow-down
//	    success: pass
//	  - name: slow-down
//	    type: reply-frame
//	    body: '{"error":"too fast","id":"${id}"}'
type replyFrame struct {
	// Body is what the sender gets. Text that is not UTF-8 aborts the policy.
	Body engine.Selector `yaml:"body" required:"true"`

	// Kind is the kind of message that it goes in.
	Kind string `yaml:"kind" default:"text" oneof:"text binary"`

	op      wire.Op
	literal []byte
}

func (f *replyFrame) Prepare(*Env) error {
	f.op = wire.Text
	if f.Kind == "binary" {
		f.op = wire.Binary
	}
	if text, ok := f.Body.Literal(); ok {
		f.literal = []byte(text)
	}
	return nil
}

func (f *replyFrame) Run(m *engine.Message) (bool, error) {
	body, err := bodyOf(f.Body, f.literal, f.op, m)
	if err != nil {
		return false, err
	}
	if err := m.Reply(f.op, body); err != nil {
		return false, fmt.Errorf("reply: %w", err)
	}
	return true, nil
}

// errNotText aborts a policy whose selector would make a text message that is
// not UTF-8 (RFC 6455 §5.6: "The 'Payload data' is text data encoded as UTF-8").
var errNotText = errors.New("body: a text message must be UTF-8, and the selector gave other bytes")

// bodyOf is a payload that a filter makes: the selector's text for this message,
// or its literal text where it has one. It must not be changed.
func bodyOf(s engine.Selector, literal []byte, op wire.Op, m *engine.Message) ([]byte, error) {
	if literal != nil {
		return literal, nil
	}
	body, err := s.Append(nil, m)
	switch {
	case err != nil:
		return nil, fmt.Errorf("body: %w", err)
	case op == wire.Text && !utf8.Valid(body):
		return nil, errNotText
	}
	return body, nil
}

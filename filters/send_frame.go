package filters

import (
	"encoding/base64"
	"fmt"
	"strings"

	"framegate/engine"
	"framegate/engine/wire"
)

func init() { register[sendFrame](Kind{Type: "send-frame", Family: Answers, Hooks: engine.OnFrame}) }

// Sends a new message to the client or to the server, before the one that the
// policy runs on, which goes on its own way. It runs through no policy; the traffic
// log has it as sent. It never fails; it aborts after 100 messages for one, and when
// a text would not be UTF-8 or a base64 text is none.
//
//	filters:
//	  - {type: send-frame, to: client, json: {seen: '${websock.frame.seq}'}}
type sendFrame struct {
	// To is who gets it.
	To string `yaml:"to" required:"true" oneof:"client server"`

	content `yaml:",inline"`

	// Kind is the kind of message that it goes in.
	Kind string `yaml:"kind" default:"text" oneof:"text binary"`

	// Base64 says that the body is base64, for bytes that no text can hold; with or without = at its end.
	Base64 bool `yaml:"base64"`

	to engine.Side
	op wire.Op
}

func (f *sendFrame) Prepare(*Env) error {
	f.to, f.op = engine.ClientSide, wire.Text
	if f.To == "server" {
		f.to = engine.HostSide
	}
	if f.Kind == "binary" {
		f.op = wire.Binary
	}
	if err := f.content.prepare(true); err != nil || !f.Base64 {
		return err
	}
	if f.JSON != nil {
		return wrong("base64", "leave it out", "json is no base64")
	}
	if f.literal != nil {
		var err error
		if f.literal, err = decodeBase64(string(f.literal)); err != nil {
			return wrong("body", "write the base64 of the bytes, or leave base64 out", "%w", err)
		}
	}
	return nil
}

func (f *sendFrame) Run(m *engine.Message) (bool, error) {
	body, err := f.body(m)
	if err != nil {
		return false, err
	}
	if err := m.Send(f.to, f.op, body); err != nil {
		return false, fmt.Errorf("send to the %s: %w", f.To, err)
	}
	return true, nil
}

func (f *sendFrame) body(m *engine.Message) ([]byte, error) {
	if !f.Base64 || f.literal != nil {
		return f.bytes(m, f.op)
	}
	text, err := f.Body.String(m)
	if err != nil {
		return nil, fmt.Errorf("body: %w", err)
	}
	return decodeBase64(text)
}

// decodeBase64 decodes base64 of both alphabets, padded or not (RFC 4648 §4, §5).
func decodeBase64(text string) ([]byte, error) {
	plain := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
	p, err := base64.RawStdEncoding.DecodeString(plain)
	if err != nil {
		return nil, fmt.Errorf("this is no base64: %w", err)
	}
	return p, nil
}

package filters

import (
	"errors"
	"fmt"
	"time"

	"framegate/engine"
	"framegate/engine/wire"
)

func init() {
	register[firstMessage](Kind{Type: "first-message", Family: Routing, Hooks: engine.OnUpgrade, Early: true, Writes: []string{"content.body"}})
}

// Lets the upgrade policy decide by the client's first message: who it is, by a
// token that a browser cannot put into a header, or where it wants to go. It answers
// the client its 101, waits for one data message, and puts it into content.body; then
// the policy goes on, to json-retrieve, switch, jwt-verify, connect-to-url. The
// message is the first of the session and goes through onClientFrame, unless it is
// consumed. Pings are answered meanwhile.
//
// From here on the client has its 101, so that a refusal is a close code: 1008 where
// the policy fails, 1011 where it aborts, 1014 where the host cannot be reached (502,
// 504), 1013 where it is full (503). The filter fails when no message comes in time
// or the client goes away; it aborts when the message breaks the protocol or is longer
// than limits.message, and the client is told so (1002, 1007, 1009).
//
// The subprotocol is chosen before any host is asked: the first of the websocket's
// subprotocols that the client has offered, else the client's first; the host is offered
// that alone. Nothing is compressed towards the client.
//
//	filters:
//	  - {type: first-message, timeout: 5s, attribute: chat.hello}
//	  - type: switch
//	    value: ${content.body}
//	    cases: [{op: starts-with, with: gold, policy: gold-plan}]
//	    default: pass
//	  - {type: connect-to-url, url: ws://127.0.0.1:9001/}
type firstMessage struct {
	// Timeout is how long to wait for it; the upgrade as a whole may take 30s.
	Timeout time.Duration `yaml:"timeout" default:"10s" min:"1ms" max:"30s"`

	// Consume keeps the message from the session: neither onClientFrame nor the host gets it, as is right for a token.
	Consume bool `yaml:"consume"`

	// Attribute keeps the message, too, for frame policies to read in websock.context: text, or bytes of a binary message.
	Attribute string `yaml:"attribute"`

	attr engine.Attr
}

func (f *firstMessage) Prepare(*Env) (err error) {
	if f.Attribute != "" {
		f.attr, err = settable("attribute", f.Attribute)
	}
	return err
}

// Generates names the attribute for the check of what is read and never set.
func (f *firstMessage) Generates() []string {
	if f.Attribute == "" {
		return nil
	}
	return []string{f.Attribute}
}

func (f *firstMessage) Run(m *engine.Message) (bool, error) {
	op, body, err := m.FirstMessage(f.Timeout, f.Consume)
	switch {
	case errors.Is(err, engine.ErrFirstTimeout):
		m.Fail(408, "no message within %s", f.Timeout)
		return false, nil
	case errors.Is(err, engine.ErrFirstGone):
		m.Fail(0, "%v", err)
		return false, nil
	case err != nil:
		return false, err
	}
	m.SetBody(body)
	if f.Attribute == "" {
		return true, nil
	}
	value := engine.StringValue(string(body))
	if op == wire.Binary {
		value = engine.BytesValue(body)
	}
	if err := m.Set(f.attr, value); err != nil {
		return false, fmt.Errorf("set %s: %w", f.Attribute, err)
	}
	return true, nil
}

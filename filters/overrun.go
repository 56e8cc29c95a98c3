package filters

import (
	"fmt"
	"strconv"
	"time"

	"framegate/engine"
	"framegate/engine/wire"
)

// limitWait is the attribute that says for how many seconds what was refused will
// not pass; -1 when it never will.
var limitWait = engine.AttrOf("limit.wait")

// overrun says what happens to a message that is over a limit of throttling or
// quota, beside the filter's failure: what their field over says.
type overrun struct {
	// Body is what the sender gets with over: reply, as text; {"error":"too many messages"} where it
	// is left out. ${limit.wait} in it is for how many seconds nothing more will pass.
	Body engine.Selector `yaml:"body"`

	// Code is the close code with over: close (RFC 6455 §7.4), as in close-websocket.
	Code int `yaml:"code" default:"1008"`

	over    string
	literal []byte
}

// defaultOverrun is the reply of an author who has written none.
const defaultOverrun = `{"error":"too many messages"}`

func (o *overrun) prepare(env *Env, over string) error {
	o.over = over
	switch {
	case over != "fail" && env.Hooks != 0 && env.Hooks&engine.OnFrame == 0:
		return wrong("over", "leave it out: upgrades and requests get 429", "it is about messages, and this policy runs in %s only", env.Hooks)
	case o.over != "reply" && !o.Body.IsZero():
		return wrong("body", "write over: reply beside it, or leave it out", "nothing is sent with over: %s", o.over)
	case o.Code < 0 || o.Code > 0xFFFF || !wire.ValidCode(uint16(o.Code)):
		return wrong("code", "write 1000–1003, 1007–1014, or your own from 4000–4999", "%d may not stand in a close frame", o.Code)
	case o.over != "close" && o.Code != int(wire.ClosePolicyViolation):
		return wrong("code", "write over: close beside it, or leave it out", "nothing is closed with over: %s", o.over)
	}
	if o.over == "reply" && o.Body.IsZero() {
		o.literal = []byte(defaultOverrun)
	} else if text, ok := o.Body.Literal(); ok {
		o.literal = []byte(text)
	}
	return nil
}

// refuse fails the filter and does with the message what over says. A wait of 0
// is for what will never pass.
func (o *overrun) refuse(m *engine.Message, wait time.Duration, reason string) error {
	m.Fail(429, "%s", reason)
	seconds := wholeSeconds(wait)
	if wait == 0 {
		seconds = -1
	}
	if err := m.Set(limitWait, engine.IntValue(seconds)); err != nil {
		return err
	}
	if m.Hook&engine.OnFrame == 0 {
		if seconds < 0 {
			return nil
		}
		return m.Challenge("Retry-After", strconv.FormatInt(seconds, 10))
	}
	switch o.over {
	case "drop":
		m.Drop()
	case "close":
		m.Close(uint16(o.Code), cutText(reason, wire.MaxReason))
	case "reply":
		body, err := bodyOf(o.Body, o.literal, wire.Text, m)
		if err != nil {
			return err
		}
		if err := m.Reply(wire.Text, body); err != nil {
			return fmt.Errorf("reply: %w", err)
		}
	}
	return nil
}

// wholeSeconds is a time in seconds, a begun one as a whole.
func wholeSeconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

// setHeader sets a header of the answer, whatever it will be: of the refusal that
// a preceding Fail announced, or of the 101.
func setHeader(m *engine.Message, pass bool, name, value string) error {
	if !pass {
		return m.Challenge(name, value)
	}
	if err := m.Answer.Headers.Set(name, value); err != nil {
		return fmt.Errorf("header %s: %w", name, err)
	}
	return nil
}

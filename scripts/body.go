package scripts

import (
	"github.com/dop251/goja"

	"framegate/engine"
	"framegate/engine/wire"
)

// body is msg.body: text as a string, bytes as a Uint8Array. It is made when the script first asks for it, and once.
func (c *machine) body() goja.Value {
	if c.msg.body == nil {
		raw := c.m.Body()
		if isText(c.m) {
			c.msg.body = c.rt.ToValue(string(raw))
		} else {
			c.msg.body = c.bytes(append([]byte{}, raw...))
		}
	}
	return c.msg.body
}

// isText tells whether the body is text: that of a text message, and that of an HTTP answer.
func isText(m *engine.Message) bool { return m.Answer != nil || m.Op != wire.Binary }

// setBody replaces the body. A string stays text and bytes stay binary as far as the message's kind goes: a text message
// takes bytes when they are UTF-8, a binary message takes a string as UTF-8.
func (c *machine) setBody(v goja.Value) {
	_, p := c.payload(v)
	if isText(c.m) && !validText(v, p) {
		c.throw("the body of a text message must be UTF-8")
	}
	c.m.SetBody(p)
	c.msg.body = nil
	if s, ok := v.(goja.String); ok && isText(c.m) {
		c.msg.body = s
	}
}

// payload is what a script gives to be sent, and the kind of message that makes.
func (c *machine) payload(v goja.Value) (wire.Op, []byte) {
	if s, ok := v.(goja.String); ok {
		return wire.Text, []byte(c.bounded(s))
	}
	if p, ok := c.bytesOf(v); ok {
		return wire.Binary, p
	}
	c.throw("a message's body is a string or a Uint8Array, not %s; use JSON.stringify for objects", describe(v))
	return 0, nil
}

package scripts

import (
	"fmt"
	"time"

	"github.com/dop251/goja"

	"framegate/engine"
	"framegate/engine/wire"
)

// wait runs a host function that may take long: the time is the message's, whose context it honours, not the script's.
func (c *machine) wait(f func()) {
	began := time.Now()
	c.turn.wait()
	defer func() {
		c.turn.proceed()
		c.waited += time.Since(began)
	}()
	f()
}

// reply is msg.reply(body): the message is not passed on, and body goes back to its sender.
func (c *machine) reply(call goja.FunctionCall) goja.Value {
	m := c.frame("reply")
	op, p := c.payload(call.Argument(0))
	c.countSend()
	if err := m.Reply(op, p); err != nil {
		c.exceed("%v", err)
	}
	return undefined
}

// send is msg.send(side, body): a new message to the client or to the server.
func (c *machine) send(call goja.FunctionCall) goja.Value {
	m := c.frame("send")
	var side engine.Side
	switch name := call.Argument(0); {
	case equals(name, "client"):
		side = engine.ClientSide
	case equals(name, "server"), equals(name, "host"):
		side = engine.HostSide
	default:
		c.throw("send goes to \"client\" or \"server\", not %s", describe(name))
	}
	op, p := c.payload(call.Argument(1))
	c.countSend()
	if err := m.Send(side, op, p); err != nil {
		c.exceed("%v", err)
	}
	return undefined
}

func equals(v goja.Value, text string) bool {
	s, ok := v.(goja.String)
	return ok && s.Length() == len(text) && s.String() == text
}

// countSend bounds what one call makes of one message.
func (c *machine) countSend() {
	if c.sends++; c.sends > c.code.limits.Sends {
		c.exceed("a call may send at most %d messages", c.code.limits.Sends)
	}
}

// frame is the message, which must be a data message.
func (c *machine) frame(function string) *engine.Message {
	m := c.current()
	if m.Hook&engine.OnFrame == 0 {
		c.throw("%s is for data messages: in %s there is no session to send to", function, m.Hook)
	}
	return m
}

// maxReason is the longest close reason, RFC 6455 §5.5: 125 bytes less the code.
const maxReason = 123

// closeSession is msg.close(code, reason).
func (c *machine) closeSession(call goja.FunctionCall) goja.Value {
	m := c.current()
	code := int64(1000)
	if arg := call.Argument(0); !goja.IsUndefined(arg) {
		code = arg.ToInteger()
	}
	if code < 1000 || code > 4999 || !wire.ValidCode(uint16(code)) {
		panic(c.rangeError(fmt.Sprintf("%d is no close code that may be sent (RFC 6455 §7.4): use 1000, 1008, 1011 or 3000 to 4999", code)))
	}
	reason := ""
	if arg := call.Argument(1); !goja.IsUndefined(arg) {
		s, ok := arg.(goja.String)
		if !ok {
			c.throw("the reason of a close is a text, not %s", describe(arg))
		}
		reason = s.String()
	}
	if len(reason) > maxReason {
		panic(c.rangeError(fmt.Sprintf("the reason of a close has %d bytes; at most %d can be sent", len(reason), maxReason)))
	}
	m.Close(uint16(code), reason)
	return undefined
}

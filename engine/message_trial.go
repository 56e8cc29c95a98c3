package engine

import (
	"context"
	"log/slog"
	"time"

	"framegate/engine/wire"
)

// What follows is for trying a filter, a script or a policy on a message of
// [NewMessage], outside of any gateway.

// Receive makes the message the next data message from its side, as the relay
// does: attributes, verdict and trail start anew. It keeps body.
func (m *Message) Receive(op wire.Op, body []byte) { m.reset(op, body, 1) }

// Follow says whether the trail keeps times and changes. [NewMessage] has it on.
func (m *Message) Follow(on bool) { m.run.following = on }

// SetClock replaces the clock behind [Message.Now].
func (m *Message) SetClock(now func() time.Time) { m.clock = now }

// SetLogger replaces the logger behind [Message.Logger].
func (m *Message) SetLogger(log *slog.Logger) { m.log = log }

// SetContext replaces what [Message.Context] returns.
func (m *Message) SetContext(ctx context.Context) { m.ctx = ctx }

// SetContextAttr sets an attribute of the upgrade, as frame and close policies
// see it under websock.context. The message must have been made with a request.
func (m *Message) SetContextAttr(name string, v Value) {
	m.Session.upgrade.attrs.set(AttrOf(name).name, v)
}

// Verdict is what becomes of the data message, as the filters that ran so far have it.
func (m *Message) Verdict() Verdict { return m.verdict }

// Closing is the close code and reason of a message whose verdict is [Close].
func (m *Message) Closing() Cause { return m.closing }

// Sends calls visit for each message that filters asked to be sent, replies among them, in order.
func (m *Message) Sends(visit func(to Side, op wire.Op, body []byte)) {
	for _, s := range m.sends {
		visit(s.to, s.op, s.body)
	}
}

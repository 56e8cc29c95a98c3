package engine

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"framegate/engine/wire"
)

// NewMessage makes a message outside a gateway, with a session of its own: for
// trying a filter, a script or a policy. In the HTTP hooks q is the request that
// the policy runs on; in the others it is the upgrade, which websock.context
// shows. Data messages come with [Message.Receive].
func NewMessage(hook Hook, q *Request) *Message {
	if q == nil {
		q = &Request{Method: "GET", URI: "/", Path: "/", Headers: &Headers{}}
	}
	if q.Headers == nil {
		q.Headers = &Headers{}
	}
	if !q.Client.IsValid() {
		q.Client = netip.MustParseAddrPort("127.0.0.1:50000")
	}
	m := &Message{Hook: hook, Op: wire.Text, Session: &Session{
		ID: newSessionID(), Path: q.Path, Client: q.Client, Opened: time.Now(),
	}}
	if hook == OnServerFrame {
		m.from = HostSide
	}
	if hook&OnHTTP != 0 {
		m.Request, m.Answer = q, &Answer{}
		return m
	}
	m.Session.upgrade = &upgradeState{request: q}
	return m
}

// Receive makes the message the next data message from its side, as the relay
// does: attributes, verdict and trail start anew. It keeps body.
func (m *Message) Receive(op wire.Op, body []byte) { m.reset(op, body, 1) }

// SetClock replaces the clock behind [Message.Now].
func (m *Message) SetClock(now func() time.Time) { m.clock = now }

// SetLogger replaces the logger behind [Message.Logger].
func (m *Message) SetLogger(log *slog.Logger) { m.log = log }

// SetContext replaces what [Message.Context] returns.
func (m *Message) SetContext(ctx context.Context) { m.ctx = ctx }

// SetContextAttr sets an attribute of the upgrade, as frame and close policies
// see it under websock.context.
func (m *Message) SetContextAttr(name string, v Value) {
	m.Session.upgrade.attrs.set(AttrOf(name).name, v)
}

// Verdict is what becomes of the data message, as the filters that ran so far have it.
func (m *Message) Verdict() Verdict { return m.verdict }

// Closing is the close code and reason of a message whose verdict is [Close].
func (m *Message) Closing() Cause { return m.closing }

// Sends gives the messages that filters asked to be sent, replies among them, in order.
func (m *Message) Sends(yield func(to Side, op wire.Op, body []byte)) {
	for _, s := range m.sends {
		yield(s.to, s.op, s.body)
	}
}

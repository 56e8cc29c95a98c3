package engine

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"framegate/engine/socket"
	"framegate/engine/wire"
)

// Message is what a policy runs on: an upgrade request, a data message, or the
// close of a session. A session owns one per direction and uses it again, so
// nothing of it may be kept once Run has returned.
type Message struct {
	Hook    Hook
	Session *Session // never nil
	Request *Request // the HTTP request in OnHTTP hooks, else nil
	Answer  *Answer  // the HTTP answer in OnHTTP hooks, else nil
	Op      wire.Op  // Text or Binary in frame hooks
	Offer   Offer    // in OnUpgrade: what the remote host may be offered

	from      Side
	seq       int64
	fragments int
	body      []byte
	lent      []*buffer // that new bodies were made in
	changed   bool
	private   bool // the traffic log keeps no payloads: nor does the trail
	withheld  bool
	attrs     attrs
	verdict   Verdict
	closing   Cause
	sends     []send
	upstream  *Socket
	early     *early // in OnUpgrade of a websocket whose policy reads the first message; else nil
	ctx       context.Context
	log       *slog.Logger
	run       run
	clock     func() time.Time
	http      *content // of a request on a route; else nil
}

// Offer is what of the client's offers goes on to the remote host.
type Offer struct {
	Subprotocols []string // those that the client offered and the websocket allows, in the client's order
	// Marker is a subprotocol that the client offered only to bring a key or a token with it. The host never sees it; the client
	// is answered with it when the host chose none.
	Marker string
	// Extensions is the Sec-WebSocket-Extensions for the host: the client's where both directions are raw, else the gateway's
	// own, if it has any.
	Extensions string
	// Deflate is what the gateway wants where Extensions are its own offer of compression: the answer must fit, see
	// [wire.AgreedDeflate], and belongs into [Socket.Deflate]. Else nil.
	Deflate *wire.DeflateTerms
}

// Verdict is what becomes of a data message after its policy.
type Verdict uint8

// The verdicts.
const (
	Forward Verdict = iota // pass on, changed or not
	Drop                   // do not pass on
	Reply                  // do not pass on; something went back to the sender
	Close                  // end the session
)

var verdictNames = [...]string{"forward", "drop", "reply", "close"}

// String is the verdict's word in trails and records.
func (v Verdict) String() string { return verdictNames[v] }

// send is a message that a policy asked to be sent.
type send struct {
	to   Side
	op   wire.Op
	body []byte
}

// maxSends bounds what one message may make of itself: 100 messages (DESIGN §6).
const maxSends = 100

// From tells which side a data message came from.
func (m *Message) From() Side { return m.from }

// Body is content.body: the payload of a data message, or the body of the HTTP
// answer to an upgrade. On a route it is the request's body, read into memory now,
// until a filter sets it or a remote host answers: then it is the answer's. Where
// that is too long it is nil, and the filter that asked fails. It is valid until
// the filter returns and must not be changed in place.
func (m *Message) Body() []byte {
	if m.http != nil {
		return m.content()
	}
	if m.Answer != nil {
		return m.Answer.Body
	}
	return m.body
}

// SetBody replaces content.body. It keeps p, which must not change afterwards.
func (m *Message) SetBody(p []byte) {
	if m.http != nil {
		m.http.changed, m.Answer.Stream = true, nil
	}
	if m.Answer != nil {
		m.Answer.Body = p
		return
	}
	m.note("content.body", textOf(m.Op, m.body), textOf(m.Op, p))
	m.body, m.changed = p, true
}

// Changed tells whether a filter replaced content.body of a data message, or of
// a request on a route since it came or since the host has answered.
func (m *Message) Changed() bool { return m.changed || m.http != nil && m.http.changed }

// Context ends with the session, the upgrade's deadline or the policy's. Calls
// out of a filter must honour it.
func (m *Message) Context() context.Context {
	if m.http != nil && m.http.watch != nil {
		m.http.watch()
	}
	if m.ctx != nil {
		return m.ctx
	}
	return m.Session.Context()
}

// Lot is where a connection that the message's policy opens may wait for its
// first answer; nil where there is none.
func (m *Message) Lot() *socket.Lot { return m.Session.gateway.lot }

// Wait delays the message; it returns early, with the cause, when the session
// ends. It does not count against the idle timeout.
func (m *Message) Wait(d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-m.Context().Done():
		return fmt.Errorf("wait %s: %w", d, context.Cause(m.Context()))
	}
}

// Now is the gateway's clock, which tests can turn.
func (m *Message) Now() time.Time {
	if m.clock != nil {
		return m.clock()
	}
	return m.Session.gateway.now()
}

// Logger writes to the gateway's log, with the session's id.
func (m *Message) Logger() *slog.Logger {
	if m.log == nil {
		m.log = m.Session.gateway.log.With("session", m.Session.ID)
	}
	return m.log
}

// Connect hands over the upgraded connection to the remote host; the session
// starts with it once the policy has passed. A second call replaces and closes
// the first.
func (m *Message) Connect(s *Socket) {
	m.disconnect()
	m.upstream = s
}

// Reserve counts the session that an upgrade makes, or a request, under a key of a
// counter, unless limit are counted there already; in any case it tells how many
// are. It counts until the session, the refused upgrade or the request has ended,
// over reloads too. What is counted under the key already is not counted again.
func (m *Message) Reserve(counter, key string, limit int) (ok bool, open int) {
	return m.Session.reserve(place{counter: counter, key: key}, limit)
}

// Connected tells whether the policy has connected to a remote host.
func (m *Message) Connected() bool { return m.upstream != nil }

func (m *Message) disconnect() {
	if m.upstream == nil {
		return
	}
	m.upstream.Conn.Close()
	if m.upstream.Release != nil {
		m.upstream.Release()
	}
	m.upstream = nil
}

// Local returns what a filter has kept, under a key of its own, for this session
// and direction: a script's copy. Nil when it has kept nothing.
func (m *Message) Local(key any) any { return m.Session.locals[m.lane()][key] }

// SetLocal keeps a value for the rest of the session, for this direction only.
// An [io.Closer] is closed when the session has ended.
func (m *Message) SetLocal(key, value any) {
	local := &m.Session.locals[m.lane()]
	if *local == nil {
		*local = make(map[any]any)
	}
	(*local)[key] = value
}

// lane numbers the goroutines that may run policies of one session: one per
// direction, and one for the upgrade and the close, which never overlap.
func (m *Message) lane() int {
	if m.Hook&OnFrame != 0 {
		return int(m.from)
	}
	return 2
}

// Drop ends the message here: it is not passed on.
func (m *Message) Drop() { m.verdict = Drop }

// Withhold keeps the message from the other side, whatever else becomes of it,
// and its payload out of the traffic log: it carries a secret that is for the gateway.
func (m *Message) Withhold() { m.withheld = true }

// Reply sends p back to where the message came from, instead of passing the
// message on. It keeps p.
func (m *Message) Reply(op wire.Op, p []byte) error {
	if err := m.Send(m.from, op, p); err != nil {
		return err
	}
	m.verdict = Reply
	return nil
}

// Send sends a new message to one side, before this one is passed on. It runs
// no policy. It keeps p. At most 100 a message; one more is an error, and so is
// what must not be sent ([ErrNotSendable]).
func (m *Message) Send(to Side, op wire.Op, p []byte) error {
	if len(m.sends) == maxSends {
		return fmt.Errorf("a message may send at most %d messages", maxSends)
	}
	if err := sendable(op, p); err != nil {
		return err
	}
	m.sends = append(m.sends, send{to, op, p})
	return nil
}

// Close ends the session with a close code and reason to both sides.
func (m *Message) Close(code uint16, reason string) {
	m.verdict = Close
	m.closing = Cause{Code: code, Reason: reason, By: "policy"}
}

// Fail notes why the filter is about to return false, and with which HTTP
// status the upgrade is refused if nothing else answers (0: the default, 403).
func (m *Message) Fail(status int, format string, args ...any) {
	m.run.status, m.run.explained, m.run.named = status, true, false
	m.run.headers = Headers{}
	m.run.reason = fmt.Sprintf(format, args...)
}

// Settle says how the run of the hook's policy has ended, whatever its arrows
// say and although a fault handler has run.
func (m *Message) Settle(pass bool) { m.run.settled = &pass }

// Challenge adds a header to the refusal that a preceding Fail announced, such
// as WWW-Authenticate or Retry-After. A name may be added more than once, as for
// the challenges of several schemes.
func (m *Message) Challenge(name, value string) error {
	if err := m.run.headers.Add(name, value); err != nil {
		return fmt.Errorf("refusal header %s: %w", name, err)
	}
	return nil
}

// Refusal is the status and the headers that the last failed filter wants the
// client to get, and why it failed. Fault filters build their answer from it.
func (m *Message) Refusal() (status int, headers *Headers, reason string) {
	status = m.run.status
	switch {
	case status == 0 && m.run.fault != nil:
		status = 500
	case status == 0:
		status = 403
	}
	return status, &m.run.headers, m.run.reason
}

// Logf adds a line to the trail, as console.log of a script and trace do.
func (m *Message) Logf(level slog.Level, format string, args ...any) {
	m.run.logf(level, format, args...)
}

// belongTo makes the message one of a direction of a session.
func (m *Message) belongTo(s *Session, from Side) {
	m.Hook, m.Session, m.from = OnClientFrame, s, from
	if from == HostSide {
		m.Hook = OnServerFrame
	}
}

// forget keeps nothing of the session that the message belonged to but the room
// that its policies took.
func (m *Message) forget() {
	clear(m.attrs[:cap(m.attrs)])
	clear(m.sends[:cap(m.sends)])
	*m = Message{attrs: m.attrs[:0], sends: m.sends[:0], run: m.run.emptied()}
}

// reset makes the message ready for the next data message.
func (m *Message) reset(op wire.Op, body []byte, fragments int) {
	m.giveBack()
	m.Op, m.body, m.fragments = op, body, fragments
	m.changed, m.withheld = false, false
	m.attrs = m.attrs[:0]
	m.verdict = Forward
	m.sends = m.sends[:0]
	m.seq++
	m.run.reset()
}

// textOf is a body as a value: text as a string, binary as bytes.
func textOf(op wire.Op, p []byte) Value {
	if op == wire.Text {
		return textView(p)
	}
	return BytesValue(p)
}

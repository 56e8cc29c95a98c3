package engine

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/valyala/fasthttp"

	"framegate/engine/wire"
)

// upgradeTime is what an upgrade may take, the remote host's answer included.
const upgradeTime = 30 * time.Second

// upgrading is one upgrade request on its way to become a session.
type upgrading struct {
	g        *Gateway
	snapshot *Snapshot // held
	port     *Port
	w        *Websocket
	s        *Session
	m        *Message
	answer   Answer
	outcome  Outcome
	early    *early // its policy may answer the client before it connects; else nil
	taken    bool   // the session has the snapshot, and all else that was held for it
}

// serveHTTP handles one request on a port.
func (l *listener) serveHTTP(ctx *fasthttp.RequestCtx) {
	snapshot := l.g.hold()
	u := &upgrading{g: l.g, snapshot: snapshot, port: l.port.Load()}
	defer func() {
		if r := recover(); r != nil {
			l.g.panicked("upgrade", r)
			u.undo()
			writeAnswer(ctx, refusal(500, "internal error", "", ""))
		}
		if !u.taken {
			snapshot.release()
		}
	}()
	q, conn, refused := l.request(ctx)
	if refused != nil {
		ctx.SetConnectionClose() // where the next request begins, nobody knows
		writeAnswer(ctx, *refused)
		return
	}
	if a, ok := l.g.probe(u.port, q); ok {
		endAfterBody(ctx, q, conn)
		writeAnswer(ctx, a)
		return
	}
	if x := l.plain(snapshot, u.port, q, conn); x != nil {
		u.taken = true
		x.handOver(ctx)
		return
	}
	u.s = &Session{ID: newSessionID(), Port: u.port.Name, Path: q.Path, Client: q.Client, Opened: q.At, gateway: l.g}
	offer, ok := u.check(q)
	switch {
	case ok && u.w.FirstMessage:
		u.handEarly(ctx, conn, q, offer)
		return
	case ok:
		u.runPolicy(q, offer)
	}
	if u.connected() {
		u.handOver(ctx, conn, q)
		return
	}
	u.undo()
	u.record(q)
	endAfterBody(ctx, q, conn)
	writeAnswer(ctx, u.answer)
}

// check takes the request through all checks before the upgrade policy; without ok it is refused.
func (u *upgrading) check(q *Request) (offer Offer, ok bool) {
	u.w = u.port.route(q)
	switch {
	case u.w == nil:
		u.refuse(404, u.port.nothing(q))
		return offer, false
	case u.g.draining.Load():
		u.refuse(503, "the gateway is shutting down")
		u.answer.Headers.Set("Retry-After", "5")
		return offer, false
	}
	u.w = u.w.forClient(q.Client.Addr())
	u.s.websocket.Store(u.w)
	if r := wire.CheckUpgrade(q.Method, q.Proto, q.Headers, false); r != nil {
		u.refuse(r.Status, r.Reason)
		for name, value := range r.Headers.All() {
			u.answer.Headers.Set(name, value)
		}
		return offer, false
	}
	if !u.w.allowsOrigin(q) {
		u.refuse(403, "origin not allowed")
		return offer, false
	}
	// Before any filter adds a header: a client must not be able to have it removed on the way to the host.
	q.Headers.DelNamedByConnection()
	if offer, ok = u.w.offer(q); !ok {
		u.refuse(400, "none of the subprotocols is supported")
		return offer, false
	}
	return offer, u.reserve(q)
}

// reserve counts the session in against the limits of the websocket.
func (u *upgrading) reserve(q *Request) bool {
	limits := u.w.Limits
	if limits.Total == 0 && limits.PerClient == 0 {
		return true
	}
	name := u.w.Port + u.w.Path
	all, client := place{websocket: name}, place{websocket: name, client: q.Client.Addr()}
	if !u.take(all, limits.Total) {
		u.refuse(503, "too many sessions on this websocket")
		u.answer.Headers.Set("Retry-After", "10")
		return false
	}
	if !u.take(client, limits.PerClient) {
		u.refuse(429, "too many sessions from this client")
		u.answer.Headers.Set("Retry-After", "10")
		return false
	}
	return true
}

func (u *upgrading) take(at place, limit int) bool {
	if limit == 0 {
		return true
	}
	if !u.g.sessions.reserve(at, limit) {
		return false
	}
	u.s.places = append(u.s.places, at)
	return true
}

// runPolicy runs the upgrade policy and decides what it came to.
func (u *upgrading) runPolicy(q *Request, offer Offer) {
	ctx := upgradeDeadline()
	defer ctx.finish()
	u.m = &Message{
		Hook: OnUpgrade, Session: u.s, Request: q, Answer: &Answer{}, Offer: offer, from: ClientSide,
		ctx: ctx, early: u.early,
	}
	u.m.run.steps = make([]step, 0, min(len(u.w.Upgrade.Nodes), 16))
	u.m.run.following = !u.w.Log.Off // upgrades are few: their trails are always whole
	u.outcome = u.w.Upgrade.Top(u.m, u.snapshot.FaultHandler)
	if u.outcome.Result == Aborted {
		u.g.warnings.warn(u.m.Logger(), u.g.now(), "upgrade policy aborted", "policy", u.w.Upgrade.Name, "error", u.outcome.Reason)
	}
	u.s.settle(u.m.Get(subjectAttr).String())
	switch {
	case u.outcome.Result != Passed:
		u.refuseByPolicy()
	case u.m.Answer.Status != 0:
		u.answer = *u.m.Answer
	case u.m.upstream == nil:
		u.refuse(500, "policy passed without connecting")
	case u.subjectLimit() > 0 && !u.take(place{websocket: u.w.Port + u.w.Path, subject: u.s.Subject()}, u.subjectLimit()):
		u.refuse(429, "too many sessions of this subject")
	}
}

func (u *upgrading) subjectLimit() int {
	if u.s.Subject() == "" {
		return 0
	}
	return u.w.Limits.PerSubject
}

// refuseByPolicy makes the answer of a failed or aborted upgrade policy: what
// its filters or fault handler have set, or the built-in one.
func (u *upgrading) refuseByPolicy() {
	if u.m.Answer.Status != 0 {
		u.answer = *u.m.Answer
		return
	}
	status, headers, _ := u.m.Refusal()
	u.refuse(status, u.outcome.Reason)
	for name, value := range headers.All() {
		u.answer.Headers.Add(name, value)
	}
}

// refuse sets the built-in answer. The reason is told only where showReason is on
// or it is no secret: the checks before any policy.
func (u *upgrading) refuse(status int, reason string) {
	shown := reason
	if u.outcome.Result != Passed && !u.snapshot.ShowReason {
		shown = statusWord(status)
	}
	u.outcome.Reason = reason
	u.answer = refusal(status, shown, u.s.ID, "")
}

func (u *upgrading) connected() bool {
	return u.answer.Status == 0 && u.m != nil && u.m.upstream != nil
}

// undo frees what an upgrade that comes to nothing has taken.
func (u *upgrading) undo() {
	if u.m != nil {
		u.m.disconnect()
	}
	if u.s != nil {
		u.s.leavePlaces()
	}
}

// record adds the upgrade to the journal.
func (u *upgrading) record(q *Request) {
	if u.w != nil && u.w.Log.Off {
		return
	}
	r := Record{
		Kind: UpgradeRecord, At: q.At, Session: u.s.ID, Port: u.s.Port, Path: q.Path, Client: q.Client.Addr().String(), Subject: u.s.Subject(),
		Status: u.answer.Status, Reason: u.outcome.Reason, Headers: redacted(q, u.snapshot.concealed), Duration: u.g.now().Sub(q.At), Outcome: "refused",
	}
	switch {
	case u.answer.Status == 0:
		r.Status, r.Outcome, r.Host = 101, "connected", hostName(u.m.upstream)
	case u.early.has101():
		r.Status = 101
		r.Code, _ = u.early.closing()
	}
	if u.m != nil {
		r.Policy, r.Trail = u.w.Upgrade.Name, u.m.Trail()
	}
	u.g.journal.Add(&r)
}

func hostName(s *Socket) string {
	if s.Host == s.Address || s.Address == "" {
		return s.Host
	}
	return s.Host + " (" + s.Address + ")"
}

// NewMessage makes a message outside of any gateway, for tests of filters and
// for tools that run a policy over a recorded message. The request may be nil
// where the hook has none; in frame hooks it is what websock.context shows.
func NewMessage(hook Hook, q *Request, op wire.Op, body []byte) *Message {
	s := &Session{ID: newSessionID(), Opened: time.Now(), gateway: New(slog.New(slog.DiscardHandler), nil)}
	s.websocket.Store(&Websocket{})
	m := &Message{Hook: hook, Session: s, ctx: context.Background()}
	if hook == OnServerFrame {
		m.from = HostSide
	}
	if q != nil {
		s.Client, s.Path = q.Client, q.Path
		s.upgrade = &upgradeState{request: q}
	}
	if hook&OnHTTP != 0 {
		m.Request, m.Answer = q, &Answer{}
	}
	m.reset(op, body, 1)
	m.run.following = true
	return m
}

var errTarget = errors.New("the request target is not a plain path")

package console

import (
	"errors"
	"time"
	"unicode/utf8"

	"github.com/valyala/fasthttp"

	"framegate/engine"
	"framegate/engine/wire"
)

// Sessions is the answer to GET /api/v1/sessions: the open ones, oldest first.
type Sessions struct {
	Sessions []engine.Info `json:"sessions"`
}

// getSessions is GET /api/v1/sessions.
func (c *Console) getSessions(ctx *fasthttp.RequestCtx, _ string) error {
	if err := known(ctx); err != nil {
		return err
	}
	return answer(ctx, fasthttp.StatusOK, Sessions{c.gateway.Sessions().List()})
}

// getSession is GET /api/v1/sessions/ID.
func (c *Console) getSession(ctx *fasthttp.RequestCtx, id string) error {
	s, err := c.session(id)
	if err != nil {
		return err
	}
	return answer(ctx, fasthttp.StatusOK, s.Info())
}

func (c *Console) session(id string) (*engine.Session, error) {
	s, ok := c.gateway.Sessions().Find(id)
	if !ok {
		return nil, noSession(id)
	}
	return s, nil
}

func noSession(id string) error {
	return refuse(fasthttp.StatusNotFound, "no open session has the id %q; GET /api/v1/sessions lists them", id)
}

// closeBody is the body of a close: the code, 1001 by default, and the reason.
type closeBody struct {
	Code   uint16 `json:"code"`
	Reason string `json:"reason"`
}

// closeSession is POST /api/v1/sessions/ID/close and DELETE /api/v1/sessions/ID:
// both peers get the close. It does not wait for them.
func (c *Console) closeSession(ctx *fasthttp.RequestCtx, id string) error {
	how := closeBody{Code: wire.CloseGoingAway, Reason: "closed from the console"}
	if err := body(ctx, &how); err != nil {
		return err
	}
	switch {
	case !wire.ValidCode(how.Code):
		return refuse(fasthttp.StatusBadRequest, "close code %d must not be sent; use 1000-1003, 1007-1014 or 3000-4999", how.Code)
	case len(how.Reason) > wire.MaxReason:
		return refuse(fasthttp.StatusBadRequest, "a close reason holds at most %d bytes, this one has %d", wire.MaxReason, len(how.Reason))
	}
	s, err := c.session(id)
	if err != nil {
		return err
	}
	s.Stop(engine.Cause{By: "console", Code: how.Code, Reason: how.Reason})
	return answer(ctx, fasthttp.StatusAccepted, map[string]any{"id": id, "code": how.Code, "codeText": wire.CodeText(how.Code), "reason": how.Reason})
}

// sendBody is the body of a send: to whom, and either text or bytes.
type sendBody struct {
	To     string  `json:"to"`     // "client" or "host"
	Text   *string `json:"text"`   // a text message
	Base64 *[]byte `json:"base64"` // a binary message
}

// message is what is to be sent.
func (b *sendBody) message() (to engine.Side, op wire.Op, payload []byte, err error) {
	switch b.To {
	case "client":
		to = engine.ClientSide
	case "host":
		to = engine.HostSide
	default:
		return 0, 0, nil, refuse(fasthttp.StatusBadRequest, `to must be "client" or "host", not %q`, b.To)
	}
	switch {
	case (b.Text == nil) == (b.Base64 == nil):
		return 0, 0, nil, refuse(fasthttp.StatusBadRequest, "give either text or base64")
	case b.Base64 != nil:
		return to, wire.Binary, *b.Base64, nil
	case !utf8.ValidString(*b.Text):
		return 0, 0, nil, refuse(fasthttp.StatusBadRequest, "text must be UTF-8")
	}
	return to, wire.Text, []byte(*b.Text), nil
}

// send is POST /api/v1/sessions/ID/send: a message to one peer, which runs no
// policy. It waits 5 s at most for a peer that is slow to take it.
func (c *Console) send(ctx *fasthttp.RequestCtx, id string) error {
	var b sendBody
	if err := body(ctx, &b); err != nil {
		return err
	}
	to, op, payload, err := b.message()
	if err != nil {
		return err
	}
	select {
	case c.sending <- struct{}{}:
	default:
		return refuse(fasthttp.StatusServiceUnavailable, "%d messages wait for slow peers already", maxSends)
	}
	sent := make(chan error, 1)
	go func() {
		defer func() { <-c.sending }()
		defer c.caught("send")
		sent <- c.gateway.Sessions().Send(id, to, op, payload)
	}()
	late := time.NewTimer(sendTime)
	defer late.Stop()
	select {
	case err = <-sent:
	case <-late.C:
		return refuse(fasthttp.StatusGatewayTimeout, "the %s has not taken the message within %v; it may still get it", b.To, sendTime)
	}
	switch {
	case errors.Is(err, engine.ErrNoSession):
		return noSession(id)
	case errors.Is(err, engine.ErrFull):
		return refuse(fasthttp.StatusServiceUnavailable, "%v", err)
	case err != nil:
		return refuse(fasthttp.StatusConflict, "sending to the %s: %v", b.To, err)
	}
	return answer(ctx, fasthttp.StatusOK, map[string]any{"id": id, "to": b.To, "op": op.String(), "size": len(payload)})
}

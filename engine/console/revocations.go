package console

import (
	"errors"
	"time"

	"github.com/valyala/fasthttp"

	"framegate/engine"
)

// RevokeBody is the body of POST and DELETE /api/v1/revocations: what is taken
// back, one of the first six, and for what time.
type RevokeBody struct {
	JTI     string `json:"jti,omitempty"`     // a JWT by its id
	Token   string `json:"token,omitempty"`   // a token itself; only its hash is kept
	Key     string `json:"key,omitempty"`     // an API key by the name of its record
	User    string `json:"user,omitempty"`    // a password by the name of its record
	Subject string `json:"subject,omitempty"` // everything of a subject
	Handle  string `json:"handle,omitempty"`  // as an answer names it

	IssuedBefore time.Time `json:"issuedBefore,omitzero"` // only what was issued before; missing: all
	Until        time.Time `json:"until,omitzero"`        // missing: until it is taken back
}

// Revoked is the answer to POST /api/v1/revocations.
type Revoked struct {
	engine.Revocation
	Closed int `json:"closed"` // how many sessions ended by it
}

// revocation is what the body asks for.
func (b *RevokeBody) revocation() (r engine.Revocation, err error) {
	r = engine.Revocation{Handle: b.Handle, IssuedBefore: b.IssuedBefore, Until: b.Until}
	given := 0
	for _, what := range []struct{ kind, name string }{{"", b.Handle}, {"jti:", b.JTI}, {"key:", b.Key}, {"user:", b.User}, {"subject:", b.Subject}} {
		if what.name != "" {
			given++
			r.Handle = what.kind + what.name
		}
	}
	if b.Token != "" {
		given++
		r.Handle = engine.TokenHandle(b.Token)
	}
	if given != 1 {
		return r, refuse(fasthttp.StatusBadRequest, "give one of jti, token, key, user, subject and handle")
	}
	return r, nil
}

// revoke is POST /api/v1/revocations: sessions that it is about end with 3000, and
// new ones are refused.
func (c *Console) revoke(ctx *fasthttp.RequestCtx, _ string) error {
	var b RevokeBody
	if err := body(ctx, &b); err != nil {
		return err
	}
	r, err := b.revocation()
	if err != nil {
		return err
	}
	closed, err := c.gateway.Revoke(r)
	switch {
	case errors.Is(err, engine.ErrPastRevocation):
		return refuse(fasthttp.StatusBadRequest, "until must be in the future")
	case errors.Is(err, engine.ErrNoState):
		return refuse(fasthttp.StatusConflict, "%v", err)
	case err != nil:
		return err
	}
	c.log.Info("revoked", "handle", r.Handle, "until", r.Until, "sessions", closed)
	return answer(ctx, fasthttp.StatusOK, Revoked{r, closed})
}

// unrevoke is DELETE /api/v1/revocations: what was revoked is good again.
func (c *Console) unrevoke(ctx *fasthttp.RequestCtx, _ string) error {
	var b RevokeBody
	if err := body(ctx, &b); err != nil {
		return err
	}
	r, err := b.revocation()
	if err != nil {
		return err
	}
	err = c.gateway.Unrevoke(r.Handle)
	switch {
	case errors.Is(err, engine.ErrNoState):
		return refuse(fasthttp.StatusConflict, "%v", err)
	case errors.Is(err, engine.ErrNotRevoked):
		return notRevoked(r.Handle)
	case err != nil:
		return err
	}
	c.log.Info("revocation taken back", "handle", r.Handle)
	return answer(ctx, fasthttp.StatusOK, r)
}

// getRevocation is GET /api/v1/revocations?handle=: 404 for what is not revoked.
func (c *Console) getRevocation(ctx *fasthttp.RequestCtx, _ string) error {
	if err := known(ctx, "handle"); err != nil {
		return err
	}
	handle := string(ctx.QueryArgs().Peek("handle"))
	if handle == "" {
		return refuse(fasthttp.StatusBadRequest, "give the handle: ?handle=subject:alice")
	}
	r, found, err := c.gateway.Revocation(handle)
	switch {
	case errors.Is(err, engine.ErrNoState):
		return refuse(fasthttp.StatusConflict, "%v", err)
	case err != nil:
		return err
	case !found:
		return notRevoked(handle)
	}
	return answer(ctx, fasthttp.StatusOK, r)
}

func notRevoked(handle string) error {
	return refuse(fasthttp.StatusNotFound, "%q is not revoked", handle)
}

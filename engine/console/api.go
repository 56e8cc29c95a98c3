package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/valyala/fasthttp"
)

// endpoint is a method on a path; * in the path stands for an id.
type endpoint struct {
	method, path string
	handle       func(c *Console, ctx *fasthttp.RequestCtx, id string) error
}

var endpoints = []endpoint{
	{"GET", "/api/v1/gateway", (*Console).getGateway},
	{"GET", "/api/v1/remotehosts", (*Console).getRemoteHosts},
	{"GET", "/api/v1/sessions", (*Console).getSessions},
	{"GET", "/api/v1/sessions/*", (*Console).getSession},
	{"DELETE", "/api/v1/sessions/*", (*Console).closeSession},
	{"POST", "/api/v1/sessions/*/close", (*Console).closeSession},
	{"POST", "/api/v1/sessions/*/send", (*Console).send},
	{"GET", "/api/v1/frames", (*Console).getFrames},
	{"GET", "/api/v1/stream", (*Console).getStream},
	{"GET", "/api/v1/ports", (*Console).getPorts},
	{"POST", "/api/v1/ports/*", (*Console).switchPort},
	{"GET", "/api/v1/revocations", (*Console).getRevocation},
	{"POST", "/api/v1/revocations", (*Console).revoke},
	{"DELETE", "/api/v1/revocations", (*Console).unrevoke},
	{"POST", "/api/v1/reload", (*Console).reload},
}

// refusal is an answer other than success; its text is the "error" of the JSON body.
type refusal struct {
	status int
	text   string
	allow  string // of 405
}

func (r *refusal) Error() string { return r.text }

func refuse(status int, format string, args ...any) error {
	return &refusal{status: status, text: fmt.Sprintf(format, args...)}
}

// serve answers one request.
func (c *Console) serve(ctx *fasthttp.RequestCtx) {
	defer func() {
		if r := recover(); r != nil {
			c.log.Error("panic", "in", "console", "value", fmt.Sprint(r), "stack", string(debug.Stack()))
			c.fail(ctx, refuse(fasthttp.StatusInternalServerError, "internal error; the log of the gateway says more"))
		}
	}()
	secure(&ctx.Response.Header)
	path := string(ctx.Path())
	if path == "/health" || path == "/ready" {
		c.probe(ctx, path)
		return
	}
	api := strings.HasPrefix(path, "/api/")
	err := c.guard.check(&ctx.Request.Header, api)
	switch {
	case err != nil:
	case api:
		err = c.call(ctx, path)
	default:
		err = page(ctx, path)
	}
	if err != nil {
		c.fail(ctx, err)
	}
}

// call finds the endpoint and runs it.
func (c *Console) call(ctx *fasthttp.RequestCtx, path string) error {
	method := string(ctx.Method())
	var allowed []string
	for _, e := range endpoints {
		id, ok := match(e.path, path)
		if !ok {
			continue
		}
		if e.method != method {
			allowed = append(allowed, e.method)
			continue
		}
		if method != "GET" {
			if err := isJSON(ctx); err != nil {
				return err
			}
		}
		return e.handle(c, ctx, id)
	}
	if len(allowed) > 0 {
		return &refusal{fasthttp.StatusMethodNotAllowed, fmt.Sprintf("%s does not take %s", path, method), strings.Join(allowed, ", ")}
	}
	var all []string
	for _, e := range endpoints {
		all = append(all, e.method+" "+strings.ReplaceAll(e.path, "*", "ID"))
	}
	return refuse(fasthttp.StatusNotFound, "there is no %s; there is %s", path, strings.Join(all, ", "))
}

// match compares a path with one that may hold a *, and returns what stands there.
func match(pattern, path string) (id string, ok bool) {
	before, after, wild := strings.Cut(pattern, "*")
	if !wild {
		return "", pattern == path
	}
	id, ok = strings.CutPrefix(path, before)
	if !ok {
		return "", false
	}
	id, ok = strings.CutSuffix(id, after)
	return id, ok && id != "" && !strings.Contains(id, "/")
}

// isJSON asks for a content type that no HTML form can send and no page of
// another site without the browser asking us first.
func isJSON(ctx *fasthttp.RequestCtx) error {
	kind, _, err := mime.ParseMediaType(string(ctx.Request.Header.ContentType()))
	if err != nil || kind != "application/json" {
		return refuse(fasthttp.StatusUnsupportedMediaType, "requests that change something need Content-Type: application/json")
	}
	return nil
}

// body reads a JSON body into v; an empty one leaves v as it is.
func body(ctx *fasthttp.RequestCtx, v any) error {
	text := ctx.Request.Body()
	if len(text) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return refuse(fasthttp.StatusBadRequest, "reading the body: %v", err)
	}
	if d.More() {
		return refuse(fasthttp.StatusBadRequest, "reading the body: more than one JSON value")
	}
	return nil
}

// answer writes a JSON answer.
func answer(ctx *fasthttp.RequestCtx, status int, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("writing the answer: %w", err)
	}
	ctx.SetStatusCode(status)
	ctx.SetContentType("application/json")
	ctx.SetBody(append(text, '\n'))
	return nil
}

// fail writes an error as its JSON.
func (c *Console) fail(ctx *fasthttp.RequestCtx, err error) {
	refused, ok := errors.AsType[*refusal](err)
	if !ok {
		c.log.Error("console", "path", string(ctx.Path()), "error", err)
		refused = &refusal{status: fasthttp.StatusInternalServerError, text: "internal error; the log of the gateway says more"}
	}
	switch refused.status {
	case fasthttp.StatusUnauthorized:
		ctx.Response.Header.Set("WWW-Authenticate", `Bearer realm="framegate console"`)
	case fasthttp.StatusMethodNotAllowed:
		ctx.Response.Header.Set("Allow", refused.allow)
	case fasthttp.StatusServiceUnavailable:
		ctx.Response.Header.Set("Retry-After", "5")
	}
	answer(ctx, refused.status, map[string]string{"error": refused.text})
}

// badRequest answers what is no request, or too big for one.
func (c *Console) badRequest(ctx *fasthttp.RequestCtx, err error) {
	status := fasthttp.StatusBadRequest
	switch {
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		status = fasthttp.StatusRequestEntityTooLarge
	case isTooLong(err):
		status = fasthttp.StatusRequestHeaderFieldsTooLarge
	}
	secure(&ctx.Response.Header)
	ctx.SetConnectionClose()
	c.fail(ctx, refuse(status, "the request cannot be read: %s", fasthttp.StatusMessage(status)))
}

func isTooLong(err error) bool {
	_, ok := errors.AsType[*fasthttp.ErrSmallBuffer](err)
	return ok
}

// known refuses a query parameter that nobody reads: a misspelt filter would
// show everything.
func known(ctx *fasthttp.RequestCtx, names ...string) error {
	for name := range ctx.QueryArgs().All() {
		if !slices.Contains(names, string(name)) {
			return refuse(fasthttp.StatusBadRequest, "unknown parameter %q; there is %s", name, strings.Join(names, ", "))
		}
	}
	return nil
}

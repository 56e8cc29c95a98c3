package engine

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
)

// refusal is the built-in answer: JSON with the error and the session's id.
func refusal(status int, reason, id, _ string) Answer {
	body, _ := json.Marshal(struct {
		Error string `json:"error"`
		ID    string `json:"id,omitempty"`
	}{reason, id})
	a := Answer{Status: status, Body: append(body, '\n')}
	a.Headers.Set("Content-Type", "application/json")
	return a
}

// statusWord is what a client is told when the reason is not for it.
func statusWord(status int) string {
	if text := http.StatusText(status); text != "" {
		return strings.ToLower(text)
	}
	return "refused"
}

// writeAnswer writes an answer as the response to a request.
func writeAnswer(ctx *fasthttp.RequestCtx, a Answer) { fill(&ctx.Response, a) }

func fill(r *fasthttp.Response, a Answer) {
	r.Header.DisableNormalizing()
	r.Header.SetNoDefaultContentType(true)
	r.SetStatusCode(a.Status)
	for name, value := range a.Headers.All() {
		if !strings.EqualFold(name, "Content-Length") && !strings.EqualFold(name, "Transfer-Encoding") && !strings.EqualFold(name, "Connection") {
			r.Header.Add(name, value)
		}
	}
	r.SetBodyRaw(a.Body)
}

// answer writes an answer outside of fasthttp, in the time of a handshake. It
// returns false where that has failed and the connection is closed.
func (c *portConn) answer(conn net.Conn, a Answer, p *Port) bool {
	r := fasthttp.AcquireResponse()
	defer fasthttp.ReleaseResponse(r)
	fill(r, a)
	if p.Limits.Handshake > 0 {
		conn.SetWriteDeadline(time.Now().Add(p.Limits.Handshake))
		defer conn.SetWriteDeadline(time.Time{})
	}
	if _, err := r.WriteTo(conn); err != nil || c.http.ending.Load() {
		conn.Close()
		return false
	}
	c.http.line, c.http.by = false, time.Time{} // for the next request
	return true
}

// What clients are told that send more than a port takes.
const (
	tooMuchHeader = "the request's headers are longer than the port allows"
	tooLongTarget = "the request target is longer than the port allows"
)

// badRequest answers what fasthttp could not read.
func (l *listener) badRequest(ctx *fasthttp.RequestCtx, err error) {
	_, c := unwrap(ctx.Conn())
	c.http.more = true
	status, reason := 400, "this is not a valid HTTP request"
	var small *fasthttp.ErrSmallBuffer
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &small):
		status, reason = 431, tooMuchHeader
		if !c.http.line {
			status, reason = 414, tooLongTarget
		}
	case errors.As(err, &timeout) && timeout.Timeout():
		status, reason = 408, "the request took too long"
	}
	writeAnswer(ctx, refusal(status, reason, "", ""))
}

// redacted lists a request's headers for the traffic log, without secrets; the
// values of the concealed ones are secrets too.
func redacted(q *Request, concealed []string) []Field {
	fields := make([]Field, 0, q.Headers.Len())
	for name, value := range q.Headers.All() {
		if q.conceals(name) || slices.ContainsFunc(concealed, func(header string) bool { return strings.EqualFold(header, name) }) {
			value = "[redacted]"
		}
		fields = append(fields, Field{name, value})
	}
	return fields
}

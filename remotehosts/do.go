package remotehosts

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"framegate/engine"
	"framegate/engine/wire"
)

// Do sends a plain HTTP request to the host, to the first of its addresses that
// answers, and returns the answer, whatever its status; its body follows while it
// is read. The caller must close the answer's body, which holds a place under
// maxConnections until its end, and after that the request's, whose Close must
// end a Read of another goroutine. When ctx ends, so does the answer.
//
// An address that cannot be connected to costs nothing: the next is tried. Once
// an address may have seen the request, another is asked only if the method is
// idempotent (RFC 9110 §9.2.2) and the body can be sent again, at most `retries`
// times: after a connection that broke, or 502, 503 or 504.
//
// The error is an [*Error] when the host cannot be reached or its answer cannot
// be used, the cause of ctx when that was cancelled, and any other when the
// request itself cannot be sent, or its body not be read.
func (h *Host) Do(ctx context.Context, call *Call) (*engine.Answer, error) {
	q, err := h.newRequest(call)
	if err != nil {
		return nil, fmt.Errorf("request to remote host %s: %w", h.def.Name, err)
	}
	r, err := h.send(ctx, call, q)
	if err != nil {
		return nil, err
	}
	headers := headersOf(r.Header)
	headers.DelHopByHop()
	headers.Del("Content-Length")
	a := &engine.Answer{Status: r.StatusCode, Headers: *headers, FromHost: true, Stream: engine.NewBody(r.Body, r.ContentLength), Host: h.def.Name}
	if address := r.Body.(*download).address.key; address != a.Host {
		a.Host += " (" + address + ")"
	}
	return a, nil
}

// newRequest makes the request for the host of the client's. Trailers do not go
// on (RFC 9110 §6.5.1).
func (h *Host) newRequest(c *Call) (*http.Request, error) {
	target := c.Target
	if target == "" {
		target = "/"
	}
	if err := CheckTarget(target); err != nil {
		return nil, err
	}
	if !isToken(c.Request.Method) {
		return nil, fmt.Errorf("%q is no method", c.Request.Method)
	}
	host := c.HostHeader
	if host == "" {
		host = h.authority(c.TLS)
	}
	if err := CheckHostHeader(host); err != nil {
		return nil, err
	}
	headers, err := h.forwarded(c)
	if err != nil {
		return nil, err
	}
	q := &http.Request{
		Method: c.Request.Method, URL: &url.URL{Opaque: target}, Host: host, Header: make(http.Header, headers.Len()+1),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	q.Header["User-Agent"] = nil // else net/http names itself
	for name, value := range headers.All() {
		if strings.EqualFold(name, "User-Agent") {
			name = "User-Agent"
		}
		q.Header[name] = append(q.Header[name], value)
	}
	setBody(q, c.Body)
	if q.Body != nil && c.Request.Headers.HasToken("Expect", "100-continue") {
		q.Header.Set("Expect", "100-continue")
	}
	return q, nil
}

// setBody makes b the body of a request.
func setBody(q *http.Request, b *engine.Body) {
	if b.Length() == 0 {
		return
	}
	q.ContentLength = b.Length()
	if held, ok := b.Held(); ok {
		q.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(held)), nil }
		q.Body, _ = q.GetBody()
		return
	}
	q.Body = b.Stream()
}

// headersOf is the fields of an answer in an order that is always the same. What
// cannot stand in a header is left out.
func headersOf(from http.Header) *wire.Headers {
	h := &wire.Headers{}
	for _, name := range slices.Sorted(maps.Keys(from)) {
		for _, value := range from[name] {
			_ = h.Add(name, value)
		}
	}
	return h
}

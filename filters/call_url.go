package filters

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"framegate/engine"
	"framegate/engine/wire"
	"framegate/remotehosts"
)

func init() { register[callURL](Kind{Type: "call-url", Family: Routing, Hooks: engine.OnAny}) }

// Asks a host by HTTP and goes on with the answer in attributes: call.status,
// call.headers and call.body, text where it is UTF-8, else bytes. What follows in the
// same direction waits for it, the other direction goes on. Redirects are not
// followed, nothing is decompressed, and the environment names no proxy; all settings
// of the remote host hold.
//
// It fails when the answer's status is not one of `ok` (with 403, or 502 after a 5xx),
// when the host cannot be reached (502), has no connection to spare (503) or takes too
// long (504), when the answer is too long (502), when an address is not allowed (403),
// or when selectors yield what is no URL or header (400). It aborts when an attribute is not set, or the session ends meanwhile.
//
//	filters:
//	  - type: call-url
//	    url: 'http://127.0.0.1:9002/rooms/${params.query.room ?: "lobby"}/access'
//	    method: POST
//	    headers: {Content-Type: text/plain}
//	    body: ${http.request.clientaddr}
//	    anyHost: true
//	    allow: [127.0.0.1]
//	  - {type: connect-to-url, url: ws://127.0.0.1:9001/}
type callURL struct {
	// URL is what to ask: http:// or, with TLS, https://. Its host is the name of a remote host or the host and port of one.
	// Selectors are encoded as in connect-to-url. With anyHost it may be any host, and come from selectors as a whole.
	URL engine.Selector `yaml:"url" required:"true"`

	// Method is the method.
	Method string `yaml:"method" default:"GET" oneof:"GET HEAD POST PUT PATCH DELETE OPTIONS"`

	// Headers are sent with it; a value with a line end makes the filter fail with 400. With json, Content-Type is
	// application/json where there is no other.
	Headers map[string]engine.Selector `yaml:"headers"`

	content `yaml:",inline"`

	// OK are the statuses of an answer with which the filter passes.
	OK []remotehosts.StatusRange `yaml:"ok" default:"200-299"`

	// Timeout bounds the call as a whole; 504 past it.
	Timeout time.Duration `yaml:"timeout" default:"10s" min:"1ms" max:"5m"`

	// AtMost is how long the answer's body may be.
	AtMost engine.Size `yaml:"atMost" default:"1MiB" min:"1" max:"64MiB"`

	// Prefix is what the names of the attributes begin with.
	Prefix string `yaml:"prefix" default:"call"`

	// AnyHost lets it ask hosts that are no remote hosts of the configuration. Then the address that is dialled, after the
	// name has been looked up, must be public: not loopback, private, link-local, shared (100.64.0.0/10), of a cloud's
	// metadata service, nor otherwise special. Only a remote host whose name or address the URL spells out may be anywhere.
	AnyHost bool `yaml:"anyHost"`

	// Allow lists networks whose addresses may be dialled with anyHost although they are not public.
	Allow []engine.Prefix `yaml:"allow"`

	to                    *caller
	status, headers, body engine.Attr
	client                http.RoundTripper
}

func (f *callURL) Prepare(env *Env) (err error) {
	if f.status, err = settable("prefix", f.Prefix+".status"); err != nil {
		return err
	}
	f.headers, f.body = engine.AttrOf(f.Prefix+".headers"), engine.AttrOf(f.Prefix+".body")
	for name := range f.Headers {
		if err := checkToken("headers."+name, name); err != nil {
			return err
		}
		if why, ours := handshakeHeaders[strings.ToLower(name)]; ours {
			return wrong("headers."+name, why, "header %s cannot be set here", name)
		}
	}
	if len(f.Allow) > 0 && !f.AnyHost {
		return wrong("allow", "leave it out, or write anyHost: true", "remote hosts of the configuration may be dialled wherever they are")
	}
	if err := f.content.prepare(false); err != nil {
		return err
	}
	if f.to, err = newCaller(env.Hosts, f.URL, f.AnyHost); err != nil {
		return err
	}
	f.client = env.Hosts.Transport()
	return nil
}

// Generates names the attributes for the check of what is read and never set.
func (f *callURL) Generates() []string {
	return []string{f.Prefix + ".status", f.Prefix + ".headers", f.Prefix + ".body"}
}

func (f *callURL) Run(m *engine.Message) (bool, error) {
	ctx, cancel := context.WithTimeout(m.Context(), f.Timeout)
	defer cancel()
	q, err := f.request(remotehosts.WithDialCheck(ctx, f.check), m)
	if q == nil || err != nil {
		return false, err
	}
	answer, err := f.client.RoundTrip(q)
	if err != nil {
		return false, unanswered(m, err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, int64(f.AtMost)+1))
	switch {
	case err != nil:
		return false, unanswered(m, err)
	case len(body) > int(f.AtMost):
		m.Fail(502, "the answer of %s is longer than %s", q.URL.Host, f.AtMost)
		return false, nil
	}
	return f.judge(m, q.URL.Host, answer, body)
}

// judge sets the attributes, and tells whether the status is a good one.
func (f *callURL) judge(m *engine.Message, host string, answer *http.Response, body []byte) (bool, error) {
	value := engine.StringValue(string(body))
	if !utf8.Valid(body) {
		value = engine.BytesValue(body)
	}
	var headers engine.Headers
	for name, values := range answer.Header {
		for _, v := range values {
			if err := headers.Add(name, v); err != nil {
				m.Logf(0, "header %s of the answer is left out: %v", name, err)
			}
		}
	}
	for _, set := range []struct {
		attr  engine.Attr
		value engine.Value
	}{{f.status, engine.IntValue(int64(answer.StatusCode))}, {f.headers, engine.HeadersValue(&headers)}, {f.body, value}} {
		if err := m.Set(set.attr, set.value); err != nil {
			return false, fmt.Errorf("set %s: %w", set.attr.Name(), err)
		}
	}
	if slices.ContainsFunc(f.OK, func(r remotehosts.StatusRange) bool { return answer.StatusCode >= r.From && answer.StatusCode <= r.To }) {
		return true, nil
	}
	status := 0
	if answer.StatusCode >= 500 {
		status = 502
	}
	m.Fail(status, "%s answered %d", host, answer.StatusCode)
	return false, nil
}

// request makes the request for a message; nil when the filter has failed.
func (f *callURL) request(ctx context.Context, m *engine.Message) (*http.Request, error) {
	target, err := f.to.url(m)
	if target == "" || err != nil {
		return nil, err
	}
	var body io.Reader
	if f.Body.Written() || f.JSON != nil {
		payload, err := f.bytes(m, wire.Binary)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(payload)
	}
	q, err := http.NewRequestWithContext(ctx, f.Method, target, body)
	if err == nil && q.URL.Port() != "" {
		_, err = strconv.ParseUint(q.URL.Port(), 10, 16)
	}
	if err != nil {
		m.Fail(400, "url: %v", err)
		return nil, nil
	}
	if f.JSON != nil {
		q.Header.Set("Content-Type", "application/json")
	}
	for name, selector := range f.Headers {
		value, err := selector.String(m)
		if err != nil {
			return nil, fmt.Errorf("headers.%s: %w", name, err)
		}
		var h engine.Headers
		if err := h.Set(name, value); err != nil {
			m.Fail(400, "headers.%s: %v", name, err)
			return nil, nil
		}
		q.Header.Set(name, value)
	}
	return q, nil
}

// errForbidden is the error of an address that may not be dialled.
type errForbidden struct{ error }

// check decides whether an address may be dialled: that of a remote host which
// the URL itself names is the operator's word, all others must be public or allowed.
func (f *callURL) check(declared bool, address netip.AddrPort) error {
	if declared && f.to.written() {
		return nil
	}
	addr := address.Addr().Unmap()
	for _, network := range f.Allow {
		if network.Contains(addr) {
			return nil
		}
	}
	if err := remotehosts.CheckPublic(addr); err != nil {
		return errForbidden{err}
	}
	return nil
}

// unanswered fails the filter with the status that the error of a call means;
// every other error is an abort, and returned.
func unanswered(m *engine.Message, err error) error {
	var failed *remotehosts.Error
	var unknown *remotehosts.UnknownHost
	var bad *remotehosts.BadURL
	var forbidden errForbidden
	switch {
	case errors.As(err, &bad):
		m.Fail(400, "url: %v", err)
	case errors.As(err, &failed):
		m.Fail(failed.Status, "%v", err)
	case errors.As(err, &unknown):
		m.Fail(502, "%v", err)
	case errors.As(err, &forbidden):
		m.Fail(403, "%v", err)
	default:
		return err
	}
	return nil
}

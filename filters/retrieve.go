package filters

import (
	"fmt"
	"net/url"
	"strings"

	"framegate/engine"
)

func init() {
	register[retrieve](Kind{
		Type: "retrieve", Family: Transform, Hooks: engine.OnHTTP,
		Aliases: []string{"retrieve-from-http-header", "retrieve-from-query", "retrieve-from-cookie", "retrieve-path-parameter"},
	})
}

// Puts a value of the request into an attribute: of a header, a query parameter,
// a cookie or a parameter of the path. It fails with 400 when the request has none,
// or several where one is wanted. For Axway's Retrieve from HTTP Header, Retrieve
// from Cookies and Extract REST Request Attributes, all in one; a value of JSON is
// for retrieve-from-json.
//
// A selector does as much where a value need not be there: ${http.header.X-Room ?: "lobby"}.
//
//	filters:
//	  - {type: retrieve, cookie: room, attribute: chat.room}
type retrieve struct {
	// Header is the name of a header; upper and lower case are the same.
	Header string `yaml:"header"`

	// Query is the name of a query parameter; its value is percent-decoded.
	Query string `yaml:"query"`

	// Cookie is the name of a cookie; quotes around its value are taken away.
	Cookie string `yaml:"cookie"`

	// Path is the name of a parameter in the websocket's path, such as id in /rooms/{id}.
	Path string `yaml:"path"`

	// Attribute is where the value is put.
	Attribute string `yaml:"attribute" required:"true"`

	// All puts a list of all values there: ${NAME[0]} is the first. Without it, two values are a failure: which of them a
	// remote host would take, nobody can know.
	All bool `yaml:"all"`

	attr  engine.Attr
	place string                              // "header X-Room", in reasons
	find  func(*engine.Request) ([]any, bool) // false: a value that cannot be decoded
}

func (f *retrieve) Prepare(*Env) (err error) {
	given := 0
	for _, p := range []struct {
		kind, name string
		find       func(*engine.Request) ([]any, bool)
	}{{"header", f.Header, f.inHeader}, {"query parameter", f.Query, f.inQuery}, {"cookie", f.Cookie, f.inCookie}, {"path parameter", f.Path, f.inPath}} {
		if p.name != "" {
			f.place, f.find = p.kind+" "+p.name, p.find
			given++
		}
	}
	switch {
	case given == 0:
		return wrong("header", "write one of header, query, cookie, path: `header: X-Room`", "nothing says where the value is")
	case given > 1:
		return wrong("header", "write one of them, and another filter for the other", "several of header, query, cookie and path are given")
	case f.Header != "":
		if err := checkToken("header", f.Header); err != nil {
			return err
		}
	}
	f.attr, err = settable("attribute", f.Attribute)
	return err
}

// Generates names the attribute for the check of what is read and never set.
func (f *retrieve) Generates() []string { return []string{f.Attribute} }

func (f *retrieve) Run(m *engine.Message) (bool, error) {
	values, ok := f.find(m.Request)
	switch {
	case !ok:
		m.Fail(400, "%s is not percent-encoded as it should be", f.place)
		return false, nil
	case len(values) == 0:
		m.Fail(400, "no %s", f.place)
		return false, nil
	case len(values) > 1 && !f.All:
		m.Fail(400, "%d times %s", len(values), f.place)
		return false, nil
	}
	value := engine.TreeValue(values)
	if !f.All {
		value = engine.TreeValue(values[0])
	}
	if err := m.Set(f.attr, value); err != nil {
		return false, fmt.Errorf("set %s: %w", f.Attribute, err)
	}
	return true, nil
}

func (f *retrieve) inHeader(q *engine.Request) (values []any, ok bool) {
	for value := range q.Headers.Values(f.Header) {
		values = append(values, value)
	}
	return values, true
}

func (f *retrieve) inQuery(q *engine.Request) (values []any, ok bool) {
	for pair := range strings.SplitSeq(q.Query, "&") {
		key, value, _ := strings.Cut(pair, "=")
		if !isParameter(key, f.Query) {
			continue
		}
		decoded, err := url.QueryUnescape(value)
		if err != nil {
			return nil, false
		}
		values = append(values, decoded)
	}
	return values, true
}

func (f *retrieve) inCookie(q *engine.Request) (values []any, ok bool) {
	for pair := range cookies(q.Headers) {
		if name, value, ok := strings.Cut(pair, "="); ok && cookieName(name) == f.Cookie {
			values = append(values, unquoted(strings.TrimLeft(value, " \t")))
		}
	}
	return values, true
}

func (f *retrieve) inPath(q *engine.Request) (values []any, ok bool) {
	for _, p := range q.PathParams {
		if p.Name == f.Path {
			values = append(values, p.Value)
		}
	}
	return values, true
}

package filters

import (
	"fmt"
	"net/url"
	"strings"

	"framegate/engine"
)

// keyPlace is where a request carries a key or a token.
type keyPlace interface {
	// find returns the key; none ([errNoKey]) or several ([errManyKeys]) are an error.
	find(q *engine.Request) (string, error)
	// remove takes the key away, so that the remote host does not get it.
	remove(m *engine.Message) error
}

// The places: a header, a query parameter or a cookie of that name, or an
// Authorization header with that scheme. For Sec-WebSocket-Protocol see [inSubprotocol].
type (
	inHeader string
	inQuery  string
	inCookie string
	inScheme string
)

// concealed are the headers among the places.
func concealed(places []keyPlace) (headers []string) {
	for _, place := range places {
		switch place := place.(type) {
		case inHeader:
			headers = append(headers, string(place))
		case bearerHeader:
			headers = append(headers, string(place.inHeader))
		}
	}
	return headers
}

func (name inHeader) find(q *engine.Request) (string, error) {
	q.Conceal(string(name)) // right or wrong, and whether it is removed or not
	var keys onlyOne
	for value := range q.Headers.Values(string(name)) {
		keys.add(value)
	}
	return keys.get()
}

func (name inHeader) remove(m *engine.Message) error {
	m.Request.Headers.Del(string(name))
	return nil
}

func (scheme inScheme) find(q *engine.Request) (string, error) {
	var keys onlyOne
	for value := range q.Headers.Values("Authorization") {
		if key, ok := scheme.cut(value); ok {
			keys.add(key)
		}
	}
	return keys.get()
}

// remove leaves credentials of other schemes where they are.
func (scheme inScheme) remove(m *engine.Message) error {
	var others []string
	for value := range m.Request.Headers.Values("Authorization") {
		if _, ok := scheme.cut(value); !ok {
			others = append(others, value)
		}
	}
	m.Request.Headers.Del("Authorization")
	for _, value := range others {
		if err := m.Request.Headers.Add("Authorization", value); err != nil {
			return fmt.Errorf("take the key out of the Authorization headers: %w", err)
		}
	}
	return nil
}

// cut takes "SCHEME KEY" apart; the scheme's case does not count (RFC 9110 §11.1).
func (scheme inScheme) cut(value string) (key string, ok bool) {
	word, rest, _ := strings.Cut(value, " ")
	return strings.Trim(rest, " \t"), strings.EqualFold(word, string(scheme))
}

func (name inQuery) find(q *engine.Request) (string, error) {
	var keys onlyOne
	for pair := range strings.SplitSeq(q.Query, "&") {
		key, value, _ := strings.Cut(pair, "=")
		if !isParameter(key, string(name)) {
			continue
		}
		decoded, err := url.QueryUnescape(value)
		if err != nil {
			return "", errNoKey
		}
		keys.add(decoded)
	}
	return keys.get()
}

func (name inQuery) remove(m *engine.Message) error {
	m.Request.URI, m.Request.Query = name.cut(m.Request)
	return nil
}

// cut is the target and the query of a request without the parameter.
func (name inQuery) cut(q *engine.Request) (target, query string) {
	var kept []string
	for pair := range strings.SplitSeq(q.Query, "&") {
		if key, _, _ := strings.Cut(pair, "="); !isParameter(key, string(name)) {
			kept = append(kept, pair)
		}
	}
	target, _, _ = strings.Cut(q.URI, "?")
	if query = strings.Join(kept, "&"); query != "" {
		target += "?" + query
	}
	return target, query
}

func isParameter(key, name string) bool {
	decoded, err := url.QueryUnescape(key)
	return err == nil && decoded == name
}

func (name inCookie) find(q *engine.Request) (string, error) {
	var keys onlyOne
	for pair := range cookies(q.Headers) {
		if key, value, ok := strings.Cut(pair, "="); ok && cookieName(key) == string(name) {
			keys.add(unquoted(strings.TrimLeft(value, " \t")))
		}
	}
	return keys.get()
}

func (name inCookie) remove(m *engine.Message) error {
	headers := m.Request.Headers
	var kept []string
	for pair := range cookies(headers) {
		if key, _, _ := strings.Cut(pair, "="); cookieName(key) != string(name) {
			kept = append(kept, pair)
		}
	}
	if len(kept) == 0 {
		headers.Del("Cookie")
		return nil
	}
	if err := headers.Set("Cookie", strings.Join(kept, "; ")); err != nil {
		return fmt.Errorf("take the key out of the cookies: %w", err)
	}
	return nil
}

// cookies gives each "name=value" of the request's Cookie headers (RFC 6265 §4.2.1).
func cookies(headers *engine.Headers) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for line := range headers.Values("Cookie") {
			for pair := range strings.SplitSeq(line, ";") {
				if pair = strings.Trim(pair, " \t"); pair != "" && !yield(pair) {
					return
				}
			}
		}
	}
}

// cookieName is the name before the =; the space that some servers allow there does not count.
func cookieName(name string) string { return strings.TrimRight(name, " \t") }

// unquoted is a cookie's value without the quotes that may stand around it.
func unquoted(value string) string {
	if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
		return value[1 : len(value)-1]
	}
	return value
}

// onlyOne collects what there must be exactly one of: which of several a remote
// host would take, nobody can know.
type onlyOne struct {
	value string
	count int
}

func (o *onlyOne) add(value string) { o.value, o.count = value, o.count+1 }

func (o *onlyOne) get() (string, error) {
	switch {
	case o.count > 1:
		return "", errManyKeys
	case o.value == "":
		return "", errNoKey
	}
	return o.value, nil
}

package filters

import (
	"fmt"
	"net/url"
	"strings"

	"framegate/engine"
)

// keyPlace is where a request carries a key.
type keyPlace interface {
	// find returns the key; none, or several, are an error.
	find(q *engine.Request) (string, error)
	// remove takes the key away.
	remove(q *engine.Request) error
}

// The places: a header, a query parameter or a cookie of that name.
type (
	inHeader string
	inQuery  string
	inCookie string
)

func (name inHeader) find(q *engine.Request) (string, error) {
	var keys onlyOne
	for value := range q.Headers.Values(string(name)) {
		keys.add(value)
	}
	return keys.get()
}

func (name inHeader) remove(q *engine.Request) error {
	q.Headers.Del(string(name))
	return nil
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

func (name inQuery) remove(q *engine.Request) error {
	var kept []string
	for pair := range strings.SplitSeq(q.Query, "&") {
		if key, _, _ := strings.Cut(pair, "="); !isParameter(key, string(name)) {
			kept = append(kept, pair)
		}
	}
	path, _, _ := strings.Cut(q.URI, "?")
	q.Query = strings.Join(kept, "&")
	q.URI = path
	if q.Query != "" {
		q.URI += "?" + q.Query
	}
	return nil
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

func (name inCookie) remove(q *engine.Request) error {
	var kept []string
	for pair := range cookies(q.Headers) {
		if key, _, _ := strings.Cut(pair, "="); cookieName(key) != string(name) {
			kept = append(kept, pair)
		}
	}
	if len(kept) == 0 {
		q.Headers.Del("Cookie")
		return nil
	}
	if err := q.Headers.Set("Cookie", strings.Join(kept, "; ")); err != nil {
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

package filters

import (
	"errors"
	"strings"
	"testing"

	"framegate/engine"
)

func clients() *Env {
	key := func(secret string) string {
		text, err := HashSecret("sha256", secret)
		if err != nil {
			panic(err)
		}
		return text
	}
	return withStore("clients", map[string]any{
		"web":    map[string]any{"key": key("web-key"), "plan": "gold"},
		"mobile": map[string]any{"key": []any{key("old key"), key("new key")}, "subject": "m-1"},
	})
}

func TestAPIKey(t *testing.T) {
	header := func(f *apiKey) {}
	own := func(f *apiKey) { f.Header = "X-Other" }
	query := func(f *apiKey) { f.Query = "api key" }
	cookie := func(f *apiKey) { f.Cookie = "k" }
	cases := []struct {
		name    string
		place   func(f *apiKey)
		message *engine.Message
		subject string // empty: refused
		left    string // target and headers once the key is removed
	}{
		{"header", header, upgrade("/a?b", "x-api-key: web-key", "X-B: 1"), "web", "/a?b X-B: 1"},
		{"the first of two keys", header, upgrade("/", "X-API-Key: old key"), "m-1", "/"},
		{"the second of two keys", header, upgrade("/", "X-API-Key: new key"), "m-1", "/"},
		{"its own header", own, upgrade("/", "X-Other: web-key"), "web", "/"},
		{"query", query, upgrade("/a?x=1&api%20key=web%2Dkey&y=%20"), "web", "/a?x=1&y=%20"},
		{"query, alone", query, upgrade("/a?api+key=web-key"), "web", "/a"},
		{"cookie", cookie, upgrade("/", "Cookie: a=1; k=web-key; b=2"), "web", "/ Cookie: a=1; b=2"},
		{"cookie in quotes", cookie, upgrade("/", `Cookie: k="web-key"`), "web", "/"},
		{"cookie in a second header", cookie, upgrade("/", "Cookie: a=1", "Cookie: k=web-key"), "web", "/ Cookie: a=1"},
		{"cookie with a space", cookie, upgrade("/", "Cookie: k =web-key; K=1"), "web", "/ Cookie: K=1"},

		{"none", header, upgrade("/"), "", ""},
		{"empty", header, upgrade("/", "X-API-Key: "), "", ""},
		{"unknown", header, upgrade("/", "X-API-Key: web-kez"), "", ""},
		{"the hash instead of the key", header, upgrade("/", "X-API-Key: "+must(HashSecret("sha256", "web-key"))), "", ""},
		{"two headers", header, upgrade("/", "X-API-Key: web-key", "X-Api-Key: web-key"), "", ""},
		{"in the wrong place", header, upgrade("/?X-API-Key=web-key", "Cookie: X-API-Key=web-key"), "", ""},
		{"two parameters", query, upgrade("/?api%20key=web-key&api+key=x"), "", ""},
		{"a parameter with a broken escape", query, upgrade("/?api+key=%zz"), "", ""},
		{"two cookies", cookie, upgrade("/", "Cookie: k=web-key; k=x"), "", ""},
		{"a cookie in another case", cookie, upgrade("/", "Cookie: K=web-key"), "", ""},
		{"a cookie without a value", cookie, upgrade("/", "Cookie: k"), "", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := build(t, clients(), func(f *apiKey) { f.Store, f.Remove = "clients", true; c.place(f) })
			if c.subject == "" {
				fails(t, f, c.message, 401)
				_, headers, reason := c.message.Refusal()
				if headers.Get("WWW-Authenticate") != `ApiKey realm="framegate"` || strings.Contains(reason, "web-ke") {
					t.Errorf("challenge %q, reason %q", headers.Get("WWW-Authenticate"), reason)
				}
				return
			}
			passes(t, f, c.message)
			if got := attribute(c.message, "authentication.subject.id"); got != c.subject {
				t.Errorf("the subject is %q", got)
			}
			q := c.message.Request
			left := strings.TrimSpace(q.URI + " " + strings.ReplaceAll(string(q.Headers.AppendTo(nil)), "\r\n", " "))
			if left != c.left {
				t.Errorf("left is %q, want %q", left, c.left)
			}
			if _, query, _ := strings.Cut(q.URI, "?"); query != q.Query {
				t.Errorf("target %q, query %q", q.URI, q.Query)
			}
		})
	}
}

func must(text string, err error) string {
	if err != nil {
		panic(err)
	}
	return text
}

func TestAPIKeyKeepsTheRequestUnlessAsked(t *testing.T) {
	f := build(t, clients(), func(f *apiKey) { f.Store = "clients" })
	m := upgrade("/", "X-API-Key: web-key")
	passes(t, f, m)
	if !m.Request.Headers.Has("X-API-Key") {
		t.Error("the key was removed")
	}
	if got := attribute(m, "authentication.subject.attributes"); got != `{"plan":"gold"}` {
		t.Errorf("the attributes are %s", got)
	}
	if got := attribute(m, "authentication.method"); got != "api-key" {
		t.Errorf("the method is %q", got)
	}
}

func TestAPIKeySettingsThatAreRefused(t *testing.T) {
	for name, records := range map[string]map[string]any{
		"plain text":   {"a": map[string]any{"key": "secret"}},
		"no key":       {"a": map[string]any{"plan": "gold"}},
		"a short hash": {"a": map[string]any{"key": "sha256:00ff"}},
		"no hex":       {"a": map[string]any{"key": "sha256:" + strings.Repeat("zz", 32)}},
		"the same key": {"a": map[string]any{"key": "sha256:" + strings.Repeat("0A", 32)}, "b": map[string]any{"key": "sha256:" + strings.Repeat("0a", 32)}},
		"not a record": {"a": "sha256:" + strings.Repeat("00", 32)},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := try(withStore("clients", records), func(f *apiKey) { f.Store = "clients" })
			refused(t, err, "store")
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the message shows the key: %v", err)
			}
		})
	}
	for field, settings := range map[string]func(f *apiKey){
		"query":  func(f *apiKey) { f.Header, f.Query = "X-A", "a" },
		"cookie": func(f *apiKey) { f.Cookie = "a b" },
		"header": func(f *apiKey) { f.Header = "a b" },
		"realm":  func(f *apiKey) { f.Realm = "a\nb" },
	} {
		_, err := try(clients(), func(f *apiKey) { f.Store = "clients"; settings(f) })
		refused(t, err, field)
	}
}

func FuzzKeyPlaces(f *testing.F) {
	f.Add("a=1; k=v; k2=\"v\"", "a=1&k=v&%6B=2", "k, v, chat", "k v")
	f.Add("k", "k", "k", "k")
	f.Add("; =k;==;", "&=&k==&", "k., chat,k,,k", "K  \t")
	f.Fuzz(func(t *testing.T, cookie, query, protocols, authorization string) {
		headers := &engine.Headers{}
		for name, value := range map[string]string{"Cookie": cookie, "Sec-WebSocket-Protocol": protocols, "Authorization": authorization} {
			if headers.Add(name, value) != nil {
				return
			}
		}
		m := engine.NewMessage(engine.OnUpgrade, &engine.Request{URI: "/p?" + query, Path: "/p", Query: query, Headers: headers}, 0, nil)
		for _, place := range []keyPlace{inCookie("k"), inQuery("k"), inSubprotocol("k"), inScheme("k")} {
			key, err := place.find(m.Request)
			if (key == "") != (err != nil) {
				t.Errorf("found %q, %v", key, err)
			}
			if err := place.remove(m); err != nil {
				t.Fatal(err)
			}
			if left, err := place.find(m.Request); !errors.Is(err, errNoKey) {
				t.Errorf("%T of cookie %q, query %q, subprotocols %q, credentials %q: %q is left", place, cookie, query, protocols, authorization, left)
			}
		}
	})
}

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
	scheme := func(f *apiKey) { f.Scheme = "ApiKey" }
	protocol := func(f *apiKey) { f.Subprotocol = "key" }
	all := func(f *apiKey) {
		f.Header, f.Scheme, f.Subprotocol, f.Cookie, f.Query = "X-K", "ApiKey", "key", "k", "k"
	}
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

		{"scheme", scheme, upgrade("/", "Authorization: apikey  web-key"), "web", "/"},
		{"scheme, beside another", scheme, upgrade("/", "Authorization: Basic eDp5", "Authorization: ApiKey web-key"), "web", "/ Authorization: Basic eDp5"},
		{"subprotocol, the element after", protocol, upgrade("/", "Sec-WebSocket-Protocol: a, key, web-key, b"), "web", "/ Sec-WebSocket-Protocol: a, b"},
		{"subprotocol, behind a dot", protocol, upgrade("/", "Sec-WebSocket-Protocol: key.web-key, b"), "web", "/ Sec-WebSocket-Protocol: b"},
		{"subprotocol, over two headers", protocol, upgrade("/", "Sec-WebSocket-Protocol: key", "Sec-WebSocket-Protocol: web-key"), "web", "/"},
		{"any place: header", all, upgrade("/?k=no", "X-K: web-key", "Cookie: k=no"), "web", "/"},
		{"any place: scheme", all, upgrade("/?k=no", "Authorization: ApiKey web-key"), "web", "/"},
		{"any place: subprotocol", all, upgrade("/?k=no", "Sec-WebSocket-Protocol: key.web-key"), "web", "/"},
		{"any place: cookie", all, upgrade("/?k=no", "Cookie: k=web-key"), "web", "/"},
		{"any place: query", all, upgrade("/?k=web-key"), "web", "/"},

		{"the first place counts", all, upgrade("/?k=web-key", "X-K: no"), "", ""},
		{"another scheme", scheme, upgrade("/", "Authorization: Bearer web-key"), "", ""},
		{"two credentials", scheme, upgrade("/", "Authorization: ApiKey web-key", "Authorization: ApiKey web-key"), "", ""},
		{"a marker alone", protocol, upgrade("/", "Sec-WebSocket-Protocol: web-key, key"), "", ""},
		{"a marker in another case", protocol, upgrade("/", "Sec-WebSocket-Protocol: KEY, web-key"), "", ""},
		{"two subprotocols", protocol, upgrade("/", "Sec-WebSocket-Protocol: key, web-key, key.web-key"), "", ""},
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
	f := build(t, clients(), func(f *apiKey) { f.Store, f.Remove = "clients", false })
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
		"enabled":      {"a": restricted("enabled", "yes")},
		"expires":      {"a": restricted("expires", "tomorrow")},
		"notBefore":    {"a": restricted("notBefore", 2027.0)},
		"from":         {"a": restricted("from", "10.0.0.1/8")},
		"from, a map":  {"a": restricted("from", map[string]any{"a": "b"})},
		"origins":      {"a": restricted("origins", []any{"https://a.test/path"})},
		"referers":     {"a": restricted("referers", []any{"https://a.test", 7.0})},
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
		"scheme":              func(f *apiKey) { f.Scheme = "a b" },
		"subprotocol":         func(f *apiKey) { f.Subprotocol = "a,b" },
		"cookie":              func(f *apiKey) { f.Cookie = "a b" },
		"header":              func(f *apiKey) { f.Header = "a b" },
		"realm":               func(f *apiKey) { f.Realm = "a\nb" },
		"signature.name":      func(f *apiKey) { f.Signature = &keySignature{In: "header", Name: "a b", Timestamp: "T"} },
		"signature.timestamp": func(f *apiKey) { f.Signature = &keySignature{In: "query", Name: "s"} },
		"store":               func(f *apiKey) { f.Signature = &keySignature{In: "query", Name: "s", Timestamp: "t"} },
	} {
		_, err := try(clients(), func(f *apiKey) { f.Store = "clients"; settings(f) })
		refused(t, err, field)
	}
}

// restricted is the record of a good key with one field more.
func restricted(field string, value any) map[string]any {
	return map[string]any{"key": must(HashSecret("sha256", "web-key")), field: value}
}

func TestWhereAndWhenAKeyIsGood(t *testing.T) {
	c := newClock() // 2026-01-02 03:04:05
	for _, test := range []struct {
		field  string
		value  any
		lines  []string
		status int // 0: passes
	}{
		{"enabled", true, nil, 0},
		{"enabled", false, nil, 401},
		{"expires", "2026-01-02T03:04:06Z", nil, 0},
		{"expires", "2026-01-02T03:04:05Z", nil, 401},
		{"expires", "2026-01-03", nil, 0},
		{"expires", "2026-01-02", nil, 401},
		{"notBefore", "2026-01-02T03:04:05Z", nil, 0},
		{"notBefore", "2026-01-02T03:04:06Z", nil, 401},
		{"from", "192.0.2.0/24", nil, 0},
		{"from", []any{"10.0.0.0/8", "192.0.2.7"}, nil, 0},
		{"from", []any{"10.0.0.0/8", "192.0.2.8"}, nil, 403},
		{"origins", []any{"https://*.a.test"}, []string{"Origin: https://x.a.test"}, 0},
		{"origins", []any{"https://*.a.test"}, []string{"Origin: https://x.a.test.evil.test"}, 403},
		{"origins", []any{"https://*.a.test"}, nil, 403},
		{"referers", "https://a.test", []string{"Referer: https://A.test/page?x=1", "Origin: https://evil.test"}, 0},
		{"referers", "https://a.test", []string{"Referer: https://evil.test/https://a.test"}, 403},
		{"referers", "https://a.test", []string{"Referer: https://a.test@evil.test/"}, 403},
		{"referers", "https://a.test", []string{"Referer: https://evil@a.test/"}, 403},
		{"referers", "https://a.test", []string{"Origin: https://a.test"}, 0},
		{"referers", "https://a.test", nil, 403},
	} {
		f := build(t, withStore("clients", map[string]any{"a": restricted(test.field, test.value)}), func(f *apiKey) { f.Store = "clients" })
		m := upgrade("/", append(test.lines, "X-API-Key: web-key")...)
		m.SetClock(c.now)
		if test.status == 0 {
			passes(t, f, m)
		} else {
			fails(t, f, m, test.status)
		}
		if t.Failed() {
			t.Fatalf("%s: %v, %q", test.field, test.value, test.lines)
		}
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

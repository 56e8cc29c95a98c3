package filters_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fasthttp/websocket"

	"framegate/policies"
)

const admitByIntrospection = `
policies:
  admit:
    filters:
      - type: oauth-introspect
        url: ISSUER/introspect
        client: {id: gate way, secret: 's:cret'}
      - type: connect-to-url
        url: ws://HOST/
`

// answers is an introspection endpoint that knows tokens, and wants the client's secret.
func (i *issuer) answers(t *testing.T, tokens map[string]map[string]any) *sync.Map {
	var all sync.Map
	for token, answer := range tokens {
		all.Store(token, answer)
	}
	i.introspect = func(w http.ResponseWriter, q *http.Request) {
		if id, secret, _ := q.BasicAuth(); id != "gate+way" || secret != "s%3Acret" || q.Method != "POST" || q.FormValue("token_type_hint") != "access_token" {
			w.WriteHeader(401)
			return
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		answer, ok := all.Load(q.FormValue("token"))
		if !ok {
			answer = map[string]any{"active": false}
		}
		json.NewEncoder(w).Encode(answer)
	}
	return &all
}

func TestIntrospectionAdmits(t *testing.T) {
	i := newIssuer(t)
	i.answers(t, map[string]map[string]any{
		"by-sub":    {"active": true, "sub": "alice", "username": "al", "scope": "a b", "iss": "https://login.example.test", "tenant": "acme"},
		"by-name":   {"active": true, "username": "bob"},
		"by-client": {"active": true, "client_id": "batch"},
		"by-nobody": {"active": true},
		"inactive":  {"active": false, "sub": "alice"},
	})
	g := behind(t, i, "onUpgrade: admit\nonClientFrame: tell", strings.Replace(admitByIntrospection, "client:", "maxToken: 1KiB\n        client:", 1)+`
  tell:
    filters:
      - type: reply-frame
        body: '${authentication.subject.id} ${authentication.method} ${authentication.scope ?: "-"} ${authentication.issuer.id ?: "-"} ${websock.context.oauth.claims.tenant ?: "-"}'
`)
	for token, want := range map[string]string{
		"by-sub": "alice oauth a b https://login.example.test acme", "by-name": "bob oauth - - -", "by-client": "batch oauth - - -",
	} {
		c := g.open("/chat", bearer(token)...)
		says(t, c, "who?", want)
		if head := <-g.reached; strings.Contains(head, token) {
			t.Errorf("the host got the token:\n%s", head)
		}
	}
	for _, token := range []string{"by-nobody", "inactive", "unknown", "not/a=token", strings.Repeat("x", 1025)} {
		if answer, _ := g.refuses(401, "/chat", bearer(token)...); !strings.Contains(answer.Header.Get("WWW-Authenticate"), `error="invalid_token"`) {
			t.Errorf("%.20s: %v", token, answer.Header)
		}
	}
	g.refuses(401, "/chat")
}

func TestIntrospectionChecksWhatTheServerSays(t *testing.T) {
	i := newIssuer(t)
	g := behind(t, i, "onUpgrade: admit", strings.Replace(admitByIntrospection, "client:", "issuer: ISSUER\n        audience: [chat]\n        scopes: [chat.read]\n        claims: {tenant: acme}\n        client:", 1))
	now := g.clock.now()
	good := map[string]any{"active": true, "sub": "alice", "iss": i.URL, "aud": "chat", "scope": "chat.read", "tenant": "acme"}
	tokens, status := map[string]map[string]any{}, map[string]int{}
	for name, change := range map[string]map[string]any{
		"good": {}, "scope": {"scope": "chat.write"}, "issuer": {"iss": "x"}, "audience": {"aud": []string{"shop"}}, "tenant": {"tenant": "globex"},
		"expired": {"exp": now.Add(-time.Minute).Unix()}, "early": {"nbf": now.Add(time.Minute).Unix()}, "odd": {"exp": "soon"}, "text": {"active": "true"},
	} {
		tokens[name], status[name] = map[string]any{}, map[string]int{"good": 101, "scope": 403, "text": 503}[name]
		for _, from := range []map[string]any{good, change} {
			for key, value := range from {
				tokens[name][key] = value
			}
		}
	}
	i.answers(t, tokens)
	for name, want := range status {
		if want == 0 {
			want = 401
		}
		_, answer, _ := g.upgrade("/chat", bearer(name)...)
		if answer.StatusCode != want {
			t.Errorf("%s: %s, want %d", name, answer.Status, want)
		}
	}
}

// Answers count for a minute; clients that come together cause one question.
func TestIntrospectionRemembers(t *testing.T) {
	i := newIssuer(t)
	all := i.answers(t, nil)
	g := behind(t, i, "onUpgrade: admit", admitByIntrospection)
	asked := func(want int32) {
		t.Helper()
		if n := i.asked.Load(); n != want {
			t.Fatalf("the server was asked %d times, want %d", n, want)
		}
	}
	all.Store("token", map[string]any{"active": true, "sub": "alice", "exp": g.clock.now().Add(time.Hour).Unix()})
	slow := make(chan struct{})
	i.hold.Store(&slow)
	var together sync.WaitGroup
	for range 10 {
		together.Go(func() { g.open("/chat", bearer("token")...) })
	}
	close(slow)
	together.Wait()
	asked(1)
	i.down.Store(true)
	g.clock.turn(59 * time.Second)
	g.open("/chat", bearer("token")...)
	g.clock.turn(time.Second)
	answer, _ := g.refuses(503, "/chat", bearer("token")...) // nobody comes in because the server is away
	if answer.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	i.down.Store(false)
	g.open("/chat", bearer("token")...)
	asked(2)
	for range 3 {
		g.refuses(401, "/chat", bearer("stranger")...)
	}
	asked(3)
	all.Store("stranger", map[string]any{"active": true, "sub": "bob", "exp": g.clock.now().Add(20 * time.Second).Unix()})
	g.clock.turn(10 * time.Second)
	g.open("/chat", bearer("stranger")...)
	asked(4)
	g.clock.turn(10 * time.Second) // the token has expired, and with it the answer
	g.open("/chat", bearer("stranger")...)
	asked(5)
	g.configure("onUpgrade: admit\nexpire: 1h", admitByIntrospection)
	if problems, err := g.Reload(t.Context()); err != nil {
		t.Fatal(err, problems)
	}
	g.open("/chat", bearer("token")...)
	asked(5)
}

// An open session is asked about: it ends when its token is no longer active,
// while it is silent, too; an outage of the server ends none.
func TestTokensOfOpenSessionsAreIntrospected(t *testing.T) {
	i := newIssuer(t)
	all := i.answers(t, map[string]map[string]any{"1": {"active": true, "sub": "alice"}, "2": {"active": true, "sub": "bob", "scope": "x"}})
	g := behind(t, i, "onUpgrade: admit", strings.Replace(admitByIntrospection, "client:", "recheck: 2m\n        client:", 1))
	alice, bob := g.open("/chat", bearer("1")...), g.open("/chat", bearer("2")...)
	eventually(t, "both are open", func() bool { return g.Sessions().Len() == 2 })
	check := func(n int32) {
		t.Helper()
		g.clock.turn(2 * time.Minute)
		g.Sweep()
		eventually(t, "the server is asked again", func() bool { return i.asked.Load() == n })
	}
	check(4)
	says(t, alice, "still active", "still active")
	i.down.Store(true)
	g.clock.turn(2 * time.Minute)
	g.Sweep()
	g.log.wait(t, "could not be checked again", 2)
	says(t, alice, "the server is away", "the server is away")
	i.down.Store(false)
	all.Delete("1")
	check(6)
	ends(t, alice, 3000, "authentication revoked")
	says(t, bob, "bob stays", "bob stays")
	g.refuses(401, "/chat", bearer("1")...)
}

func TestAnIntrospectedSessionExpires(t *testing.T) {
	i := newIssuer(t)
	all := i.answers(t, nil)
	g := behind(t, i, "onUpgrade: admit\nonClientFrame: messages", strings.Replace(admitByIntrospection, "client:", "pointer: /token\n        header: Authorization\n        recheck: 0s\n        client:", 1)+`
  messages:
    filters:
      - {type: policy, policy: token, failure: pass}
  token:
    filters:
      - {type: oauth-introspect, url: ISSUER/introspect, client: {id: gate way, secret: 's:cret'}, pointer: /token}
`)
	all.Store("1", map[string]any{"active": true, "sub": "alice", "exp": g.clock.now().Add(time.Minute).Unix()})
	all.Store("2", map[string]any{"active": true, "sub": "alice", "exp": g.clock.now().Add(time.Hour).Unix()})
	c := g.open("/chat", bearer("1")...)
	if err := c.WriteMessage(websocket.TextMessage, []byte(`{"token":"2"}`)); err != nil {
		t.Fatal(err)
	}
	says(t, c, "ordinary", "ordinary")
	g.clock.turn(10 * time.Minute)
	g.Sweep()
	says(t, c, "renewed", "renewed")
	g.clock.turn(51 * time.Minute)
	g.Sweep()
	ends(t, c, 3000, "authentication expired")
}

func TestHowTheGatewayProvesItself(t *testing.T) {
	i := newIssuer(t)
	got := make(chan string, 1)
	i.introspect = func(w http.ResponseWriter, q *http.Request) {
		got <- q.Header.Get("Authorization") + " " + q.PostFormValue("client_id") + " " + q.PostFormValue("client_secret")
		w.Header().Set("Content-Type", "application/token-introspection+json")
		fmt.Fprint(w, `{"active":true,"sub":"alice"}`)
	}
	for client, want := range map[string]string{
		"{id: gw, secret: pw}":             "Basic Z3c6cHc=  ",
		"{id: gw, secret: pw, auth: post}": " gw pw",
		"{secret: abc, auth: bearer}":      "Bearer abc  ",
		"{}":                               "  ",
	} {
		g := behind(t, i, "onUpgrade: admit", strings.Replace(admitByIntrospection, "{id: gate way, secret: 's:cret'}", client, 1))
		g.open("/chat", bearer("token")...)
		if proof := <-got; proof != want {
			t.Errorf("%s: %q, want %q", client, proof, want)
		}
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	i := newIssuer(t)
	g := behind(t, i, "onUpgrade: admit", strings.Replace(admitByIntrospection, "client:", "remember: 0s\n        client:", 1))
	for what, answer := range map[string]func(w http.ResponseWriter){
		"redirect": func(w http.ResponseWriter) { w.Header().Set("Location", i.URL+"/jwks"); w.WriteHeader(302) },
		"error":    func(w http.ResponseWriter) { w.WriteHeader(500) },
		"page":     func(w http.ResponseWriter) { fmt.Fprint(w, `{"active":true,"sub":"alice"}`) },
		"long": func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"active":true,"sub":"`+strings.Repeat("x", 70_000)+`"}`)
		},
		"twice": func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"active":false,"active":true,"sub":"x"}`)
		},
		"no answer": func(w http.ResponseWriter) { panic(http.ErrAbortHandler) },
	} {
		i.mu.Lock()
		i.introspect = func(w http.ResponseWriter, _ *http.Request) { answer(w) }
		i.mu.Unlock()
		if answer, _ := g.refuses(503, "/chat", bearer("token")...); answer.Header.Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", what)
		}
	}
}

func TestWrongSettingsOfOAuthIntrospect(t *testing.T) {
	i := newIssuer(t)
	g := behind(t, i, "onUpgrade: admit", admitByIntrospection)
	for fields, want := range map[string]string{
		"url: login":                                           "no https://",
		"url: 'https://idb/x'":                                 `no remote host "idb"`,
		"url: ISSUER/x\nclient: {auth: bearer}":                "no token for the server",
		"url: ISSUER/x\nclient: {secret: x}":                   "no id",
		"url: ISSUER/x\nclient: {auth: x, id: y}":              "bearer",
		"url: ISSUER/x\nclient: {auth: bearer, secret: 'a b'}": "no bearer token",
		"url: ISSUER/x\nonExpiry: keep\nwarn: {}":              "does not end",
	} {
		g.configure("onUpgrade: admit", "\npolicies:\n  admit:\n    filters:\n      - type: oauth-introspect\n        "+strings.ReplaceAll(fields, "\n", "\n        ")+"\n      - {type: connect-to-url, url: 'ws://HOST/'}\n")
		if _, problems := policies.Load(t.Context(), g.dir, policies.Options{}, nil); !strings.Contains(fmt.Sprint(problems), want) {
			t.Errorf("%s\n→ %v, want %q", fields, problems, want)
		}
	}
}

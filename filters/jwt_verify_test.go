package filters_test

import (
	"strings"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/go-jose/go-jose/v4"

	"framegate/engine"
)

const admitByToken = `
policies:
  admit:
    filters:
      - type: jwt-verify
        issuer: ISSUER
        audience: [chat, other]
      - type: connect-to-url
        url: ws://HOST/
`

func bearer(token string) []string { return []string{"Authorization", "Bearer " + token} }

func TestATokenAdmitsAndGoesNoFurther(t *testing.T) {
	i := newIssuer(t, public("rsa", rsaKey), public("ec", ecKey), public("ed", edKey))
	g := behind(t, i, "onUpgrade: admit\nonClientFrame: tell", admitByToken+`
  tell:
    filters:
      - type: reply-frame
        body: '${authentication.subject.id} ${authentication.method} ${authentication.issuer.id} ${websock.context.jwt.claims.sub} ${websock.context.jwt.header.alg} ${websock.context.jwt.claims.exp} ${authentication.subject.attributes["aud"]}'
`)
	for algorithm, key := range map[jose.SignatureAlgorithm]any{jose.RS256: rsaKey, jose.PS256: rsaKey, jose.ES256: ecKey, jose.EdDSA: edKey} {
		kid := map[jose.SignatureAlgorithm]string{jose.ES256: "ec", jose.EdDSA: "ed"}[algorithm]
		if kid == "" {
			kid = "rsa"
		}
		exp := g.clock.now().Add(time.Hour).Unix()
		c := g.open("/chat", bearer(sign(t, kid, algorithm, key, g.claims("exp", exp)))...)
		says(t, c, "who?", "alice jwt "+i.URL+" alice "+string(algorithm)+" "+engine.IntValue(exp).String()+" chat")
		if head := <-g.reached; strings.Contains(head, "Bearer") {
			t.Errorf("the host got the token:\n%s", head)
		}
	}
	if n := i.fetched.Load(); n != 1 {
		t.Errorf("the keys were fetched %d times", n)
	}
	for _, r := range recorded(g.gateway) {
		if r.Kind == engine.UpgradeRecord && r.Subject != "alice" {
			t.Errorf("recorded as of %q", r.Subject)
		}
	}
}

func TestRefusalsOfTokens(t *testing.T) {
	i := newIssuer(t, public("rsa", rsaKey), public("ec", ecKey))
	g := behind(t, i, "onUpgrade: admit", strings.Replace(admitByToken, "audience: [chat, other]", `audience: chat
        scopes: [chat.read, chat.write]
        claims: {tenant: [acme, globex], /realm/roles: admin, mail: []}
        maxAge: 2h
        realm: the chat`, 1))
	good := []any{"scope", "chat.write chat.read openid", "tenant", "acme", "realm", map[string]any{"roles": []string{"user", "admin"}}, "mail", "a@example.test"}
	with := func(change ...any) string { return g.token(append(good[:len(good):len(good)], change...)...) }
	g.open("/chat", bearer(with())...)
	g.open("/chat", bearer(with("aud", []string{"x", "chat"}, "scope", nil, "scp", []string{"chat.read", "chat.write"}))...)
	now := g.clock.now()
	for _, c := range []struct {
		what, token string
		status      int
		challenge   string
	}{
		{"no token", "", 401, `Bearer realm="the chat"`},
		{"wrong issuer", with("iss", "https://other.example.test"), 401, `invalid_token`},
		{"no issuer", with("iss", nil), 401, `invalid_token`},
		{"issuer is no text", with("iss", 7), 401, `invalid_token`},
		{"wrong audience", with("aud", "shop"), 401, `invalid_token`},
		{"no audience", with("aud", nil), 401, `invalid_token`},
		{"audience of numbers", with("aud", []int{1}), 401, `invalid_token`},
		{"expired", with("exp", now.Add(-31*time.Second).Unix()), 401, `invalid_token`},
		{"no expiry", with("exp", nil), 401, `invalid_token`},
		{"expiry is a text", with("exp", "tomorrow"), 401, `invalid_token`},
		{"expiry beyond all time", with("exp", 1e300), 401, `invalid_token`},
		{"negative expiry", with("exp", -5), 401, `invalid_token`},
		{"not yet", with("nbf", now.Add(40*time.Second).Unix()), 401, `invalid_token`},
		{"from the future", with("iat", now.Add(40*time.Second).Unix()), 401, `invalid_token`},
		{"too old", with("iat", now.Add(-121*time.Minute).Unix()), 401, `invalid_token`},
		{"no age", with("iat", nil), 401, `invalid_token`},
		{"no subject", with("sub", nil), 401, `invalid_token`},
		{"subject is a list", with("sub", []string{"alice"}), 401, `invalid_token`},
		{"wrong tenant", with("tenant", "initech"), 401, `invalid_token`},
		{"no tenant", with("tenant", nil), 401, `invalid_token`},
		{"no role", with("realm", map[string]any{"roles": []string{"user"}}), 401, `invalid_token`},
		{"no mail", with("mail", nil), 401, `invalid_token`},
		{"a scope is missing", with("scope", "chat.read"), 403, `Bearer realm="the chat", error="insufficient_scope", scope="chat.read chat.write"`},
		{"no scope", with("scope", nil), 403, `insufficient_scope`},
		{"scope is a number", with("scope", 1), 401, `invalid_token`},
	} {
		var headers []string
		if c.token != "" {
			headers = bearer(c.token)
		}
		answer, body := g.refuses(c.status, "/chat", headers...)
		if got := answer.Header.Get("WWW-Authenticate"); !strings.Contains(got, c.challenge) {
			t.Errorf("%s: challenge %q", c.what, got)
		}
		if strings.Contains(body, "jwt") || c.token != "" && strings.Contains(body, c.token) {
			t.Errorf("%s: the answer tells: %s", c.what, body)
		}
	}
	for _, within := range []string{with("exp", now.Add(-20*time.Second).Unix()), with("nbf", now.Add(20*time.Second).Unix())} {
		if c, answer, _ := g.upgrade("/chat", bearer(within)...); c == nil {
			t.Errorf("within the skew: %s", answer.Status)
		}
	}
}

// Tokens that an attacker would try.
func TestForgedTokens(t *testing.T) {
	i := newIssuer(t, public("rsa", rsaKey), public("ec", ecKey), public("../../etc/passwd' OR 1=1", ecKey))
	g := behind(t, i, "onUpgrade: admit", admitByToken)
	good := g.token()
	g.open("/chat", bearer(good)...)
	for what, token := range forgeries(t, g, good) {
		answer, body := g.refuses(401, "/chat", bearer(token)...)
		if !strings.Contains(answer.Header.Get("WWW-Authenticate"), "invalid_token") {
			t.Errorf("%s: %s %v %s", what, answer.Status, answer.Header, body)
		}
	}
	if n := i.fetched.Load(); n > 1 { // with the clock standing still
		t.Errorf("forged tokens made the gateway fetch the keys %d times", n)
	}
	g.open("/chat", bearer(good)...)
}

// A token can come from each place, and is gone on the way to the host.
func TestPlacesOfTokens(t *testing.T) {
	i := newIssuer(t, public("rsa", rsaKey))
	g := behind(t, i, "onUpgrade: admit", strings.Replace(admitByToken, "audience: [chat, other]", `audience: chat
        header: X-Access
        query: access_token
        cookie: session
        subprotocol: bearer`, 1))
	token := g.token()
	for _, headers := range [][]string{
		{"X-Access", token}, {"x-access", "Bearer " + token}, {"Cookie", "a=b; session=" + token + "; c=d"},
		{"Sec-WebSocket-Protocol", "bearer, " + token + ", chat.v1"}, {"Sec-WebSocket-Protocol", "chat.v1, bearer." + token},
	} {
		c, answer, body := g.upgrade("/chat?x=1&y=2", headers...)
		if c == nil {
			t.Errorf("%s: %s %s", headers[0], answer.Status, body)
			continue
		}
		head := <-g.reached
		if strings.Contains(head, token) || !strings.HasPrefix(head, "/\n") {
			t.Errorf("%q: the host got\n%s", headers, head)
		}
		if headers[0] == "Cookie" && !strings.Contains(head, "a=b; c=d") {
			t.Errorf("the other cookies are gone:\n%s", head)
		}
		if strings.HasPrefix(headers[0], "Sec-") && !strings.Contains(head, "Sec-WebSocket-Protocol: chat.v1\r\n") {
			t.Errorf("the other subprotocols are gone:\n%s", head)
		}
	}
	c := g.open("/chat?x=1&access_token=" + token + "&y=2")
	says(t, c, "hello", "hello")
	<-g.reached
	for _, two := range [][]string{
		{"/chat?access_token=" + token, "X-Access", token},
		{"/chat?access_token=" + token + "&access_token=" + token},
		{"/chat", "X-Access", token, "X-Access", token},
		{"/chat", "Sec-WebSocket-Protocol", "bearer, " + token + ", bearer." + token},
	} {
		answer, _ := g.refuses(400, two[0], two[1:]...)
		if !strings.Contains(answer.Header.Get("WWW-Authenticate"), "invalid_request") {
			t.Errorf("%d headers: %v", len(two), answer.Header)
		}
	}
	g.refuses(401, "/chat", bearer(token)...) // not one of the places
	for _, r := range recorded(g.gateway) {
		for _, h := range r.Headers {
			if strings.Contains(h.Value, token[:20]) {
				t.Errorf("the traffic log has the token in %s", h.Name)
			}
		}
	}
	if strings.Contains(g.log.String(), token[:20]) {
		t.Error("the log has a token")
	}
}

// A browser fails the connection when it asked for subprotocols and gets none
// back: it gets its marker, never the token.
func TestABrowserGetsASubprotocolThatItAskedFor(t *testing.T) {
	i := newIssuer(t, public("rsa", rsaKey))
	for allowed, want := range map[string]string{"": "bearer", "\nsubprotocols: [chat.v1]": "bearer"} {
		g := behind(t, i, "onUpgrade: admit"+allowed, strings.Replace(admitByToken, "audience: [chat, other]", "audience: chat\n        subprotocol: bearer", 1))
		token := g.token()
		dialer := websocket.Dialer{Subprotocols: []string{"bearer", token}}
		c, answer, err := dialer.Dial("ws://"+g.address+"/chat", nil)
		if err != nil {
			t.Fatal(err, answer)
		}
		defer c.Close()
		if got := answer.Header.Values("Sec-WebSocket-Protocol"); len(got) != 1 || got[0] != want {
			t.Errorf("subprotocols%s: answered with %q", allowed, got)
		}
		says(t, c, "hello", "hello")
	}
}

func TestASecretVerifiesTokens(t *testing.T) {
	i := newIssuer(t)
	secret := strings.Repeat("0123456789abcdef", 4)
	g := behind(t, i, "onUpgrade: admit", strings.Replace(admitByToken, "audience: [chat, other]", "audience: chat\n        secret: "+secret+"\n        algorithms: [HS256, HS512]", 1))
	g.open("/chat", bearer(sign(t, "", jose.HS512, []byte(secret), g.claims()))...)
	g.open("/chat", bearer(sign(t, "any", jose.HS256, []byte(secret), g.claims()))...)
	g.refuses(401, "/chat", bearer(sign(t, "", jose.HS384, []byte(secret), g.claims()))...)
	g.refuses(401, "/chat", bearer(sign(t, "", jose.HS256, []byte(secret[1:]), g.claims()))...)
	g.refuses(401, "/chat", bearer(g.token())...)
}

package filters_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/go-jose/go-jose/v4"

	"framegate/engine"
)

// ends expects the session to be closed, with nothing before it.
func ends(t *testing.T, c *websocket.Conn, code int, reason string) {
	t.Helper()
	defer c.Close()
	_, p, err := c.ReadMessage()
	var closed *websocket.CloseError
	if !errors.As(err, &closed) || closed.Code != code || closed.Text != reason {
		t.Errorf("got %q, %v; want close %d %q", p, err, code, reason)
	}
}

// gets expects a message.
func gets(t *testing.T, c *websocket.Conn, want string) {
	t.Helper()
	if _, p, err := c.ReadMessage(); err != nil || string(p) != want {
		t.Errorf("got %q, %v; want %q", p, err, want)
	}
}

// A session ends with its token, skew included, whether anybody talks or not and
// with policies on its messages or without.
func TestASessionEndsWithItsToken(t *testing.T) {
	for name, hooks := range map[string]string{"raw": "", "message": "\nmode: message"} {
		t.Run(name, func(t *testing.T) {
			i := newIssuer(t, public("rsa", rsaKey))
			g := behind(t, i, "onUpgrade: admit"+hooks, admitByToken)
			c := g.open("/chat", bearer(g.token("exp", g.clock.now().Add(time.Minute).Unix()))...)
			g.clock.turn(85 * time.Second)
			g.Sweep()
			says(t, c, "still here", "still here")
			g.clock.turn(5 * time.Second)
			g.Sweep()
			ends(t, c, 3000, "authentication expired")
			eventually(t, "the session is gone", func() bool { return g.Sessions().Len() == 0 })
			records := recorded(g.gateway)
			if last := records[len(records)-1]; last.By != "expiry" || last.Code != 3000 || last.Subject != "alice" {
				t.Errorf("recorded as by %q with %d, of %q", last.By, last.Code, last.Subject)
			}
		})
	}
}

func TestASessionMayOutliveItsToken(t *testing.T) {
	i := newIssuer(t, public("rsa", rsaKey))
	g := behind(t, i, "onUpgrade: admit", strings.Replace(admitByToken, "audience: [chat, other]", "audience: chat\n        onExpiry: keep", 1))
	c := g.open("/chat", bearer(g.token())...)
	g.clock.turn(48 * time.Hour)
	g.Sweep()
	says(t, c, "still here", "still here")
}

func TestATokenIsNotOlderThanMaxAge(t *testing.T) {
	i := newIssuer(t, public("rsa", rsaKey))
	g := behind(t, i, "onUpgrade: admit", strings.Replace(admitByToken, "audience: [chat, other]", "audience: chat\n        maxAge: 10m\n        skew: 0s\n        expiry: optional", 1))
	c := g.open("/chat", bearer(g.token())...)
	forever := g.open("/chat", bearer(g.token("exp", nil))...)
	g.clock.turn(9 * time.Minute)
	g.Sweep()
	says(t, c, "still here", "still here")
	g.clock.turn(time.Minute)
	g.Sweep()
	ends(t, c, 3000, "authentication expired")
	ends(t, forever, 3000, "authentication expired")
}

// renewable is a websocket whose clients are warned, and send {"token": "…"}.
const renewable = `
policies:
  admit:
    filters:
      - {type: policy, policy: token}
      - {type: connect-to-url, url: 'ws://HOST/'}
  token:
    filters:
      - type: jwt-verify
        issuer: ISSUER
        audience: chat
        skew: 0s
        header: Authorization
        pointer: /token
        warn: {before: 30s, message: '{"type":"expiring","at":"${authentication.expires}"}'}
  messages:
    filters:
      - type: compare-attribute
        rules: [{value: '${content.body}', op: starts-with, with: '{"token":'}]
        failure: pass
      - {type: policy, policy: token, success: renewed, failure: refused}
      - {name: renewed, type: reply-frame, body: 'welcome back, ${authentication.subject.id}, ${jwt.claims.level}'}
      - {name: refused, type: reply-frame, body: 'no: ${circuit.failure.reason}'}
`

func TestATokenIsRenewedInBand(t *testing.T) {
	i := newIssuer(t, public("rsa", rsaKey))
	g := behind(t, i, "onUpgrade: admit\nonClientFrame: messages", renewable)
	start := g.clock.now()
	until := func(d time.Duration) int64 { return start.Add(d).Unix() }
	c := g.open("/chat", bearer(g.token("exp", until(time.Minute)))...)
	g.Sweep()
	says(t, c, "an ordinary message", "an ordinary message")
	g.clock.turn(35 * time.Second)
	g.Sweep()
	gets(t, c, `{"type":"expiring","at":"`+time.Unix(until(time.Minute), 0).UTC().Format(time.RFC3339)+`"}`)
	renew := func(token string) string { return `{"token":"` + token + `"}` }
	for what, token := range map[string]string{
		"another subject":   g.token("sub", "mallory", "exp", until(time.Hour)),
		"another issuer":    g.token("iss", "https://other.example.test", "exp", until(time.Hour)),
		"expired":           g.token("exp", until(0)),
		"forged":            sign(t, "rsa", jose.RS256, otherRSAKey, g.claims("exp", until(time.Hour))),
		"no token":          "",
		"not even a token!": "x y",
	} {
		if err := c.WriteMessage(websocket.TextMessage, []byte(renew(token))); err != nil {
			t.Fatal(err)
		}
		if _, p, err := c.ReadMessage(); err != nil || !strings.HasPrefix(string(p), "no: ") {
			t.Errorf("%s: %q %v", what, p, err)
		}
	}
	says(t, c, renew(g.token("exp", until(10*time.Minute), "level", 5)), "welcome back, alice, 5")
	g.clock.turn(5 * time.Minute)
	g.Sweep()
	says(t, c, "long after the first token", "long after the first token")
	g.clock.turn(5 * time.Minute)
	g.Sweep()
	gone := false
	for !gone {
		_, p, err := c.ReadMessage()
		gone = websocket.IsCloseError(err, 3000)
		if err == nil && !strings.Contains(string(p), "expiring") || err != nil && !gone {
			t.Fatalf("%q %v", p, err)
		}
	}
	leaked(t, g)
}

// The place of the token and its text are known to nobody but the gateway: not to the host, not to the traffic log.
func leaked(t *testing.T, g *identityGateway) {
	t.Helper()
	for _, r := range recorded(g.gateway) {
		if strings.Contains(string(r.Before)+string(r.After), "eyJ") {
			t.Errorf("the traffic log has a token: %s", r.Before)
		}
		if r.Kind == engine.FrameRecord && r.Dir == "host" && strings.Contains(string(r.Before), "token\":") {
			t.Errorf("the host got %s", r.Before)
		}
	}
}

// A policy that forgets to stop the message, and one that fails, do not let it through.
func TestAMessageWithATokenGoesNoFurther(t *testing.T) {
	i := newIssuer(t, public("rsa", rsaKey))
	for _, arrow := range []string{"", "\n        failure: pass"} {
		g := behind(t, i, "onUpgrade: admit\nonClientFrame: messages\nonFrameFault: {fail: forward}", admitByToken+`
  messages:
    filters:
      - type: jwt-verify
        issuer: ISSUER
        audience: chat
        pointer: /auth/token`+arrow+"\n")
		c := g.open("/chat", bearer(g.token())...)
		for _, token := range []string{g.token(), g.token("sub", "mallory")} {
			if err := c.WriteMessage(websocket.TextMessage, []byte(`{"auth":{"token":"`+token+`"}}`)); err != nil {
				t.Fatal(err)
			}
		}
		says(t, c, "next", "next")
		leaked(t, g)
	}
}

// Who comes without a token may bring one in the first message.
func TestTheFirstMessageBringsTheToken(t *testing.T) {
	i := newIssuer(t, public("rsa", rsaKey))
	g := behind(t, i, "onUpgrade: open\nonClientFrame: messages", `
policies:
  open: {filters: [{type: connect-to-url, url: 'ws://HOST/'}]}
  messages:
    filters:
      - {name: known, type: compare-attribute, rules: [{value: '${authentication.subject.id ?: "nobody"}', op: is, with: nobody}], success: login, failure: pass}
      - {name: login, type: jwt-verify, issuer: ISSUER, audience: chat, pointer: /token, success: pass, failure: away}
      - {name: away, type: close-websocket, code: 3000, reason: log in first}
`)
	stranger := g.open("/chat")
	closes(t, stranger, "hello", 3000, "log in first")
	stranger.Close()
	c := g.open("/chat")
	if err := c.WriteMessage(websocket.TextMessage, []byte(`{"token":"`+g.token("exp", g.clock.now().Add(time.Minute).Unix())+`"}`)); err != nil {
		t.Fatal(err)
	}
	says(t, c, "hello", "hello")
	eventually(t, "only this session is open", func() bool { return g.Sessions().Len() == 1 })
	if got := g.Sessions().List()[0].Subject; got != "alice" {
		t.Errorf("the session is of %q", got)
	}
	g.clock.turn(91 * time.Second)
	g.Sweep()
	ends(t, c, 3000, "authentication expired")
}

func TestRevokedTokens(t *testing.T) {
	i := newIssuer(t, public("rsa", rsaKey))
	g := behind(t, i, "onUpgrade: admit", admitByToken)
	for _, handle := range []string{"jti:7", "subject:bob", ""} {
		subject := map[string]string{"jti:7": "dave", "subject:bob": "bob", "": "carol"}[handle]
		token := g.token("sub", subject, "jti", handle[min(4, len(handle)):])
		if handle == "" {
			handle = engine.TokenHandle(token)
		}
		c := g.open("/chat", bearer(token)...)
		other := g.open("/chat", bearer(g.token())...)
		eventually(t, "both are open", func() bool { return g.opens("alice") && g.opens(subject) })
		if n, err := g.Revoke(engine.Revocation{Handle: handle, Until: g.clock.now().Add(time.Hour)}); n != 1 || err != nil {
			t.Errorf("%s: closed %d, %v", handle, n, err)
		}
		ends(t, c, 3000, "authentication revoked")
		says(t, other, "others stay", "others stay")
		answer, _ := g.refuses(401, "/chat", bearer(token)...)
		if !strings.Contains(answer.Header.Get("WWW-Authenticate"), "invalid_token") {
			t.Errorf("challenge %v", answer.Header)
		}
		if err := g.Unrevoke(handle); err != nil {
			t.Error(err)
		}
		g.open("/chat", bearer(token)...)
	}
}

// opens tells whether a session of the subject is open.
func (i *identityGateway) opens(subject string) bool {
	for _, s := range i.Sessions().List() {
		if s.Subject == subject && !s.Closing {
			return true
		}
	}
	return false
}

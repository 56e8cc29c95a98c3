package filters_test

import (
	"strings"
	"testing"

	"framegate/engine"
	"framegate/engine/wire"
)

// A chain stops at the first link that fails, and leaves out what it is told to.
func TestAChainOfPolicies(t *testing.T) {
	g := start(t, "onUpgrade: connect\nonClientFrame: client", `
policies:
  connect:
    filters:
      - type: policy-chain
        policies: [prove, {policy: refuse, when: '${params.query.refuse ?: "no"}'}, {policy: break, enabled: false}, reach]
  prove: {filters: [{type: set-attribute, attribute: proven, value: '${params.query.proof}'}]}
  reach: {filters: [{type: connect-to-url, url: ws://HOST/}]}
  refuse: {filters: [{type: false-filter}]}
  break: {filters: [{type: abort}]}
  client:
    filters:
      - type: policy-shortcut-chain
        policies:
          - a
          - {policy: b, when: '${websock.context.proven}'}
          - c
        failure: pass
  a: {filters: [{type: set-message, body: '${content.body}a'}]}
  b: {filters: [{type: compare-attribute, rules: [{value: '${content.body}', op: does-not-contain, with: stop}]}, {type: set-message, body: '${content.body}b'}]}
  c: {filters: [{type: set-message, body: '${content.body}c'}]}
`)
	yes := g.open("/chat?proof=YES")
	says(t, yes, "x", "xabc")
	says(t, yes, "stop", "stopa")
	says(t, g.open("/chat?proof=off"), "stop", "stopac")
	closes(t, g.open("/chat?proof=maybe"), "x", 1011, "")
	g.refuses(403, "/chat?proof=1&refuse=true")
	g.refuses(500, "/chat")
	if reason := recorded(g)[len(recorded(g))-1].Reason; !strings.Contains(reason, "proof") {
		t.Errorf("the abort says %q", reason)
	}
}

func TestASelectorIsEvaluated(t *testing.T) {
	g := start(t, "onUpgrade: connect", `
policies:
  connect:
    filters:
      - {type: SelectorFilter, value: '${params.query.flag}'}
      - {type: connect-to-url, url: ws://HOST/}
`)
	for _, flag := range []string{"true", "Yes", "on", "1"} {
		g.open("/chat?flag=" + flag)
	}
	for _, flag := range []string{"false", "NO", "off", "0", ""} {
		g.refuses(403, "/chat?flag="+flag)
	}
	g.refuses(500, "/chat?flag=2")
	g.refuses(500, "/chat")
}

// A pause holds up its own direction and no other, and ends with the session.
func TestAPauseHoldsUpOneDirection(t *testing.T) {
	g := start(t, "onUpgrade: connect\nonClientFrame: client\nonClose: goodbye", `
policies:
  connect: {filters: [{type: pause, for: 1ms}, {type: connect-to-url, url: ws://HOST/}]}
  client:
    filters:
      - {type: compare-attribute, rules: [{value: '${content.body}', with: wait}], failure: pass}
      - {type: log-message, format: waiting}
      - {type: pause, for: 10m}
  goodbye: {filters: [{type: log-message, format: 'closed by ${websock.close.by}'}]}
`)
	c := g.open("/chat")
	says(t, c, "first", "first")
	if err := c.WriteMessage(1, []byte("wait")); err != nil {
		t.Fatal(err)
	}
	if err := c.WriteMessage(1, []byte("behind")); err != nil {
		t.Fatal(err)
	}
	s := g.Sessions().All()[0]
	if err := g.Sessions().Send(s.ID, engine.ClientSide, wire.Text, []byte("meanwhile")); err != nil {
		t.Fatal(err)
	}
	if _, p, err := c.ReadMessage(); err != nil || string(p) != "meanwhile" {
		t.Errorf("read %q, %v: the other direction does not go on", p, err)
	}
	g.log.wait(t, "msg=waiting", 1)
	s.Stop(engine.Cause{By: "operator", Code: 1001})
	if _, p, err := c.ReadMessage(); err == nil {
		t.Errorf("%q got past the pause", p)
	}
	g.log.wait(t, "closed by operator", 1)
}

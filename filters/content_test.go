package filters_test

import (
	"strings"
	"testing"
)

// What a message holds cannot get out of the text of a JSON that stands in json.
func TestJSONIsMadeOfYAML(t *testing.T) {
	s := newService(t)
	g := start(t, "onUpgrade: connect\nonClientFrame: client", `
      - {path: /refused, onUpgrade: refused}
policies:
  connect: {filters: [{type: connect-to-url, url: ws://HOST/}]}
  refused:
    filters:
      - {type: set-message, status: 403, json: {error: no, why: '${params.query.why}', list: [1, true, null, 'a${params.query.why}']}}
      - type: reflect
  client:
    filters:
      - {type: switch, value: '${content.body}', default: reply, cases: [{op: starts-with, with: set, policy: set}, {with: send, policy: send}, {with: call, policy: call}, {with: fixed, policy: fixed}]}
  reply: {filters: [{type: reply-frame, json: {seq: '${websock.frame.seq}', said: '${content.body}', '${id}': key}}]}
  set: {filters: [{type: set-message, json: ['${content.body}']}]}
  send: {filters: [{type: send-frame, to: client, json: 'only ${content.body}'}]}
  fixed: {filters: [{type: reply-frame, kind: binary, json: {a: 1.5}}]}
  call:
    filters:
      - {type: call-url, url: http://auth/, method: POST, json: {body: '${content.body}'}, headers: {X-Who: '${content.body}'}}
remoteHosts:
  auth: {host: 127.0.0.1, port: `+s.port()+`}
`)
	answer, body := g.refuses(403, "/refused?why=%22%2C%22admin%22:%22%0A%5C")
	if want := `{"error":"no","list":[1,true,null,"a\",\"admin\":\"\n\\"],"why":"\",\"admin\":\"\n\\"}`; body != want || answer.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%q %s\nwant %s", answer.Header, body, want)
	}
	c := g.open("/chat")
	says(t, c, `a"},{"b`, `{"${id}":"key","said":"a\"},{\"b","seq":"1"}`)
	says(t, c, `set "x"`, `["set \"x\""]`)
	says(t, c, "send", `"only send"`)
	if _, p, err := c.ReadMessage(); string(p) != "send" {
		t.Errorf("read %q, %v", p, err)
	}
	says(t, c, "fixed", `{"a":1.5}`)
	says(t, c, "call", "call")
	if asked := <-s.asked; !strings.HasSuffix(asked, ` "call" {"body":"call"}`) {
		t.Errorf("asked %s", asked)
	}
}

func TestContentMayBeEmpty(t *testing.T) {
	g := start(t, "onUpgrade: connect\nonClientFrame: client", `
policies:
  connect: {filters: [{type: connect-to-url, url: ws://HOST/}]}
  client: {filters: [{type: set-message, body: ''}]}
`)
	says(t, g.open("/chat"), "x", "")
}

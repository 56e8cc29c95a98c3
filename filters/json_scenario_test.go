package filters_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fasthttp/websocket"
)

// Both directions have their own JSON policies; what fails, aborts and passes does so on the wire.
func TestMessagesAreValidatedChangedAndMasked(t *testing.T) {
	g := start(t, "onUpgrade: connect\nonClientFrame: in\nonServerFrame: out\nonFrameFault: {fail: drop, abort: close 1008}", `
policies:
  connect:
    filters:
      - {type: connect-to-url, url: ws://HOST/}
  in:
    filters:
      - type: retrieve-from-json
        attributes: {chat.kind: /kind}
      - type: json-schema
        schema:
          type: object
          properties: {text: {type: string, maxLength: 10}, kind: {enum: [say, sum, secret, quit]}}
        failure: refuse
      - name: drop-quit
        type: jq
        program: .kind != "quit"
        test: true
      - type: json-remove-node
        nodes: [/internal]
      - type: json-add-node
        nodes:
          - {path: /from, value: 'client <${id}> "${chat.kind ?: "none"}"'}
          - {path: /seq, json: '${websock.frame.seq}'}
          - {path: /gone, value: '${deleted.json.node.list ?: "nothing"}'}
        success: pass
      - name: refuse
        type: reply-frame
        body: '{"errors":${json.errors}}'
  out:
    filters:
      - type: jq
        program: 'if .numbers then .sum = (.numbers | add) else . end'
      - type: json-mask
        nodes: ['**.card']
        keepLast: 4
      - name: secrets
        type: json-remove-node
        nodes: ['/from']
        onMissing: fail
`)
	c := g.open("/chat")
	says(t, c, `{"text":"hi","card":"4111111111111234","internal":[1]}`, `{"card":"***1234","gone":"[[1]]","seq":1,"text":"hi"}`)
	says(t, c, `{"kind":"sum","numbers":[1,2.5]}`, `{"gone":"nothing","kind":"sum","numbers":[1,2.5],"seq":2,"sum":3.5}`)
	says(t, c, `{"text":"much too long"}`, `{"errors":[{"at":"/text","error":"maxLength: got 13, want 10","schema":"/properties/text/maxLength"}]}`)
	says(t, c, `{"kind":"what"}`, `{"errors":[{"at":"/kind","error":"value must be one of 'say', 'sum', 'secret', 'quit'","schema":"/properties/kind/enum"}]}`)
	if err := c.WriteMessage(websocket.TextMessage, []byte(`{"kind":"quit"}`)); err != nil {
		t.Fatal(err)
	}
	says(t, c, `{"kind":"say"}`, `{"gone":"nothing","kind":"say","seq":6}`) // the one before was dropped
	if err := c.WriteMessage(websocket.BinaryMessage, []byte(`{"kind":"say"}`)); err != nil {
		t.Fatal(err)
	}
	if op, got, err := c.ReadMessage(); op != websocket.BinaryMessage || string(got) != `{"gone":"nothing","kind":"say","seq":7}` {
		t.Errorf("%d %s %v", op, got, err)
	}
	closes(t, c, "hello", 1008, "policy aborted")
	closes(t, g.open("/chat"), strings.Repeat("[", 1_000_000), 1008, "policy aborted")
}

// What no filter changes goes on as it came, to the last space.
func TestUnchangedJSONGoesOnAsItCame(t *testing.T) {
	g := start(t, "onUpgrade: connect\nonClientFrame: in", `
policies:
  connect:
    filters:
      - {type: connect-to-url, url: ws://HOST/}
  in:
    filters:
      - {type: json-remove-node, nodes: [/internal], onInvalid: pass}
      - {type: json-mask, nodes: ['**.password'], onInvalid: pass}
      - {type: json-add-node, nodes: [{path: /a, value: 1, op: replace}], onMissing: pass, onInvalid: pass}
      - {type: jq, program: '.a', to: value, onInvalid: pass, failure: pass}
`)
	c := g.open("/chat")
	for _, text := range []string{" {\"b\" : 1.50,\n\"b\":1e2 , \"é\":\"\\u00e9\" } ", "no JSON", "{}"} {
		says(t, c, text, text)
	}
	for _, r := range recorded(g) {
		if r.Outcome == "changed" {
			t.Errorf("a message is recorded as changed: %s", r.After)
		}
	}
	says(t, c, `{ "a" : 2 }`, `{ "a" : 1 }`)
}

// A schema is read when the configuration loads; a schema that changed is another policy.
func TestASchemaComesFromAFile(t *testing.T) {
	text := `
policies:
  connect:
    filters:
      - {type: connect-to-url, url: ws://HOST/}
  in:
    filters:
      - {type: json-schema, file: schemas/in.json}
`
	hooks := "onUpgrade: connect\nonClientFrame: in\nonFrameFault: {fail: close 4000}\nonChange: migrate"
	schema := func(g *gateway, text string) {
		if err := os.MkdirAll(filepath.Join(g.dir, "schemas"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(g.dir, "schemas", "in.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	g := start(t, "onUpgrade: connect", "\npolicies:\n  connect:\n    filters:\n      - {type: connect-to-url, url: ws://HOST/}\n")
	schema(g, `{"type":"object"}`)
	g.write(hooks, text)
	if problems, err := g.Reload(t.Context()); err != nil {
		t.Fatal(err, problems)
	}
	c := g.open("/chat")
	says(t, c, `{}`, `{}`)
	schema(g, `{"type":"array"}`)
	if problems, err := g.Reload(t.Context()); err != nil {
		t.Fatal(err, problems)
	}
	says(t, c, `[]`, `[]`)
	closes(t, c, `{}`, 4000, "refused by policy")
}

// On a route the same filters work on the request's body, and on the answer's once the host has answered.
func TestBodiesOfARouteAreValidatedChangedAndMasked(t *testing.T) {
	web := newWebsite(t, func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"length":%d, "got":%s, "token":"secret-1234"}`, q.ContentLength, body)
	})
	g := gatewayOf(t, web, `
ports:
  public:
    LISTEN
    routes:
      - {path: /, onRequest: orders}
policies:
  orders:
    filters:
      - {type: json-schema, schema: {type: object, required: [id]}, onInvalid: fail}
      - {type: retrieve-from-json, attributes: {order.id: /id}}
      - {type: json-remove-node, nodes: [/debug]}
      - {type: json-add-node, nodes: [{path: /via, value: 'gate ${order.id}'}]}
      - {name: host, type: connect-to-url, url: 'http://WEB/', success: mask}
      - {name: mask, type: json-mask, nodes: [/token], keepLast: 4}
`)
	r, body := g.ask("POST", "/", `{"id":"a\"1", "debug":[1,2,3]}`, "Content-Type", "application/json")
	if want := `{"length":31, "got":{"id":"a\"1","via":"gate a\"1"}, "token":"***1234"}`; r.StatusCode != 200 || body != want || r.ContentLength != int64(len(want)) {
		t.Errorf("%s, %d bytes: %s", r.Status, r.ContentLength, body)
	}
	for _, bad := range []string{`{}`, `{"id":`, ""} {
		if r, _ := g.ask("POST", "/", bad); r.StatusCode != 400 {
			t.Errorf("%q: %s", bad, r.Status)
		}
	}
}

package filters_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fasthttp/websocket"

	"framegate/engine"
	"framegate/filters"
	"framegate/policies"
	"framegate/scripts"
)

func hash(kind, secret string) string {
	text, err := filters.HashSecret(kind, secret)
	if err != nil {
		panic(err)
	}
	return text
}

func TestAnUpgradeIsAdmittedByKeyOrPassword(t *testing.T) {
	g := start(t, "onUpgrade: admit", `
policies:
  admit:
    fault: refuse
    filters:
      - type: ip-address
        allow: [127.0.0.0/8]
      - {name: key, type: api-key, store: clients, remove: true, failure: login}
      - {name: tenant, type: add-http-header, header: X-Tenant, value: '${authentication.subject.id}'}
      - {type: validate-http-headers, headers: {X-Device: {required: true, match: '^d[0-9]+$'}}}
      - {type: connect-to-url, url: 'ws://HOST${http.request.uri}'}
      - {name: login, type: http-basic, store: users, realm: chat, success: tenant}
      - {name: refuse, type: json-error, showReason: true}
stores:
  clients: {records: {web: {key: '`+hash("sha256", "k-1")+`', subject: tenant-1}}}
  users: {records: {ann: {password: '`+hash("argon2id", "pa:ss")+`'}}}
`)
	says(t, g.open("/chat?room=1", "X-Api-Key", "k-1", "X-Device", "d1", "X-Tenant", "spoofed"), "hello", "hello")
	head := <-g.reached
	if !strings.HasPrefix(head, "/chat?room=1\n") || !strings.Contains(head, "X-Tenant: tenant-1\r\n") || strings.Contains(head, "spoofed") || strings.Contains(head, "k-1") {
		t.Errorf("the host got %s", head)
	}
	basic := func(pair string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(pair)) }
	says(t, g.open("/chat", "Authorization", basic("ann:pa:ss"), "X-Device", "d1"), "hello", "hello")
	if head = <-g.reached; !strings.Contains(head, "X-Tenant: ann\r\n") || strings.Contains(head, "Authorization") {
		t.Errorf("the host got %s", head)
	}

	answer, body := g.refuses(401, "/chat", "X-Api-Key", "k-2", "X-Device", "d1")
	if answer.Header.Get("Www-Authenticate") != `Basic realm="chat", charset="UTF-8"` || !strings.Contains(body, `"reason":"filter \"login\" failed: no Authorization header"`) {
		t.Errorf("%q: %s", answer.Header, body)
	}
	g.refuses(401, "/chat", "Authorization", basic("ann:wrong"), "X-Device", "d1")
	_, body = g.refuses(400, "/chat", "X-Api-Key", "k-1", "X-Device", "x")
	if !strings.Contains(body, `header X-Device does not match`) {
		t.Errorf("the reason is missing: %s", body)
	}
	if len(g.reached) != 0 {
		t.Error("a refused upgrade reached the host")
	}
	for _, r := range recorded(g) {
		for _, h := range r.Headers {
			if strings.Contains(h.Value, "k-1") || strings.Contains(h.Value, "Basic ") {
				t.Errorf("the record of the upgrade shows %s: %s", h.Name, h.Value)
			}
		}
	}
}

func recorded(g *gateway) []engine.Record {
	records, _ := g.Journal().Read(0, 1000)
	return records
}

func TestUpgradesThatAreAnsweredAbortedOrThrottled(t *testing.T) {
	g := start(t, "onUpgrade: admit", `
policies:
  admit:
    filters:
      - type: switch
        value: '${params.query.do ?: "connect"}'
        cases:
          - {with: reflect, policy: hello}
          - {with: abort, policy: broken}
          - {with: fail, policy: closed}
          - {op: starts-with, with: lim, policy: limited}
        default: pass
      - {type: compare-attribute, rules: [{value: '${http.response.status ?: "0"}', with: '0'}], failure: pass}
      - {type: connect-to-url, url: ws://HOST/}
  hello:
    filters:
      - {type: set-message, contentType: text/plain, body: 'hello ${http.request.clientaddr}'}
      - {type: reflect}
  broken:
    filters:
      - {type: abort, reason: 'the oracle is silent about ${http.request.path}'}
  closed:
    filters:
      - {type: policy, policy: never}
  never:
    filters:
      - {type: false-filter}
  limited:
    filters:
      - {type: throttling, key: everybody, allow: 2, every: 1h}
`)
	says(t, g.open("/chat"), "hello", "hello")
	answer, body := g.refuses(200, "/chat?do=reflect")
	if body != "hello 127.0.0.1" || answer.Header.Get("Content-Type") != "text/plain" {
		t.Errorf("%q %s", answer.Header, body)
	}
	if _, body = g.refuses(500, "/chat?do=abort"); strings.Contains(body, "oracle") || !strings.Contains(g.log.String(), "the oracle is silent about /chat") {
		t.Errorf("answered %s, logged %s", body, g.log)
	}
	g.refuses(403, "/chat?do=fail")
	for range 2 {
		g.open("/chat?do=lim")
	}
	if answer, _ = g.refuses(429, "/chat?do=lim"); answer.Header.Get("Retry-After") != "3600" {
		t.Errorf("Retry-After is %q", answer.Header.Get("Retry-After"))
	}
}

func TestFramesAreDroppedAnsweredChangedAndClosed(t *testing.T) {
	g := start(t, "onUpgrade: connect\nonClientFrame: client\nonServerFrame: server\nonClose: goodbye", `
policies:
  connect:
    filters:
      - {type: set-attribute, attribute: chat.room, value: '${params.query.room ?: "lobby"}'}
      - {type: connect-to-url, url: ws://HOST/}
  client:
    filters:
      - {type: message-size, atMost: 20, failure: too-big}
      - type: switch
        value: ${content.body}
        cases:
          - {with: heartbeat, policy: swallow}
          - {with: who, policy: answer}
          - {with: secret, policy: hide}
          - {with: bye, policy: leave}
          - {with: fail, policy: refuse}
          - {with: abort, policy: break}
        default: pass
        success: pass
      - {name: too-big, type: reply-frame, body: at most 20 bytes}
  swallow: {filters: [{type: drop-frame}]}
  answer: {filters: [{type: reply-frame, body: 'you are in ${websock.context.chat.room}'}]}
  hide: {filters: [{type: set-message, body: '[removed]'}]}
  leave: {filters: [{type: close-websocket, code: 4000, reason: 'bye from ${websock.context.chat.room}'}]}
  refuse: {filters: [{type: false-filter}]}
  break: {filters: [{type: abort}]}
  server:
    filters:
      - {type: trace, text: 'answer of ${websock.message.length} bytes', body: true}
      - {type: compare-attribute, rules: [{value: '${content.body}', op: is-not, with: echo}], failure: twist, success: pass}
      - {name: twist, type: set-message, body: 'ECHO from ${websock.origin}'}
  goodbye:
    filters:
      - {type: log-message, format: 'room ${websock.context.chat.room} closed by ${websock.close.by} with ${websock.close.code}'}
`)
	c := g.open("/chat?room=blue")
	for range 3 { // what a filter sends again and again stays what it was
		says(t, c, "hello", "hello")
		says(t, c, "who", "you are in blue")
		says(t, c, "secret", "[removed]")
		says(t, c, strings.Repeat("x", 21), "at most 20 bytes")
		says(t, c, "echo", "ECHO from server")
	}
	if err := c.WriteMessage(websocket.TextMessage, []byte("heartbeat")); err != nil {
		t.Fatal(err)
	}
	says(t, c, "after", "after") // nothing came back for the heartbeat
	closes(t, c, "bye", 4000, "bye from blue")
	closes(t, g.open("/chat"), "fail", 1008, "")
	closes(t, g.open("/chat"), "abort", 1011, "")
	g.log.wait(t, "room lobby closed by", 2)
	g.log.wait(t, "room blue closed by", 1)
	if log := g.log.String(); !strings.Contains(log, `msg="room blue closed by policy with 4000"`) || !strings.Contains(log, "policy=goodbye") {
		t.Errorf("logged %s", log)
	}
}

func TestThrottledMessagesTakeTheFailureArrowAndCountsSurviveAReload(t *testing.T) {
	hooks := "onUpgrade: connect\nonClientFrame: limit\nonChange: migrate"
	text := `
policies:
  connect: {filters: [{type: connect-to-url, url: ws://HOST/}]}
  limit:
    filters:
      - {type: throttling, key: '${http.request.clientaddr}', allow: 3, every: 1h, failure: slow-down, success: pass}
      - {name: slow-down, type: reply-frame, body: slow down}
`
	g := start(t, hooks, text)
	first := g.open("/chat")
	says(t, first, "1", "1")
	says(t, g.open("/chat"), "2", "2") // sessions count together
	g.write(hooks, strings.Replace(text, "body: slow down", "body: slow down please", 1))
	if problems, err := g.Reload(context.Background()); err != nil {
		t.Fatal(err, problems)
	}
	says(t, g.open("/chat"), "3", "3")
	says(t, g.open("/chat"), "4", "slow down please")
	says(t, first, "5", "slow down please")
}

func TestAScriptPassesFailsAborts(t *testing.T) {
	g := start(t, "onUpgrade: admit\nonClientFrame: count", `
policies:
  admit:
    filters:
      - type: script
        code: |
          export function invoke(msg) {
            const room = msg.select('${params.query.room ?: ""}');
            if (room === "none") throw new Error("no such room");
            msg.put("chat.room", String(room));
            return room !== "closed";
          }
      - {type: connect-to-url, url: 'ws://HOST/rooms/${chat.room}'}
  count:
    filters:
      - type: script
        function: stamp
        code: |
          let n = 0;
          export function stamp(msg) { msg.body = ++n + " " + msg.body; return true; }
`)
	a, b := g.open("/chat?room=blue"), g.open("/chat?room=red")
	if head := <-g.reached; !strings.HasPrefix(head, "/rooms/blue\n") {
		t.Errorf("the host got %s", head)
	}
	says(t, a, "x", "1 x")
	says(t, a, "x", "2 x")
	says(t, b, "x", "1 x")
	g.refuses(403, "/chat?room=closed")
	g.refuses(500, "/chat?room=none")
	for _, r := range recorded(g) {
		if r.Status == 500 && !strings.Contains(r.Reason, "gateway.yaml:") {
			t.Errorf("the reason has no place in the author's file: %s", r.Reason)
		}
	}
}

func TestExamplesOfTheManualLoad(t *testing.T) {
	docs, err := filters.Docs()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range docs {
		t.Run(d.Type, func(t *testing.T) {
			if d.Example == "" {
				t.Fatal("no example")
			}
			g := &gateway{t: t, dir: t.TempDir(), host: "127.0.0.1:9"}
			text := "policies:\n  connect: {filters: [{type: connect-to-url, url: ws://HOST/}]}\n  example:\n"
			for line := range strings.SplitSeq(d.Example, "\n") {
				text += "    " + line + "\n"
			}
			for _, name := range []string{"identify", "free-plan", "gold-plan"} {
				text += fmt.Sprintf("  %s: {filters: [{type: true-filter}]}\n", name)
			}
			text += "stores:\n  clients: {records: {a: {key: '" + hash("sha256", "x") + "'}}}\n  users: {records: {}}\n"
			if err := os.MkdirAll(filepath.Join(g.dir, "scripts"), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(g.dir, "scripts", "admit.js"), []byte("export function invoke(msg) { return true }"), 0o600); err != nil {
				t.Fatal(err)
			}
			var said []string
			for _, hooks := range []string{"onUpgrade: example", "onUpgrade: connect\nonClientFrame: example"} {
				g.write(hooks, text)
				problems := errorsOf(g.dir)
				if len(problems) == 0 {
					return
				}
				said = append(said, problems...)
			}
			t.Errorf("it loads in no hook:\n%s", strings.Join(said, "\n"))
		})
	}
}

// errorsOf lists what keeps a gateway from being loaded.
func errorsOf(dir string) (said []string) {
	library := scripts.NewLibrary(scripts.Limits{}, nil, nil)
	defer library.Close()
	_, problems := policies.Load(context.Background(), dir, policies.Options{Scripts: library}, nil)
	for _, p := range problems {
		if !p.Warning {
			said = append(said, p.Excerpt())
		}
	}
	return said
}

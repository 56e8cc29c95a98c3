package filters_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/fasthttp/websocket"
)

func TestReplaceInMessages(t *testing.T) {
	g := start(t, "onUpgrade: connect\nonClientFrame: client\nonServerFrame: server", `
policies:
  connect:
    filters:
      - {type: set-attribute, attribute: chat.name, value: '${params.query.name ?: "ann"}'}
      - {type: replace, attribute: chat.name, find: '^(\w)\w*$', with: '${params.query.title ?: ""}$1.', mustMatch: true}
      - {type: connect-to-url, url: ws://HOST/}
  client:
    filters:
      - {type: switch, value: '${content.body}', default: cards, cases: [{with: grow, policy: grow}, {op: starts-with, with: must, policy: must}, {with: bytes, policy: bytes}]}
  cards: {filters: [{type: StringReplaceFilter, find: '\b(\d{4})-?\d{4}-?(?P<end>\d{4})\b', with: '$1-${websock.context.chat.name}-$end'}]}
  grow: {filters: [{type: replace, find: '[a-z]', with: 'yyyyy', atMost: 19B}]}
  must: {filters: [{type: replace, find: '(?i)SECRET', with: '***', mustMatch: true, first: true}]}
  bytes: {filters: [{type: replace, find: '(?s).+', with: '${websock.session.none}'}]}
  server: {filters: [{type: replace, find: 'hello', with: '$$'}]}
`)
	c := g.open("/chat?name=ann&title=$1$0%20")
	says(t, c, "cards 1234-5678-9012 and 111122223333", "cards 1234-$1$0 a.-9012 and 1111-$1$0 a.-3333")
	says(t, c, "nothing here", "nothing here")
	says(t, c, "hello hello", "$ $")
	says(t, c, "must secret secret", "must *** secret")
	closes(t, c, "must not", 1008, "")
	closes(t, g.open("/chat"), "grow", 1011, "")
	closes(t, g.open("/chat"), "bytes", 1011, "")
	g.refuses(403, "/chat?name=a%20b")
	closes(t, g.open("/chat"), strings.Repeat("1234-5678-9012 ", 10_001), 1011, "")
}

func TestReplaceKeepsTextUTF8AndBinaryBytes(t *testing.T) {
	g := start(t, "onUpgrade: connect\nonClientFrame: client", `
policies:
  connect:
    filters:
      - {type: set-attribute, attribute: bad, value: '${params.query.bad}'}
      - {type: connect-to-url, url: ws://HOST/}
  client: {filters: [{type: replace, find: 'x', with: '${websock.context.bad}'}]}
`)
	c := g.open("/chat?bad=%ff")
	if err := c.WriteMessage(websocket.BinaryMessage, []byte("\xfex")); err != nil {
		t.Fatal(err)
	}
	if op, p, err := c.ReadMessage(); err != nil || op != websocket.BinaryMessage || !bytes.Equal(p, []byte("\xfe\xff")) {
		t.Errorf("read %d %q, %v", op, p, err)
	}
	closes(t, c, "x", 1011, "")
}

func TestAttributesAreRetrievedCopiedAndRemoved(t *testing.T) {
	g := start(t, "onUpgrade: connect\nonClientFrame: client", `
      - {path: '/rooms/{id}', onUpgrade: all, onClientFrame: client}
policies:
  connect:
    filters:
      - {name: header, type: retrieve, header: x-room, attribute: got.header, failure: query}
      - {name: query, type: retrieve, query: room, attribute: got.query, success: copy, failure: cookie}
      - {name: cookie, type: retrieve-from-cookie, cookie: room, attribute: got.cookie}
      - {name: copy, type: copy-attribute, from: http.headers, to: got.headers}
      - {name: change, type: add-http-header, header: X-Later, value: '1'}
      - {name: moved, type: copy-attribute, from: got.query, to: got.moved, move: true, failure: connect-to-url}
      - {type: connect-to-url, url: ws://HOST/}
  all:
    filters:
      - {name: path, type: retrieve-path-parameter, path: id, attribute: got.path}
      - {name: list, type: retrieve, header: X-Room, attribute: got.list, all: true}
      - {name: gone, type: remove-attribute, attributes: [got.none, websock.session.none, got.removed]}
      - {type: connect-to-url, url: ws://HOST/}
  client:
    filters:
      - {type: set-message, body: '${content.body}: ${websock.context.got.header ?: "-"} ${websock.context.got.query ?: "-"} ${websock.context.got.cookie ?: "-"} ${websock.context.got.moved ?: "-"} ${websock.context.got.path ?: "-"} ${websock.context.got.list[1] ?: "-"} ${websock.context.got.headers["X-Later"] ?: "-"}'}
`)
	says(t, g.open("/chat", "X-Room", "a", "Cookie", `x=y; room="b c"`), "1", "1: a - b c - - - -")
	says(t, g.open("/chat?room=b%2Bc+d", "X-Room", "a"), "2", "2: a - - b+c d - - -")
	says(t, g.open("/rooms/a%20b", "X-Room", "1", "X-Room", "2"), "3", "3: - - - - a b 2 -")
	g.refuses(400, "/chat")
	g.refuses(400, "/chat?room=%zz")
	g.refuses(400, "/chat?room=1&room=2")
	g.refuses(400, "/chat", "Cookie", "room=1; room=2")
	g.refuses(400, "/rooms/a")
}

// A cache is shared by sessions, hooks and filters that name it, and stays over a reload.
func TestAValueIsCachedForOtherSessionsAndOverAReload(t *testing.T) {
	hooks := "onUpgrade: connect\nonClientFrame: client\nonChange: migrate"
	text := `
policies:
  connect:
    filters:
      - {type: is-cached, cache: rooms, key: 'room ${params.query.room}', attribute: chat.room, failure: find}
      - {type: connect-to-url, url: 'ws://HOST/${chat.room}'}
      - {name: find, type: set-attribute, attribute: chat.room, value: 'new-${params.query.by}'}
      - {type: cache-attribute, cache: rooms, key: 'room ${params.query.room}', attribute: chat.room, entries: 2, success: connect-to-url}
  client:
    filters:
      - {type: switch, value: '${content.body}', cases: [{op: starts-with, with: forget, policy: forget}], default: pass}
  forget:
    filters:
      - {type: replace, find: '^forget '}
      - {type: remove-cached, cache: rooms, key: 'room ${content.body}'}
`
	g := start(t, hooks, text)
	reaches := func(target, want string) *websocket.Conn {
		t.Helper()
		c := g.open(target)
		if head := <-g.reached; !strings.HasPrefix(head, want+"\n") {
			t.Errorf("%s reached %q, want %q", target, head, want)
		}
		return c
	}
	reaches("/chat?room=a&by=1", "/new-1")
	reaches("/chat?room=a&by=2", "/new-1")
	g.write(hooks, text+"\n  unused: {filters: [{type: true-filter}]}\n")
	if problems, err := g.Reload(context.Background()); err != nil {
		t.Fatal(err, problems)
	}
	c := reaches("/chat?room=a&by=3", "/new-1")
	says(t, c, "forget a", "a")
	reaches("/chat?room=a&by=4", "/new-4")
	reaches("/chat?room=b&by=5", "/new-5")
	reaches("/chat?room=c&by=6", "/new-6") // pushes a out
	reaches("/chat?room=a&by=7", "/new-7")
	g.refuses(500, "/chat?by=1")
	g.refuses(500, "/chat?by=1&room="+strings.Repeat("x", 2000))
}

func TestAMessageIsStoredAndRestoredWithItsKind(t *testing.T) {
	g := start(t, "onUpgrade: connect\nonClientFrame: client", `
policies:
  connect: {filters: [{type: connect-to-url, url: ws://HOST/}]}
  client:
    filters:
      - {type: switch, value: '${content.body}', cases: [{with: again, policy: again}, {with: bad, policy: bad}], default: keep}
  keep:
    filters:
      - {name: last, type: store-message, attribute: websock.session.last}
      - type: store-message
      - {type: set-message, body: changed}
      - type: restore-message
  again: {filters: [{type: restore-message, attribute: websock.session.last}]}
  bad:
    filters:
      - {type: copy-attribute, from: 'websock.context.http.headers["Room"]', to: message.stored}
      - {type: restore-message}
`)
	c := g.open("/chat", "Room", "caf\xe9")
	closes(t, g.open("/chat"), "again", 1008, "")
	says(t, c, "one", "one")
	says(t, c, "again", "one")
	if err := c.WriteMessage(websocket.BinaryMessage, []byte("\xff\x00")); err != nil {
		t.Fatal(err)
	}
	c.ReadMessage()
	if err := c.WriteMessage(websocket.TextMessage, []byte("again")); err != nil {
		t.Fatal(err)
	}
	if op, p, err := c.ReadMessage(); err != nil || op != websocket.BinaryMessage || string(p) != "\xff\x00" {
		t.Errorf("restored %d %q, %v", op, p, err)
	}
	closes(t, c, "bad", 1011, "")
	closes(t, g.open("/chat"), strings.Repeat("x", 64<<10+1), 1011, "")
}

func TestFramesAreSentToEitherSide(t *testing.T) {
	g := start(t, "onUpgrade: connect\nonClientFrame: client\nonServerFrame: server", `
policies:
  connect: {filters: [{type: connect-to-url, url: ws://HOST/}]}
  client:
    filters:
      - {type: switch, value: '${content.body}', cases: [{with: tell, policy: tell}, {op: starts-with, with: 'b64:', policy: raw}, {with: many, policy: many}], default: pass}
  tell:
    filters:
      - {name: back, type: send-frame, to: client, body: 'you are ${id}'}
      - {name: on, type: send-frame, to: server, kind: binary, base64: true, body: 'AP_-'}
  raw:
    filters:
      - {type: replace, find: '^b64:'}
      - {type: send-frame, to: client, kind: binary, base64: true, body: '${content.body}', success: drop-frame}
      - type: drop-frame
  many:
    filters:
      - {type: send-frame, to: client, body: x, success: send-frame}
  server: {filters: [{type: true-filter}]}
`)
	c := g.open("/chat")
	read := func(op int, want string) {
		t.Helper()
		if got, p, err := c.ReadMessage(); err != nil || got != op || string(p) != want {
			t.Errorf("read %d %q, %v; want %d %q", got, p, err, op, want)
		}
	}
	says(t, c, "first", "first") // a session is listed a little after its 101
	id := g.Sessions().All()[0].ID
	says(t, c, "tell", "you are "+id)
	read(websocket.BinaryMessage, "\x00\xff\xfe") // what was sent to the host came back before the message itself
	read(websocket.TextMessage, "tell")
	if err := c.WriteMessage(websocket.TextMessage, []byte("b64:/wA=")); err != nil {
		t.Fatal(err)
	}
	read(websocket.BinaryMessage, "\xff\x00")
	closes(t, c, "b64:%%", 1011, "")
	c = g.open("/chat")
	for i := range 100 { // what was sent before the 101st aborted is on its way
		if i == 0 {
			says(t, c, "many", "x")
			continue
		}
		read(websocket.TextMessage, "x")
	}
	if _, p, err := c.ReadMessage(); !websocket.IsCloseError(err, 1011) {
		t.Errorf("after 100 messages: %q, %v", p, err)
	}
}

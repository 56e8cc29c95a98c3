package scripts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"framegate/engine"
	"framegate/engine/wire"
)

// memory is a state for tests.
type memory map[string][]byte

func (s memory) Get(bucket, key string) ([]byte, bool, error) {
	v, ok := s[bucket+"/"+key]
	return v, ok, nil
}
func (s memory) Put(bucket, key string, v []byte, _ time.Duration) error {
	if key == "full" {
		return errors.New("the disk is full")
	}
	s[bucket+"/"+key] = v
	return nil
}
func (s memory) Delete(bucket, key string) error { delete(s, bucket+"/"+key); return nil }
func (s memory) Add(string, string, int64, time.Duration) (int64, error) {
	return 0, errors.New("not here")
}
func (s memory) Take(string, string, int64, engine.Allowance) (engine.Taken, error) {
	return engine.Taken{}, errors.New("not here")
}

func TestStampsWithAHeaderOfTheUpgrade(t *testing.T) {
	l := library(t)
	for _, text := range []string{
		`export function invoke(msg) {
			const m = JSON.parse(msg.body);
			m.device = msg.context.headers.get("x-device-id");
			msg.body = JSON.stringify(m);
			return true;
		}`,
		`function invoke(msg) {
			var m = JSON.parse(msg.get("content.body"));
			m.device = msg.get("websock.context").get("http.headers").get("X-Device-Id");
			msg.put("content.body", JSON.stringify(m));
			return true;
		}`,
		`export const invoke = async (msg) => {
			const m = await JSON.parse(msg.body);
			m.device = await Promise.resolve(msg.context.get("http.headers").get("X-Device-Id"));
			msg.body = JSON.stringify(m);
			return true;
		}`,
	} {
		m := textMessage(`{"a":1}`)
		run(t, compiled(t, l, text), m)
		if got := string(m.Body()); got != `{"a":1,"device":"d1"}` {
			t.Errorf("body %s", got)
		}
	}
}

func TestBinaryBodiesAreBytes(t *testing.T) {
	p := compiled(t, library(t), `export function invoke(msg) {
		if (msg.kind !== "binary" || !(msg.body instanceof Uint8Array)) return false;
		const b = msg.body;
		b[0] = 255;
		msg.body = b.subarray(0, 3);
		return true;
	}`)
	original := []byte{1, 2, 0xC0, 0}
	m := engine.NewMessage(engine.OnServerFrame, request(""), wire.Binary, original)
	if !run(t, p, m) {
		t.Fatal("no bytes")
	}
	if !bytes.Equal(m.Body(), []byte{255, 2, 0xC0}) || original[0] != 1 {
		t.Errorf("body %v, and the message's own %v", m.Body(), original)
	}
}

func TestTheUpgrade(t *testing.T) {
	p := compiled(t, library(t), `export function invoke(msg) {
		const r = msg.request;
		msg.put("seen", [msg.kind, r.method, r.uri, r.path, r.query.get("room"), r.query.get("none"), r.host, r.client, msg.headers.getAll("cookie").length, msg.context === undefined]);
		msg.headers.set("X-Seen", "yes");
		msg.headers.append("X-Seen", "twice");
		msg.headers.delete("Cookie");
		msg.session.vars.user = {name: "ann"};
		return msg.has("seen") && msg.containsKey("http.request.path") && !msg.has("none");
	}`)
	m := textMessage("")
	m = engine.NewMessage(engine.OnUpgrade, request("Cookie: a=1\r\ncookie: b=2\r\n"), 0, nil)
	if !run(t, p, m) {
		t.Fatal("failed")
	}
	want := `["upgrade","GET","/chat?room=a%20b","/chat","a b",null,"chat.example.test","invalid IP",2,true]`
	if got := m.Get(engine.AttrOf("seen")).String(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := string(m.Request.Headers.AppendTo(nil)); got != "X-Seen: yes\r\nX-Seen: twice\r\n" {
		t.Errorf("headers %q", got)
	}
	if got := m.Session.Var("user").String(); got != `{"name":"ann"}` {
		t.Errorf("session.vars.user %s", got)
	}
	bad := compiled(t, library(t), `export function invoke(msg) { msg.headers.set("X", "a\r\nEvil: b"); return true }`)
	if e := aborted(t, bad, m); !errors.Is(e, wire.ErrHeaderValue) {
		t.Errorf("a line break in a header: %v", e)
	}
}

// Whatever a script does to websock.context throws, and changes nothing.
func TestTheContextIsReadOnly(t *testing.T) {
	l := library(t)
	for _, write := range []string{
		`msg.context.x = 1`, `msg.context.headers = {}`, `msg.context.put("x", 1)`, `msg.context.set("x", 1)`, `msg.context.remove("room")`,
		`delete msg.context.headers`, `Object.defineProperty(msg.context, "x", {value: 1})`, `Object.assign(msg.context, {x: 1})`,
		`msg.context.headers.set("X-Device-Id", "evil")`, `msg.context.headers.append("X", "y")`, `msg.context.headers.delete("X-Device-Id")`,
		`msg.context.headers.get = () => "evil"`, `msg.context.get("http.headers")["X-Device-Id"] = "evil"`, `msg.put("websock.context", {})`,
		`msg.put("websock.context.room", "evil")`, `msg.put("websock.context.http.header.X-Device-Id", "evil")`, `msg.remove("websock.context.room")`,
		`msg.context = {}`, `msg["context"].y = 2`, `(function (c) { c.z = 3 })(msg.get("websock.context"))`,
	} {
		m := textMessage("")
		m.SetContextAttr("room", engine.StringValue("lobby"))
		e := aborted(t, compiled(t, l, "export function invoke(msg) {\n"+write+";\nreturn true }"), m)
		if e.Line != 8 || e.File != "policies/x.yaml" {
			t.Errorf("%s: the abort is at %s", write, e.Position)
		}
		headers := m.Get(engine.AttrOf("websock.context.http.headers")).Headers()
		if headers.Get("X-Device-Id") != "d1" || headers.Len() != 3 || m.Get(engine.AttrOf("websock.context.room")).String() != "lobby" {
			t.Errorf("%s changed the context", write)
		}
	}
}

func TestTreesAreCopies(t *testing.T) {
	p := compiled(t, library(t), `export function invoke(msg) {
		const user = msg.get("user");
		user.roles.push("admin");
		user.name = "eve";
		msg.context.get("claims").sub = "eve";
		return msg.get("user").name === "ann";
	}`)
	m := textMessage("")
	m.SetContextAttr("claims", engine.TreeValue(map[string]any{"sub": "ann"}))
	if err := m.Set(engine.AttrOf("user"), engine.TreeValue(map[string]any{"name": "ann", "roles": []any{"reader"}})); err != nil {
		t.Fatal(err)
	}
	if !run(t, p, m) {
		t.Error("the script changed the attribute")
	}
	if got := m.Get(engine.AttrOf("websock.context.claims")).String(); got != `{"sub":"ann"}` {
		t.Errorf("the script changed the context: %s", got)
	}
}

func TestVerdicts(t *testing.T) {
	l := library(t)
	script := func(text string) *Program {
		return compiled(t, l, "export function invoke(msg) {"+text+"; return true}")
	}
	m := textMessage("x")
	run(t, script(`msg.drop()`), m)
	if m.Verdict() != engine.Drop {
		t.Errorf("drop: %v", m.Verdict())
	}
	m = textMessage("x")
	run(t, script(`msg.send("host", "a"); msg.send("client", new Uint8Array([1])); msg.reply("b")`), m)
	var sent []string
	m.Sends(func(to engine.Side, op wire.Op, body []byte) {
		sent = append(sent, fmt.Sprintf("%s %s %q", to, op, body))
	})
	if diff := cmp.Diff([]string{`server text "a"`, `client binary "\x01"`, `client text "b"`}, sent); diff != "" || m.Verdict() != engine.Reply {
		t.Errorf("%v: %s", m.Verdict(), diff)
	}
	m = textMessage("x")
	run(t, script(`msg.close(4001, "enough")`), m)
	if c := m.Closing(); m.Verdict() != engine.Close || c.Code != 4001 || c.Reason != "enough" {
		t.Errorf("close: %v %v", m.Verdict(), c)
	}
	for text, want := range map[string]string{
		`msg.close(1006)`:                        "1006 is no close code that may be sent",
		`msg.close(1000, "x".repeat(124))`:       "at most 123",
		`msg.send("everybody", "x")`:             `send goes to "client" or "server"`,
		`msg.reply({a: 1})`:                      "use JSON.stringify for objects",
		`msg.body = 7`:                           "a string or a Uint8Array",
		`msg.boddy = "x"`:                        "msg has no member boddy",
		`msg.body = new Uint8Array([255])`:       "must be UTF-8",
		`for (;;) msg.send("host", "x")`:         "at most 100 messages",
		`msg.select("${none}")`:                  `attribute "none" is not set`,
		`msg.select("${")`:                       "dotted name is missing",
		`msg.put("http.request.path", "/x")`:     "read-only",
		`msg.session.vars.big = "x".repeat(1e5)`: "session.vars holds at most",
		`msg.get(7)`:                             "an attribute's name is a text",
		`msg.put("f", () => 1)`:                  "a function cannot be given",
	} {
		if e := aborted(t, script(text), textMessage("x")); !strings.Contains(e.What, want) {
			t.Errorf("%s: %v", text, e)
		}
	}
}

func TestASelectorIsRead(t *testing.T) {
	p := compiled(t, library(t), "export function invoke(msg) { return msg.select('${room ?: \"lobby\"}') === 'lobby' && msg.select('in ${content.body}!') === 'in x!' }")
	if !run(t, p, textMessage("x")) {
		t.Error("not what was selected")
	}
}

// called is a filter that changes the body and waits.
type called struct{ pass bool }

func (f called) Run(m *engine.Message) (bool, error) {
	m.SetBody(append([]byte("called "), m.Body()...))
	if string(m.Body()) == "called slow" {
		return false, m.Wait(time.Hour)
	}
	return f.pass, nil
}

func TestCallsAPolicy(t *testing.T) {
	l := library(t)
	src := inline(`export function invoke(msg) { msg.body; const ok = msg.call("other"); msg.body = msg.body + " " + ok; return true }`)
	src.Call = func(name string) (*engine.Policy, error) {
		if name != "other" {
			return nil, fmt.Errorf("no policy %q", name)
		}
		return &engine.Policy{Name: name, Fault: -1, Nodes: []engine.Node{{Name: "f", Filter: called{pass: true}, Success: engine.EndPass, Failure: engine.EndFail}}}, nil
	}
	p, err := l.Compile(nil, src)
	if err != nil {
		t.Fatal(err)
	}
	m := textMessage("x")
	run(t, p, m)
	if string(m.Body()) != "called x true" {
		t.Errorf("body %q", m.Body())
	}
	// A policy that waits does not use the script's time, and ends with the message's context.
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	m = textMessage("slow")
	m.SetContext(ctx)
	e := aborted(t, p, m)
	if !errors.Is(e, context.DeadlineExceeded) || errors.As(e, new(*Bound)) {
		t.Errorf("a policy that waits: %v", e)
	}
}

// A script that calls a policy in which it stands itself runs in another copy.
func TestCallsItself(t *testing.T) {
	l := library(t)
	var p *Program
	src := inline(`let depth = 0; export function invoke(msg) { depth++; if (depth > 1) throw new Error("the same copy"); if (msg.body.length < 3) { msg.body += "x"; return msg.call("me") } return true }`)
	src.Call = func(string) (*engine.Policy, error) {
		return &engine.Policy{Name: "me", Fault: -1, Nodes: []engine.Node{{Name: "f", Filter: p, Success: engine.EndPass, Failure: engine.EndFail}}}, nil
	}
	var err error
	if p, err = l.Compile(nil, src); err != nil {
		t.Fatal(err)
	}
	m := textMessage("")
	if !run(t, p, m) || string(m.Body()) != "xxx" {
		t.Errorf("body %q", m.Body())
	}
}

func TestStoresAndState(t *testing.T) {
	state := memory{}
	l := NewLibrary(Limits{Call: patience}, state, nil)
	defer l.Close()
	src := inline(`export function invoke(msg) {
		state.put("last", {user: stores.get("users", "ann").name, at: [1, 2]}, 60);
		state.put("gone", 1);
		state.delete("gone");
		msg.body = JSON.stringify([state.get("last"), state.get("gone") === undefined, stores.get("users", "bob") === undefined]);
		return true;
	}`)
	src.Store = func(name string) (*engine.Store, error) {
		if name != "users" {
			return nil, fmt.Errorf("there is no store %s", name)
		}
		return engine.NewStore(name, map[string]engine.Value{"ann": engine.TreeValue(map[string]any{"name": "Ann"})}), nil
	}
	p, err := l.Compile(nil, src)
	if err != nil {
		t.Fatal(err)
	}
	m := textMessage("")
	run(t, p, m)
	if got := string(m.Body()); got != `[{"user":"Ann","at":[1,2]},true,true]` {
		t.Errorf("body %s", got)
	}
	e := aborted(t, compiled(t, l, `export function invoke() { state.put("full", 1) }`), m)
	if !strings.Contains(e.What, "the disk is full") {
		t.Errorf("a state that fails: %v", e)
	}
}

func TestConsoleGoesToTheTrail(t *testing.T) {
	p := compiled(t, library(t), `export function invoke(msg) { console.log("a", 1, {b: [true]}, null, undefined); console.warn(new Error("x")); return true }`)
	m := textMessage("")
	policy := &engine.Policy{Name: "p", Fault: -1, Nodes: []engine.Node{{Name: "s", Filter: p, Success: engine.EndPass, Failure: engine.EndFail}}}
	if pass, err := policy.Run(m); !pass || err != nil {
		t.Fatal(pass, err)
	}
	if diff := cmp.Diff([]string{`a 1 {"b":[true]} null undefined`, "WARN Error: x"}, m.Trail()[0].Log); diff != "" {
		t.Error(diff)
	}
}

func TestTheMessageIsOverAfterTheCall(t *testing.T) {
	p := compiled(t, library(t), `let kept; export function invoke(msg) { kept = kept || msg; return kept === msg && kept.body === msg.body }`)
	m := textMessage("one")
	run(t, p, m)
	m.Receive(wire.Text, []byte("two"))
	if !run(t, p, m) {
		t.Error("a message that was kept is not the message of the call")
	}
}

func TestManySessionsAtOnce(t *testing.T) {
	p := compiled(t, library(t), `let n = 0; export function invoke(msg) { n++; return n === Number(msg.body) }`)
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			m := textMessage("")
			for i := 1; i <= 50; i++ {
				m.Receive(wire.Text, []byte(fmt.Sprint(i)))
				if pass, err := p.Run(m); !pass || err != nil {
					t.Errorf("call %d: %v, %v", i, pass, err)
					return
				}
			}
		})
	}
	all.Wait()
}

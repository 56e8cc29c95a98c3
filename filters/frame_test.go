package filters

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"framegate/engine"
	"framegate/engine/wire"
)

func TestTrueAndFalse(t *testing.T) {
	passes(t, build[trueFilter](t, nil, nil), frame("x"))
	fails(t, build[falseFilter](t, nil, nil), upgrade("/"), 403)
}

func TestAbortSaysWhy(t *testing.T) {
	aborts(t, build[abort](t, nil, nil), frame("x"), "aborted by the policy")
	f := build(t, nil, func(f *abort) { f.Reason = sel("no room at ${http.request.path}") })
	aborts(t, f, upgrade("/chat"), "no room at /chat")
	aborts(t, build(t, nil, func(f *abort) { f.Reason = sel("${nothing}") }), frame("x"), `"nothing" is not set`)
}

func TestDropFrame(t *testing.T) {
	m := frame("heartbeat")
	passes(t, build[dropFrame](t, nil, nil), m)
	if m.Verdict() != engine.Drop {
		t.Errorf("the verdict is %s", m.Verdict())
	}
}

func TestReplyFrame(t *testing.T) {
	cases := []struct {
		name, body, kind string
		message          *engine.Message
		want             string
	}{
		{"a literal text", "too fast", "text", frame("x"), "client text too fast"},
		{"an empty text", "", "text", frame("x"), "client text "},
		{"the message itself", "you said ${content.body}", "text", frame("héllo"), "client text you said héllo"},
		{"binary", "${content.body}", "binary", binaryFrame("\xff\x00"), "client binary \xff\x00"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := build(t, nil, func(f *replyFrame) { f.Body, f.Kind = sel(c.body), c.kind })
			passes(t, f, c.message)
			if got := sent(c.message); !slices.Equal(got, []string{c.want}) {
				t.Errorf("sent %q", got)
			}
			if c.message.Verdict() != engine.Reply {
				t.Errorf("the verdict is %s", c.message.Verdict())
			}
		})
	}
	f := build(t, nil, func(f *replyFrame) { f.Body = sel("${content.body}") })
	aborts(t, f, binaryFrame("\xff"), "UTF-8")

	server := engine.NewMessage(engine.OnServerFrame, nil, wire.Text, []byte("x"))
	passes(t, f, server)
	if got := sent(server); !slices.Equal(got, []string{"server text x"}) {
		t.Errorf("what a host sent is answered to %q", got)
	}
}

func TestCloseWebsocket(t *testing.T) {
	for _, c := range []struct {
		reason, want string
	}{
		{"", ""},
		{"bye ${websock.message.length}", "bye 3"},
		{"${content.body}", strings.Repeat("é", 61)},
	} {
		m := frame("abc")
		if strings.Contains(c.reason, "content.body") {
			m = frame(strings.Repeat("é", 100)) // 200 bytes; 123 would cut one in half
		}
		passes(t, build(t, nil, func(f *closeWebsocket) { f.Code, f.Reason = 4001, sel(c.reason) }), m)
		if got := m.Closing(); got.Code != 4001 || got.Reason != c.want || m.Verdict() != engine.Close {
			t.Errorf("%q: closed with %d %q, verdict %s", c.reason, got.Code, got.Reason, m.Verdict())
		}
	}
	for _, code := range []int{-1, 0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 66536} {
		_, err := try(nil, func(f *closeWebsocket) { f.Code = code })
		refused(t, err, "code")
	}
	_, err := try(nil, func(f *closeWebsocket) { f.Reason = sel(strings.Repeat("x", 124)) })
	refused(t, err, "reason")
	if f := build[closeWebsocket](t, nil, nil); f.Code != 1008 {
		t.Errorf("the default code is %d", f.Code)
	}
}

func TestMessageSize(t *testing.T) {
	cases := []struct {
		atLeast, atMost engine.Size
		length, status  int // 0: passes
	}{
		{0, 4, 4, 0},
		{0, 4, 5, 413},
		{2, 0, 1, 400},
		{2, 0, 2, 0},
		{2, 2, 2, 0},
		{2, 4, 0, 400},
	}
	for _, c := range cases {
		t.Run(fmt.Sprintf("%d to %d, %d bytes", c.atLeast, c.atMost, c.length), func(t *testing.T) {
			f := build(t, nil, func(f *messageSize) { f.AtLeast, f.AtMost = c.atLeast, c.atMost })
			m := frame(strings.Repeat("x", c.length))
			if c.status == 0 {
				passes(t, f, m)
				return
			}
			fails(t, f, m, c.status)
		})
	}
	_, err := try[messageSize](nil, nil)
	refused(t, err, "atMost")
	_, err = try(nil, func(f *messageSize) { f.AtLeast, f.AtMost = 5, 4 })
	refused(t, err, "atLeast")
}

func TestSetMessageOnFrames(t *testing.T) {
	m := frame("old")
	passes(t, build(t, nil, func(f *setMessage) { f.Body = sel("new, was ${content.body}") }), m)
	if string(m.Body()) != "new, was old" || !m.Changed() || m.Op != wire.Text {
		t.Errorf("%s %q, changed %v", m.Op, m.Body(), m.Changed())
	}
	aborts(t, build(t, nil, func(f *setMessage) { f.Body = sel("${binary}") }), withBytes(frame("x"), "binary", "\xff"), "UTF-8")

	_, err := try(&Env{Hooks: engine.OnFrame}, func(f *setMessage) { f.Status = 200 })
	refused(t, err, "status")
	_, err = try(&Env{Hooks: engine.OnClientFrame}, func(f *setMessage) { f.ContentType = sel("text/plain") })
	refused(t, err, "contentType")
	_, err = try(nil, func(f *setMessage) { f.Status = 101 })
	refused(t, err, "status")
}

func withBytes(m *engine.Message, name, value string) *engine.Message {
	if err := m.Set(engine.AttrOf(name), engine.BytesValue([]byte(value))); err != nil {
		panic(err)
	}
	return m
}

func TestSetAttribute(t *testing.T) {
	m := frame("hello")
	set := func(name, value string) {
		t.Helper()
		passes(t, build(t, nil, func(f *setAttribute) { f.Attribute, f.Value = name, sel(value) }), m)
	}
	set("chat.room", "lobby")
	set("chat.size", "${websock.message.length}")
	set("chat.both", "${chat.room}/${chat.size}")
	set("websock.session.first", "${content.body}")
	set("content.body", "${chat.both}")
	for name, want := range map[string]string{"chat.room": "lobby", "chat.size": "5", "chat.both": "lobby/5", "content.body": "lobby/5", "websock.session.first": "hello"} {
		if got := attribute(m, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if kind := m.Get(engine.AttrOf("chat.size")).Kind(); kind != engine.Int {
		t.Errorf("a number became kind %d", kind)
	}
	aborts(t, build(t, nil, func(f *setAttribute) { f.Attribute, f.Value = "x", sel("${nothing}") }), m, "is not set")

	for _, name := range []string{"websock.context", "websock.context.chat.room", "http.headers", "id", "circuit.name", "", "a b", "a..b", "${a}", "a[0]"} {
		_, err := try(nil, func(f *setAttribute) { f.Attribute, f.Value = name, sel("x") })
		refused(t, err, "attribute")
	}
	f := build(t, nil, func(f *setAttribute) { f.Attribute, f.Value = "chat.room", sel("x") })
	if !slices.Equal(f.Generates(), []string{"chat.room"}) {
		t.Error(f.Generates())
	}
}

package engine

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"framegate/engine/wire"
)

func requestOf(t testing.TB, target string, header ...string) *Request {
	t.Helper()
	h, err := wire.ParseHeaders([]byte(strings.Join(append(header, ""), "\r\n")))
	if err != nil {
		t.Fatal(err)
	}
	q := &Request{Method: "GET", Proto: "HTTP/1.1", Headers: h, Client: netip.MustParseAddrPort("192.0.2.1:5000")}
	if err := q.setTarget(target); err != nil {
		t.Fatal(err)
	}
	return q
}

func TestSelectors(t *testing.T) {
	q := requestOf(t, "/rooms/lobby?token=a%20b&x=1", "Host: example.test", "User-Agent: browser 1", "X-Device-Id: dev-1")
	m := NewMessage(OnUpgrade, q, 0, nil)
	m.Set(AttrOf("chat.room"), StringValue("ops"))
	m.Set(AttrOf("user"), TreeValue(map[string]any{"name": "ann", "rooms": []any{"a", "b"}}))
	m.Session.SetVar("n", IntValue(3))
	for _, c := range []struct{ text, want string }{
		{"plain", "plain"},
		{"", ""},
		{"rooms/${chat.room}/x", "rooms/ops/x"},
		{"${http.headers[\"User-Agent\"]}", "browser 1"},
		{"${http.headers['x-device-id']}", "dev-1"},
		{"${http.header.X-Device-Id}", "dev-1"},
		{"${http.request.path} ${http.request.verb} ${http.request.host}", "/rooms/lobby GET example.test"},
		{"${params.query.token}", "a b"},
		{"${http.request.clientaddr}", "192.0.2.1"},
		{"${user.name} ${user.rooms[1]}", "ann b"},
		{`${user["name"]}`, "ann"},
		{`${missing ?: "none"}`, "none"},
		{`${ chat.room ?: "none" }`, "ops"},
		{"${websock.session.n}", "3"},
		{"$${chat.room} costs $5", "${chat.room} costs $5"},
	} {
		s, err := ParseSelector(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if got, err := s.String(m); err != nil || got != c.want {
			t.Errorf("%s is %q, %v; want %q", c.text, got, err, c.want)
		}
	}
}

func TestMissingAttributeNamesSelectorAndAttribute(t *testing.T) {
	s, _ := ParseSelector("x ${chat.room} y")
	_, err := s.String(NewMessage(OnUpgrade, requestOf(t, "/"), 0, nil))
	var missing *MissingAttribute
	if !errors.As(err, &missing) || missing.Name != "chat.room" || missing.Selector != "${chat.room}" {
		t.Errorf("%v", err)
	}
}

func TestBadSelectorsSayWhere(t *testing.T) {
	for text, want := range map[string]string{
		"a ${":             "dotted name is missing at character 5",
		"${a":              "closing } is missing",
		"${a..b}":          "dotted name is missing",
		"${a + 1}":         "for conditions use compare-attribute",
		"${a[x]}":          "a part is",
		"${a[\"x]}":        "closing \" is missing",
		"${a ?: b}":        "text in quotes is missing",
		"${x.getAddress()": "unexpected '('",
	} {
		if _, err := ParseSelector(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", text, err, want)
		}
	}
}

func TestContextOfTheUpgradeIsReadOnly(t *testing.T) {
	m := NewMessage(OnClientFrame, requestOf(t, "/chat", "Host: h", "X-Device-Id: dev-1"), wire.Text, []byte("hi"))
	if got := m.Get(AttrOf("websock.context.http.headers")).Member("x-device-id").String(); got != "dev-1" {
		t.Errorf("header of the upgrade is %q", got)
	}
	for _, name := range []string{"websock.context", "websock.context.http.headers", "http.headers", "id", "websock.opcode"} {
		var readOnly *ReadOnly
		if err := m.Set(AttrOf(name), StringValue("x")); !errors.As(err, &readOnly) || readOnly.Name != name {
			t.Errorf("writing %s: %v", name, err)
		}
	}
}

func FuzzSelector(f *testing.F) {
	for _, seed := range []string{"a${b.c[\"d\"] ?: 'x'}e", "$${x}", "${a[0][1]}", "${"} {
		f.Add(seed)
	}
	m := NewMessage(OnUpgrade, requestOf(f, "/"), 0, nil)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSelector(text)
		if err != nil {
			return
		}
		if s.Text() != text {
			t.Errorf("text %q became %q", text, s.Text())
		}
		s.String(m)
	})
}

func TestContentTypeIsThatOfTheWebsocketForText(t *testing.T) {
	m := NewMessage(OnClientFrame, requestOf(t, "/"), wire.Text, nil)
	m.Session.websocket.Store(&Websocket{ContentType: "application/json"})
	for op, want := range map[wire.Op]string{wire.Text: "application/json", wire.Binary: "application/octet-stream"} {
		m.reset(op, nil, 1)
		if got := m.Get(AttrOf("content.type")).String(); got != want {
			t.Errorf("%s: %q", op, got)
		}
	}
}

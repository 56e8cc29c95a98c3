package policies

import (
	"fmt"
	"strings"
	"testing"

	"framegate/engine"
	"framegate/filters"
)

// Every filter type is refused in every hook in which it makes no sense, and in
// no other.
func TestEveryFilterInEveryHook(t *testing.T) {
	docs, err := filters.Docs()
	if err != nil {
		t.Fatal(err)
	}
	for _, doc := range docs {
		for _, hook := range (engine.OnAny &^ engine.OnRequest).Names() {
			g := gatewayAround(t, doc, hook)
			got := g.problems(t, options(t, nil))
			refused := strings.Contains(got, fmt.Sprintf("filter type %q makes no sense in %s", doc.Type, hook))
			allowed := false
			for _, h := range doc.Hooks {
				allowed = allowed || h == hook
			}
			if refused == allowed {
				t.Errorf("%s in %s: refused %v, allowed %v\n%s", doc.Type, hook, refused, allowed, got)
			}
		}
	}
}

// Keys that later versions will have are refused by name, and every one says so.
func TestLaterKeys(t *testing.T) {
	around := map[string]func(line string) gateway{
		"gateway":     func(line string) gateway { return one(line + "\n" + echo) },
		"port":        portWith,
		"websocket":   websocketWith,
		"remote host": func(line string) gateway { return one(echo + "remoteHosts:\n  chat:\n    host: h\n    " + line + "\n") },
		"trafficLog":  func(line string) gateway { return one("trafficLog:\n  " + line + "\n" + echo) },
	}
	for what, keys := range laterKeys {
		for key := range keys {
			_, problems := load(t.Context(), around[what](key+": x").files(), options(t, nil), tableOfFilters(), nil)
			if len(problems) != 1 || !strings.Contains(problems[0].What, fmt.Sprintf("%q is not in this version", key)) {
				t.Errorf("%s.%s:\n%s", what, key, text(problems))
			}
		}
	}
}

// Words of other gateways lead to ours, and none of them is one of ours.
func TestOtherWords(t *testing.T) {
	for what, words := range otherWords {
		for word, hint := range words {
			if later(what, word) != "" {
				t.Errorf("%s.%s is both another word and a later key", what, word)
			}
			if hint == "" {
				t.Errorf("%s.%s leads nowhere", what, word)
			}
		}
	}
	docs, err := filters.Docs()
	if err != nil {
		t.Fatal(err)
	}
	for _, doc := range docs {
		for _, f := range doc.Fields {
			if _, other := filterWords[f.Name]; other {
				t.Errorf("filterWords has %q, which is a field of %s", f.Name, doc.Type)
			}
		}
	}
}

// Which attributes a filter may read, by what others set.
func TestAttributes(t *testing.T) {
	const (
		sets    = "{type: set-attribute, attribute: chat.room, value: a}"
		subject = "{type: http-basic, store: users}"
		connect = "{type: connect-to-url, url: 'ws://127.0.0.1:9001/'}"
	)
	cases := []struct {
		name, upgrade, frame string
		warned               string // part of the warning; empty: none
	}{
		{"of the engine", connect, "{type: trace, text: '${websock.opcode} ${id} ${content.body}'}", ""},
		{"a part of one", connect, "{type: trace, text: '${websock.context.http.headers.X-Room}'}", ""},
		{"with a default", connect, "{type: trace, text: '${nothing ?: \"x\"}'}", ""},
		{"set before", connect, sets + ", {type: trace, text: '${chat.room}'}", ""},
		{"a part of what is set", connect, sets + ", {type: trace, text: '${chat.room.size}'}", ""},
		{"set by the upgrade", sets + ", " + connect, "{type: trace, text: '${websock.context.chat.room}'}", ""},
		{"set by authentication", subject + ", " + connect, "{type: trace, text: '${websock.context.authentication.subject.id}'}", ""},
		{"kept for the session", connect, "{type: trace, text: '${websock.session.count}'}", ""},
		{"set by a script", "{type: script, file: scripts/admit.js}, " + connect, "{type: trace, text: '${websock.context.chat.room}'}", ""},
		{"named by a script", "{type: script, file: scripts/dynamic.js, generates: [chat.user]}, " + connect, "{type: trace, text: '${websock.context.chat.user}'}", ""},
		{"set nowhere", connect, "{type: trace, text: '${nothing}'}", `"nothing" is not set in onClientFrame`},
		{"of the upgrade only", sets + ", " + connect, "{type: trace, text: '${chat.room}'}", `${websock.context.chat.room}`},
		{"of the close only", connect, "{type: trace, text: '${websock.close.code}'}", "it is set in onClose"},
		{"of nobody's identity", "{type: check-group, groups: [a]}, " + connect, "{type: true-filter}", "finds out who the client is: api-key, client-certificate, http-basic"},
		{"not set by the upgrade", connect, "{type: trace, text: '${websock.context.authentication.subject.id}'}", "is not set by the upgrade policy"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			g := websocketWith("onClientFrame: stamp")
			g["gateway.yaml"] = strings.Split(g["gateway.yaml"], "policies:")[0] + fmt.Sprintf("policies:\n  admit: {filters: [%s]}\n  stamp: {filters: [%s]}\nstores: {users: {records: {}}}\n", c.upgrade, c.frame)
			g["scripts/admit.js"] = design["scripts/admit.js"]
			g["scripts/dynamic.js"] = "export function invoke(msg) { msg.put('chat.' + 'user', 'x'); return true; }\n"
			got := g.problems(t, options(t, nil))
			if c.warned == "" && got != "" || !strings.Contains(got, c.warned) {
				t.Errorf("want %q, got\n%s", c.warned, got)
			}
		})
	}
}

// Upgrade policies that can, and that cannot, pass with nothing done.
func TestSilentPasses(t *testing.T) {
	const connect = "{type: connect-to-url, url: 'ws://127.0.0.1:9001/'}"
	cases := []struct {
		filters string
		warned  bool
	}{
		{connect, false},
		{"{type: reflect}", false},
		{"{type: true-filter}", true},
		{"{type: true-filter, failure: pass}, " + connect, true},
		{"{type: set-message, status: 503, body: closed}", false},
		{"{type: set-message, body: closed}", true},
		{"{type: policy, policy: other}", false},
		{"{type: policy, policy: nothing}", true},
		{"{type: policy, policy: nothing}, " + connect, false},
		{"{type: connect-to-url, url: 'ws://127.0.0.1:9001/', success: fail}", false},
		{"{type: connect-to-url, url: 'ws://127.0.0.1:9001/', failure: a}, {name: a, type: reflect}", false},
		{"{type: false-filter}", true},
		{"{type: abort}", false},
	}
	for _, c := range cases {
		g := one(strings.Split(echo, "policies:")[0] + "policies:\n  admit: {filters: [" + c.filters + "]}\n  other: {filters: [" + connect + "]}\n  nothing: {filters: [{type: true-filter}]}\n")
		got := g.problems(t, options(t, nil))
		if strings.Contains(got, "without having connected or answered") != c.warned {
			t.Errorf("%s: want a warning: %v, got\n%s", c.filters, c.warned, got)
		}
	}
}

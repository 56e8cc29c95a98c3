package filters_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/fasthttp/websocket"
)

func TestValidateQuery(t *testing.T) {
	for settings, queries := range map[string]map[string]int{
		"parameters: {room: {required: true, once: true, match: '^[a-z]+$'}}": {
			"room=lobby": 101, "x=1&room=lobby&y": 101, "r%6Fom=l%6Fbby": 101, "": 400, "Room=lobby": 400, "room": 400, "room=": 400, "room=Lobby": 400,
			"room=a&room=b": 400, "room=a&%72oom=b": 400, "room=lobby&x=%zz": 400, "room=a%00": 400,
		},
		"parameters: {n: {match: '^[0-9]$'}}":             {"": 101, "n=1": 101, "n=1&n=2": 101, "n=1&n=x": 400},
		"parameters: {a b: {minLength: 2, maxLength: 3}}": {"a+b=12": 101, "a%20b=123": 101, "a+b=1": 400, "a+b=1234": 400, "": 101},
		"parameters: {m: {in: [read, write]}}":            {"m=read": 101, "m=write": 101, "m=Read": 400, "m=readwrite": 400},
		"parameters: {t: {base64: true, match: '^hi$'}}":  {"t=aGk": 101, "t=aGk%3D": 101, "t=aG": 400, "t=!": 400},
		"parameters: {a: {}}, onlyKnown: true":            {"a=1&a=2": 101, "": 101, "a=1&b=2": 400, "A=1": 400},
		"onlyKnown: true":                                 {"": 101, "a": 400},
		"threats: ['(?i)<script']":                        {"a=script": 101, "a=%3CScript": 400, "%3Cscript=a": 400},
	} {
		g := start(t, "onUpgrade: admit", admitBy("type: validate-query, "+settings))
		for query, status := range queries {
			target := "/chat"
			if query != "" {
				target += "?" + query
			}
			if _, answer, _ := g.upgrade(target); answer.StatusCode != status {
				t.Errorf("%s: %s got %d, want %d", settings, query, answer.StatusCode, status)
			}
		}
		for _, r := range recorded(g) {
			if strings.Contains(r.Reason, "Lobby") || strings.Contains(r.Reason, "1234") {
				t.Errorf("the reason shows a value: %s", r.Reason)
			}
		}
	}
}

func TestValidateHTTPHeadersOnUpgrades(t *testing.T) {
	for settings, headers := range map[string]map[string]int{
		"headers: {x-device: {required: true, once: true, minLength: 2}}": {"d7": 101, "": 400, "d": 400},
		"headers: {X-Device: {in: [d7, d8]}}":                             {"d7": 101, "": 101, "d9": 400},
		"headers: {X-Device: {base64: true, maxLength: 2}}":               {"aGk=": 101, "aGkh": 400, "a": 400},
		"threats: ['\\.\\./']":                                            {"d7": 101, "../d7": 400},
	} {
		g := start(t, "onUpgrade: admit", admitBy("type: validate-http-headers, "+settings))
		for value, status := range headers {
			var lines []string
			if value != "" {
				lines = []string{"X-Device", value}
			}
			if _, answer, _ := g.upgrade("/chat", lines...); answer.StatusCode != status {
				t.Errorf("%s: %q got %d, want %d", settings, value, answer.StatusCode, status)
			}
		}
	}
	start(t, "onUpgrade: admit", admitBy("type: validate-http-headers, headers: {X-Device: {once: true}}")).refuses(400, "/chat", "X-Device", "a", "X-Device", "b")
}

func TestValidateSelector(t *testing.T) {
	for rules, values := range map[string]map[string]int{
		"{value: '${params.query.room}', required: true}":                                             {"a": 101, "": 400, "-": 400},
		"{value: '${params.query.room}', match: '^[a-z]$'}":                                           {"a": 101, "": 101, "-": 101, "ab": 400},
		"{value: '${params.query.room ?: \"x\"}', in: [a, x]}":                                        {"a": 101, "-": 101, "b": 400},
		"{value: '<${params.query.room}>', match: '^<.+>$'}":                                          {"a": 101, "": 400, "-": 101},
		"{value: '${params.query.room}', minLength: 2}, {value: '${http.request.path}', in: [/chat]}": {"ab": 101, "a": 400},
		"{value: '${params.query.room}'}, {value: '${http.request.path}', in: [/other]}":              {"ab": 400},
	} {
		g := start(t, "onUpgrade: admit", admitBy("type: validate-selector, rules: ["+rules+"]"))
		for value, status := range values {
			target := "/chat?room=" + url.QueryEscape(value)
			if value == "-" {
				target = "/chat"
			}
			if _, answer, _ := g.upgrade(target); answer.StatusCode != status {
				t.Errorf("%s: %q got %d, want %d", rules, value, answer.StatusCode, status)
			}
		}
	}
}

func TestValidateSelectorOnMessages(t *testing.T) {
	const policy = `
policies:
  admit: {filters: [{type: connect-to-url, url: ws://HOST/}]}
  check: {filters: [{type: validate-selector, rules: [{value: '${content.body}', required: true, match: '^[a-z]+$', maxLength: 5}, {value: '${websock.opcode}', in: [text]}]}]}
`
	for _, hook := range []string{"onClientFrame", "onServerFrame"} {
		g := start(t, "onUpgrade: admit\n"+hook+": check", policy)
		says(t, g.open("/chat"), "hello", "hello")
		closes(t, g.open("/chat"), "Hello", 1008, "")
		closes(t, g.open("/chat"), "", 1008, "")
		closes(t, g.open("/chat"), "goodbye", 1008, "")
		c := g.open("/chat")
		if err := c.WriteMessage(websocket.BinaryMessage, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.ReadMessage(); !websocket.IsCloseError(err, 1008) {
			t.Errorf("%s: a binary message: %v", hook, err)
		}
	}
}

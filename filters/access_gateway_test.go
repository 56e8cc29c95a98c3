package filters_test

import (
	"strings"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
)

// admitBy is a policy of one filter before the host.
func admitBy(filter string) string {
	return "\npolicies:\n  admit:\n    filters:\n      - {" + filter + "}\n      - {type: connect-to-url, url: ws://HOST/}\n"
}

func TestOrigin(t *testing.T) {
	for settings, origins := range map[string]map[string]int{
		"allow: ['https://app.example.test', 'https://*.wild.test', 'http://127.0.0.1:*']": {
			"https://app.example.test": 101, "HTTPS://App.Example.Test": 101, "https://a.wild.test": 101, "http://127.0.0.1:3000": 101, "": 101,
			"https://app.example.test.evil.test": 403, "https://evil.test/https://app.example.test": 403, "http://app.example.test": 403,
			"https://app.example.test:8443": 403, "https://a.b.wild.test": 403, "https://wild.test": 403, "https://.wild.test": 403, "null": 403,
			"https://xapp.example.test": 403, "https://app.example.test@evil.test": 403, "*": 403,
		},
		"allow: '*'":                    {"https://any.test": 101, "null": 403, "": 101},
		"allow: ['null']":               {"null": 101, "https://any.test": 403},
		"allow: '*', required: true":    {"https://any.test": 101, "": 403},
		"sameHost: true":                {"http://GW": 101, "https://GW": 403, "http://other.test": 403, "": 101},
		"sameHost: true, allow: 'null'": {"http://GW": 101, "null": 101},
	} {
		g := start(t, "onUpgrade: admit\norigins: ['*', 'null']", admitBy("type: origin, "+settings))
		for origin, status := range origins {
			var headers []string
			if origin != "" {
				headers = []string{"Origin", strings.ReplaceAll(origin, "GW", g.address)}
			}
			if _, answer, _ := g.upgrade("/chat", headers...); answer.StatusCode != status {
				t.Errorf("%s: origin %q got %d, want %d", settings, origin, answer.StatusCode, status)
			}
		}
	}
	g := start(t, "onUpgrade: admit\norigins: ['*']", admitBy("type: origin, allow: '*'"))
	g.refuses(403, "/chat", "Origin", "https://a.test", "Origin", "https://b.test")
}

func TestHTTPMethodOfAnUpgrade(t *testing.T) {
	start(t, "onUpgrade: admit", admitBy("type: http-method, allow: [GET]")).open("/chat")
	answer, _ := start(t, "onUpgrade: admit", admitBy("type: http-method, allow: [POST, PUT]")).refuses(405, "/chat")
	if got := answer.Header.Get("Allow"); got != "POST, PUT" {
		t.Errorf("Allow is %q", got)
	}
}

func TestContentTypeOfMessages(t *testing.T) {
	const policy = `
policies:
  admit: {filters: [{type: connect-to-url, url: ws://HOST/}]}
  typed: {filters: [{type: content-type, %s}]}
`
	for settings, ok := range map[string][2]bool{ // text, binary
		"allow: [application/json]":         {true, false},
		"allow: [application/octet-stream]": {false, true},
		"allow: ['application/*']":          {true, true},
		"deny: [application/octet-stream]":  {true, false},
		"allow: [text/plain]":               {false, false},
	} {
		for _, hook := range []string{"onClientFrame", "onServerFrame"} {
			g := start(t, "onUpgrade: admit\n"+hook+": typed", strings.Replace(policy, "%s", settings, 1))
			for i, kind := range []int{websocket.TextMessage, websocket.BinaryMessage} {
				c := g.open("/chat")
				if err := c.WriteMessage(kind, []byte("{}")); err != nil {
					t.Fatal(err)
				}
				if _, _, err := c.ReadMessage(); (err == nil) != ok[i] || err != nil && !websocket.IsCloseError(err, 1008) {
					t.Errorf("%s, %s: kind %d: %v", settings, hook, kind, err)
				}
			}
		}
	}
	g := start(t, "onUpgrade: admit\nonClientFrame: typed\ncontentType: text/plain", strings.Replace(policy, "%s", "allow: [text/plain]", 1))
	says(t, g.open("/chat"), "hello", "hello")
}

func TestSessionsEndWithTheWindowOfTime(t *testing.T) {
	c := newHands()
	c.at = time.Date(2026, 11, 20, 8, 59, 59, 0, time.UTC) // a Friday
	g := startAt(t, c.now, "onUpgrade: admit", admitBy("type: time-window, days: [mon, fri], from: 09:00, to: '17:00', zone: UTC, except: [2026-11-27], notBefore: 2026-01-01, closeAtEnd: true"))
	g.refuses(403, "/chat")
	c.turn(time.Second)
	conn := g.open("/chat")
	c.turn(8*time.Hour - time.Second)
	g.Sweep()
	says(t, conn, "hello", "hello")
	c.turn(time.Second)
	g.Sweep()
	if closed := ended(t, conn); closed.Code != 1001 {
		t.Errorf("the session ended with %v", closed)
	}
	g.refuses(403, "/chat")

	open := startAt(t, c.now, "onUpgrade: admit\nonClientFrame: hours", `
policies:
  admit: {filters: [{type: connect-to-url, url: ws://HOST/}]}
  hours: {filters: [{type: time-window, from: '18:00', success: pass, failure: busy}, {name: busy, type: reply-frame, body: we are closed}]}
`)
	says(t, open.open("/chat"), "hello", "we are closed")
	c.turn(time.Hour)
	says(t, open.open("/chat"), "hello", "hello")
}

func TestIPAddressOfClients(t *testing.T) {
	for settings, clients := range map[string]map[string]int{
		"allow: [192.0.2.0/24, '2001:db8::/32']":          {"192.0.2.255": 101, "192.0.3.0": 403, "2001:db8:ffff::1": 101, "2001:db9::1": 403, "::ffff:192.0.2.1": 101},
		"deny: [192.0.2.7, '2001:db8::1']":                {"192.0.2.7": 403, "192.0.2.8": 101, "2001:db8::1": 403, "2001:db8::2": 101, "::ffff:192.0.2.7": 403},
		"allow: [192.0.2.0/24], deny: ['192.0.2.128/25']": {"192.0.2.127": 101, "192.0.2.128": 403, "192.0.3.1": 403},
	} {
		g := start(t, "onUpgrade: admit", "\n    trustedProxies: [127.0.0.1]"+admitBy("type: ip-address, "+settings))
		for client, status := range clients {
			if _, answer, _ := g.upgrade("/chat", "X-Forwarded-For", client); answer.StatusCode != status {
				t.Errorf("%s: %s got %d, want %d", settings, client, answer.StatusCode, status)
			}
		}
	}
	start(t, "onUpgrade: admit", admitBy("type: ip-address, allow: [192.0.2.0/24]")).refuses(403, "/chat", "X-Forwarded-For", "192.0.2.1")
}

func TestCompareAttributeOfUpgrades(t *testing.T) {
	for rule, rooms := range map[string]map[string]int{
		"op: is, with: lobby":                      {"lobby": 101, "Lobby": 403, "lobby2": 403},
		"op: is-not, with: lobby":                  {"lobby": 403, "Lobby": 101},
		"op: contains, with: ob":                   {"lobby": 101, "lOBby": 403},
		"op: does-not-contain, with: ob":           {"lobby": 403, "hall": 101},
		"op: starts-with, with: lo":                {"lobby": 101, "hello": 403},
		"op: ends-with, with: by":                  {"lobby": 101, "bye": 403},
		"op: matches, with: '^[a-l]+$'":            {"hall": 101, "lobby": 403, "HALL": 403},
		"op: does-not-match, with: '^[a-l]+$'":     {"hall": 403, "lobby": 101},
		"op: contains, with: OB, ignoreCase: true": {"lobby": 101, "LOBBY": 101, "hall": 403},
		"op: at-least, with: 10":                   {"10": 101, "9": 403, "ten": 500},
		"op: at-most, with: 10":                    {"10": 101, "11": 403},
	} {
		g := start(t, "onUpgrade: admit", admitBy("type: compare-attribute, rules: [{value: '${params.query.room}', "+rule+"}]"))
		for room, status := range rooms {
			if _, answer, _ := g.upgrade("/chat?room=" + room); answer.StatusCode != status {
				t.Errorf("%s: %s got %d, want %d", rule, room, answer.StatusCode, status)
			}
		}
		g.refuses(500, "/chat")
	}
	for match, rooms := range map[string]map[string]int{"all": {"ab": 101, "a": 403, "b": 403}, "any": {"ab": 101, "a": 101, "b": 101, "c": 403}} {
		g := start(t, "onUpgrade: admit", admitBy("type: compare-attribute, match: "+match+", rules: [{value: '${params.query.room}', op: contains, with: a}, {value: '${params.query.room}', op: contains, with: b}]"))
		for room, status := range rooms {
			if _, answer, _ := g.upgrade("/chat?room=" + room); answer.StatusCode != status {
				t.Errorf("%s: %s got %d, want %d", match, room, answer.StatusCode, status)
			}
		}
	}
}

package engine

import (
	"strings"
	"testing"

	"framegate/engine/wire"
)

func TestRequestTargetsThatCouldBeReadInTwoWaysAreRefused(t *testing.T) {
	for target, ok := range map[string]bool{
		"/":                      true,
		"/chat?x=..%2f":          true,
		"/a%20b":                 true,
		"http://h.test/chat?a=1": true,
		"/a/../b":                false,
		"/a/%2e%2e/b":            false,
		"/a/..%2fb":              false,
		"//evil/x":               false,
		"/a//b":                  false,
		"/a%00":                  false,
		"/a\\b":                  false,
		"/%zz":                   false,
		"*":                      false,
		"http://evil.test/chat":  false,
		"http://u@h.test/chat":   false,
	} {
		h, _ := wire.ParseHeaders([]byte("Host: h.test\r\n"))
		q := &Request{Headers: h}
		if err := q.setTarget(target); (err == nil) != ok {
			t.Errorf("%s: %v", target, err)
		}
		if ok && !strings.HasPrefix(q.Path, "/") {
			t.Errorf("%s: path %q", target, q.Path)
		}
	}
}

func TestTheWebsocketWithTheMostSegmentsIsTaken(t *testing.T) {
	p := &Port{Websockets: []*Websocket{
		{Path: "/"}, {Path: "/chat"}, {Path: "/chat/private", Exact: true}, {Path: "/chat", Hosts: []string{"vip.test"}}, {Path: "/off", Disabled: true},
	}}
	for target, want := range map[string]int{
		"/": 0, "/x": 0, "/chat": 1, "/chat/lobby": 1, "/chatter": 0, "/chat/private": 2, "/chat/private/x": 1, "/off": 0,
	} {
		if got := p.route(requestOf(t, target, "Host: other.test:8080")); got != p.Websockets[want] {
			t.Errorf("%s went to %+v", target, got)
		}
	}
	if got := p.route(requestOf(t, "/chat/x", "Host: VIP.test:8080")); got != p.Websockets[3] {
		t.Errorf("a host of its own: %+v", got)
	}
}

func TestOrigins(t *testing.T) {
	listed := &Websocket{Origins: []string{"https://app.example.test", "http://127.0.0.1:*", "https://*.wild.test"}}
	for origin, ok := range map[string]bool{
		"https://app.example.test":      true,
		"HTTPS://APP.example.test":      true,
		"https://app.example.test.evil": false,
		"http://app.example.test":       false,
		"https://app.example.test:8443": false,
		"http://127.0.0.1:3000":         true,
		"http://127.0.0.1":              true,
		"http://127.0.0.1.evil:80":      false,
		"https://a.wild.test":           true,
		"https://a.b.wild.test":         false,
		"https://wild.test":             false,
		"null":                          false,
		"http://127.0.0.1:1@evil.test":  false,
	} {
		if got := listed.allowsOrigin(requestOf(t, "/", "Host: gw.test", "Origin: "+origin)); got != ok {
			t.Errorf("%s: %v", origin, got)
		}
	}
	for allowed, origins := range map[string]map[string]bool{
		"*":                {"https://a.test": true, "file://": true, "null": false},
		"null":             {"null": true, "https://a.test": false},
		"https://*.a.test": {"null": false},
	} {
		for origin, ok := range origins {
			if got := MatchOrigin(allowed, origin); got != ok {
				t.Errorf("%s allows %s: %v", allowed, origin, got)
			}
		}
	}
	same := &Websocket{}
	for origin, ok := range map[string]bool{"http://gw.test:8080": true, "http://gw.test": false, "https://gw.test:8080": false, "null": false} {
		if got := same.allowsOrigin(requestOf(t, "/", "Host: gw.test:8080", "Origin: "+origin)); got != ok {
			t.Errorf("same host, %s: %v", origin, got)
		}
	}
	if !same.allowsOrigin(requestOf(t, "/", "Host: gw.test")) {
		t.Error("a client without Origin is no browser")
	}
}

package console

import (
	"net"
	"regexp"
	"strings"
	"testing"

	"framegate/engine"
)

func TestForeignPagesAreRefused(t *testing.T) {
	r := start(t, engine.Console{})
	_, port, _ := net.SplitHostPort(r.Address())
	tests := []struct {
		method, path string
		headers      []string
		status       int
	}{
		{"GET", "/api/v1/sessions", nil, 200},
		{"GET", "/api/v1/sessions", []string{"Host: localhost:" + port}, 200},
		{"GET", "/api/v1/sessions", []string{"Host: LOCALHOST:" + port}, 200},
		{"GET", "/api/v1/sessions", []string{"Host: [::1]:" + port}, 200},
		{"GET", "/api/v1/sessions", []string{"Host: evil.example.test:" + port}, 421},
		{"GET", "/", []string{"Host: evil.example.test:" + port}, 421},
		{"GET", "/api/v1/sessions", []string{"Host: 127.0.0.1.evil.example.test:" + port}, 421},
		{"GET", "/api/v1/sessions", []string{"Host: localhost.:" + port}, 421},
		{"GET", "/api/v1/sessions", []string{"Host: localhost"}, 421},
		{"GET", "/api/v1/sessions", []string{"Host: localhost:1"}, 421},
		{"GET", "/api/v1/sessions", []string{"Host: 192.0.2.1:" + port}, 421},
		{"GET", "/api/v1/sessions", []string{"Host: :" + port}, 421},
		{"GET", "/api/v1/sessions", []string{"Origin: http://" + r.Address()}, 200},
		{"GET", "/api/v1/sessions", []string{"Origin: https://" + r.Address()}, 403},
		{"GET", "/api/v1/sessions", []string{"Origin: http://localhost:" + port}, 403},
		{"GET", "/api/v1/sessions", []string{"Origin: http://evil.example.test"}, 403},
		{"GET", "/api/v1/sessions", []string{"Origin: null"}, 403},
		{"GET", "/", []string{"Origin: null"}, 403},
		{"GET", "/api/v1/stream", []string{"Origin: http://evil.example.test"}, 403},
		{"OPTIONS", "/api/v1/reload", []string{"Origin: http://evil.example.test"}, 403},
		{"GET", "/api/v1/sessions", []string{"Sec-Fetch-Site: cross-site"}, 403},
		{"GET", "/api/v1/sessions", []string{"Sec-Fetch-Site: same-site"}, 403},
		{"GET", "/api/v1/sessions", []string{"Sec-Fetch-Site: same-origin"}, 200},
		{"GET", "/", []string{"Sec-Fetch-Site: cross-site"}, 200}, // a link to the page
		{"POST", "/api/v1/reload", nil, 200},
		{"POST", "/api/v1/reload", []string{"Content-Type: application/json; charset=utf-8"}, 200},
		{"POST", "/api/v1/reload", []string{"Content-Type: text/plain"}, 415},
		{"POST", "/api/v1/reload", []string{"Content-Type: application/x-www-form-urlencoded"}, 415},
		{"POST", "/api/v1/reload", []string{"Content-Type: text/plain; a=application/json"}, 415},
		{"POST", "/api/v1/reload", []string{"Origin: http://evil.example.test"}, 403},
		{"DELETE", "/api/v1/sessions/x", []string{"Content-Type: text/plain"}, 415},
	}
	for _, test := range tests {
		t.Run(test.method+" "+test.path+" "+strings.Join(test.headers, ", "), func(t *testing.T) {
			status, text, head := r.do(test.method, test.path, "", test.headers...)
			if status != test.status {
				t.Errorf("got %d %s, want %d", status, text, test.status)
			}
			for name := range head {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("header %s", name)
				}
			}
			for _, name := range []string{"Content-Security-Policy", "X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy", "Cross-Origin-Resource-Policy"} {
				if head.Get(name) == "" {
					t.Errorf("no %s", name)
				}
			}
		})
	}
}

func TestToken(t *testing.T) {
	r := start(t, engine.Console{Token: "secret"})
	tests := map[string]int{
		"":                              401,
		"Authorization: Bearer ":        401,
		"Authorization: Bearer x":       401,
		"Authorization: secret":         401,
		"Authorization: Basic c2VjcmV0": 401,
		"Authorization: Bearer secret2": 401,
		"Authorization: Bearer secret":  200,
		"authorization: bearer secret":  200,
	}
	for header, want := range tests {
		status, text, head := r.do("GET", "/api/v1/sessions", "", header)
		if status != want || status == 401 && !strings.HasPrefix(head.Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("%q: %d %s", header, status, text)
		}
	}
	if status, _, _ := r.do("GET", "/api/v1/stream", ""); status != 401 {
		t.Errorf("the stream without a token: %d", status)
	}
	if status, _, _ := r.do("GET", "/", ""); status != 200 {
		t.Errorf("the page, which asks for the token: %d", status)
	}
	if status, _, _ := r.do("GET", "/api/v1/sessions?token=secret", ""); status != 401 {
		t.Errorf("a token in the query: %d", status)
	}
}

func TestBeyondLoopbackAnyAddressButNoForeignName(t *testing.T) {
	r := start(t, engine.Console{Listen: "0.0.0.0:0", Token: "secret"})
	_, port, _ := net.SplitHostPort(r.Address())
	for host, want := range map[string]int{"192.0.2.7": 200, "localhost": 200, "evil.example.test": 421} {
		status, text, _ := r.do("GET", "/api/v1/sessions", "", "Host: "+host+":"+port, "Authorization: Bearer secret")
		if status != want {
			t.Errorf("%s: %d %s", host, status, text)
		}
	}
}

func TestTheScriptFindsWhatThePageHas(t *testing.T) {
	read := func(name string) string {
		text, err := web.ReadFile("web/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	page, script := read("index.html"), read("console.js")
	for _, used := range regexp.MustCompile(`\$\("(\w+)"\)`).FindAllStringSubmatch(script, -1) {
		if !strings.Contains(page, `id="`+used[1]+`"`) {
			t.Errorf("the page has no id %s", used[1])
		}
	}
	for _, name := range append([]string{"text", "token"}, filterNames...) {
		if !strings.Contains(page, `name="`+name+`"`) || !strings.Contains(script, name) {
			t.Errorf("the page has no field %s, or the script does not use it", name)
		}
	}
	for _, outcome := range Outcomes {
		if !strings.Contains(page, "<option>"+outcome) {
			t.Errorf("the page does not offer the outcome %s", outcome)
		}
	}
}

func TestThePageHoldsNothingInlineAndNothingForeign(t *testing.T) {
	r := start(t, engine.Console{})
	status, text, head := r.do("GET", "/", "")
	if status != 200 || head.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatal(status, head)
	}
	for _, banned := range []string{"http://", "https://", "onclick", "style=", "<style", "javascript:"} {
		if strings.Contains(text, banned) {
			t.Errorf("the page holds %s", banned)
		}
	}
	for _, file := range []string{"/console.js", "/stream.js", "/view.js", "/console.css", "/icon.svg"} {
		status, text, head := r.do("GET", file, "")
		if status != 200 || head.Get("Content-Type") == "" || text == "" {
			t.Errorf("%s: %d", file, status)
		}
		for _, banned := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "https://"} {
			if strings.Contains(text, banned) {
				t.Errorf("%s holds %s", file, banned)
			}
		}
	}
	for _, path := range []string{"/../console.go", "/%2e%2e/console.go", "/web", "//"} {
		if status, text, _ := r.do("GET", path, ""); status == 200 && !strings.HasPrefix(text, "<!doctype") {
			t.Errorf("%s: %d %.80s", path, status, text)
		}
	}
}

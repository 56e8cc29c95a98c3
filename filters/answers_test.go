package filters_test

import (
	"strings"
	"testing"

	"framegate/engine"
)

func TestStatusesAndRedirectsAreAnswered(t *testing.T) {
	g := start(t, "onUpgrade: status", `
      - {path: /default, onUpgrade: default}
      - {path: /redirect, onUpgrade: redirect}
      - {path: /path, onUpgrade: path}
      - {path: /query, onUpgrade: query}
policies:
  status: {filters: [{type: set-message, body: never seen}, {type: http-status, status: 404}]}
  default: {filters: [{type: HTTPStatusFilter}]}
  redirect: {filters: [{type: http-redirect, status: 308, location: 'https://app.example.test${http.request.uri}'}]}
  path: {filters: [{type: http-redirect, location: '${params.query.to}'}]}
  query: {filters: [{type: HTTPRedirectFilter, status: 301, location: '/login/${params.query.who}?next=${http.request.uri}'}]}
`)
	if answer, body := g.refuses(404, "/chat"); body != "" || answer.Header.Get("Content-Type") != "" {
		t.Errorf("%q %s", answer.Header, body)
	}
	g.refuses(200, "/default")
	for _, test := range []struct {
		target, want string
		status       int
	}{
		{"/redirect/a%2Cb?c=d", "https://app.example.test/redirect/a%2Cb?c=d", 308},
		{"/path?to=/a/b", "/a/b", 302},
		{"/path?to=//evil.test/", "", 400},
		{"/path?to=/%5Cevil.test/", "/%5Cevil.test/", 302},
		{"/path?to=https://evil.test/", "/https://evil.test/", 302}, // a path of our own
		{"/path?to=/a/../../b", "", 400},
		{"/path?to=/a%0d%0aX:1", "/a%0D%0AX:1", 302},
		{"/query?who=a/b%3Fc", "/login/a%2Fb%3Fc?next=%2Fquery%3Fwho%3Da%2Fb%253Fc", 301},
		{"/query?who=..", "", 400},
	} {
		answer, _ := g.refuses(test.status, test.target)
		if got := answer.Header.Get("Location"); got != test.want {
			t.Errorf("%s leads to %q, want %q", test.target, got, test.want)
		}
	}
	g.refuses(500, "/path")
}

// After a fault handler a run stays failed, unless set-response-status settles it.
func TestTheRecordedStatusIsFlipped(t *testing.T) {
	g := start(t, "onUpgrade: connect\nonClientFrame: client", `
      - {path: /second, onUpgrade: second}
      - {path: /broken, onUpgrade: broken}
      - {path: /closed, onUpgrade: closed}
      - {path: /early, onUpgrade: early}
policies:
  connect: {filters: [{type: connect-to-url, url: ws://HOST/}]}
  client:
    fault: mend
    filters:
      - {type: message-size, atMost: 5, failure: aborts, success: check}
      - {name: aborts, type: abort, reason: too long}
      - {name: check, type: compare-attribute, rules: [{value: '${content.body}', op: is-not, with: fail}], success: pass}
      - {name: mend, type: set-message, body: 'mended: ${circuit.failure.reason}'}
      - {type: set-response-status, status: pass}
  second:
    fault: other
    filters:
      - {type: false-filter}
      - {type: http-status, status: 418}
      - {name: other, type: connect-to-url, url: ws://HOST/second, success: flip}
      - {name: flip, type: SetResponseStatusFilter, status: pass}
  broken:
    fault: flip
    filters:
      - {type: abort}
      - {name: flip, type: set-response-status, status: pass, success: again}
      - {name: again, type: abort}
  closed:
    filters:
      - {type: set-response-status, status: fail}
      - {type: connect-to-url, url: ws://HOST/}
  early:
    filters:
      - {type: set-response-status, status: pass}
      - {type: false-filter}
      - {type: connect-to-url, url: ws://HOST/}
`)
	c := g.open("/chat")
	says(t, c, "short", "short")
	says(t, c, "fail", `mended: filter "check" failed: ${content.body}: not is-not "fail"`)
	says(t, c, "too long", `mended: filter "aborts" of policy "client" aborted: too long`)
	<-g.reached
	says(t, g.open("/second"), "first", "first")
	if head := <-g.reached; !strings.HasPrefix(head, "/second\n") {
		t.Errorf("reached %s", head)
	}
	for _, r := range recorded(g) {
		if r.Kind == engine.UpgradeRecord && r.Path == "/second" && r.Outcome != "connected" {
			t.Errorf("recorded as %s", r.Outcome)
		}
	}
	g.refuses(500, "/broken")
	g.refuses(403, "/closed")
	<-g.reached // it had connected, and was closed
	g.refuses(403, "/early")
	eventually(t, "the two that are open are sessions, and no other", func() bool { return g.Sessions().Len() == 2 })
}

func TestErrorPagesAreEscaped(t *testing.T) {
	page := func(path, kind, body string) string {
		return "  " + path + ":\n    fault: refuse\n    filters:\n      - {type: throttling, key: all, allow: 1, every: 1h, success: fail}\n" +
			"      - {name: refuse, type: generic-error" + kind + body + "}\n"
	}
	body := `, body: '<p>${params.query.x} ${http.response.status}</p>'`
	g := start(t, "onUpgrade: html", `
      - {path: /xml, onUpgrade: xml}
      - {path: /json, onUpgrade: json}
      - {path: /text, onUpgrade: text}
      - {path: /own, onUpgrade: own}
policies:
`+page("html", "", body)+page("xml", ", contentType: application/problem+xml", body)+
		page("json", ", contentType: application/json", `, body: '{"x":"${params.query.x}"}'`)+page("text", ", contentType: text/plain", body)+page("own", ", status: 503", ""))
	const query = "?x=%3Cb%20a%3D%22%22%3E%26'%0A"
	for path, want := range map[string]string{
		"/chat": "<p>&lt;b a=&#34;&#34;&gt;&amp;&#39;\n 403</p>",
		"/xml":  "<p>&lt;b a=&#34;&#34;&gt;&amp;&#39;&#xA; 403</p>",
		"/json": `{"x":"\u003cb a=\"\"\u003e\u0026'\n"}`,
		"/text": "<p><b a=\"\">&'\n 403</p>",
	} {
		if _, body := g.refuses(403, path+query); body != want {
			t.Errorf("%s: %s\nwant %s", path, body, want)
		}
	}
	if answer, _ := g.refuses(429, "/chat"+query); answer.Header.Get("Retry-After") == "" || answer.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("the filter's own status: %q", answer.Header)
	}
	answer, text := g.refuses(503, "/own")
	if !strings.Contains(text, "<title>503 service unavailable</title>") || !strings.Contains(text, recorded(g)[len(recorded(g))-1].Session) {
		t.Errorf("%q %s", answer.Header, text)
	}
	answer, _ = g.refuses(429, "/chat") // no x: the handler aborts, and the built-in answer is given
	if answer.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%q", answer.Header)
	}
}

func TestAnErrorShowsAttributesWithoutSecrets(t *testing.T) {
	g := start(t, "onUpgrade: admit", `
policies:
  admit:
    fault: refuse
    filters:
      - {type: set-attribute, attribute: chat.room, value: 'blue "1"'}
      - {name: secret, type: set-attribute, attribute: chat.password, value: hunter2}
      - {type: false-filter}
      - {type: connect-to-url, url: ws://HOST/}
      - {name: refuse, type: json-error, showAttributes: true}
`)
	if _, body := g.refuses(403, "/chat"); !strings.Contains(body, `"chat.room":"blue \"1\""`) || strings.Contains(body, "hunter2") {
		t.Error(body)
	}
}

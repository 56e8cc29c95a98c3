package filters_test

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/fasthttp/websocket"
)

// declared is the definition of a remote host at an address.
func declared(name, address string) string {
	host, port, _ := net.SplitHostPort(address)
	return fmt.Sprintf("  %s: {host: %s, port: %s, correlationHeader: ''}\n", name, host, port)
}

func refusal(status, headers string) string {
	return "HTTP/1.1 " + status + "\r\nContent-Length: 0\r\n" + headers + "\r\n"
}

func TestConnectRetriesOnTheStatusesThatItIsToldTo(t *testing.T) {
	busy, gone := newWSHost(t, refusal("429 Too Many Requests", "")), newWSHost(t, refusal("503 Service Unavailable", ""))
	g := start(t, "onUpgrade: told", `
      - {path: /default, onUpgrade: default}
      - {path: /never, onUpgrade: never}
policies:
  told: {filters: [{type: connect-to-url, url: ws://busy/, retries: 2, retryOn: [429, 500-599], retryDelay: 1ms}]}
  default: {filters: [{type: connect-to-url, url: ws://busy/, retries: 2}]}
  never: {filters: [{type: connect-to-url, url: ws://gone/, retries: 0}]}
remoteHosts:
`+declared("busy", busy.address)+strings.Replace(declared("gone", gone.address), "{", "{retries: 3, ", 1))
	for _, test := range []struct {
		path   string
		status int
		host   *wsHost
		asked  int
	}{{"/chat", 429, busy, 3}, {"/default", 429, busy, 1}, {"/never", 503, gone, 1}} {
		g.refuses(test.status, test.path)
		if asked := len(test.host.heads); asked != test.asked {
			t.Errorf("%s: the host was asked %d times, want %d", test.path, asked, test.asked)
		}
		for range len(test.host.heads) {
			<-test.host.heads
		}
	}
}

func TestConnectSendsTheHostHeaderThatItIsToldTo(t *testing.T) {
	host := newWSHost(t, "")
	g := start(t, "onUpgrade: own", `
      - {path: /client, onUpgrade: client}
      - {path: /fixed, onUpgrade: fixed}
      - {path: /query, onUpgrade: query}
policies:
  own: {filters: [{type: connect-to-url, url: ws://back/}]}
  client: {filters: [{type: connect-to-url, url: ws://back/, hostHeader: '${http.request.host}'}]}
  fixed: {filters: [{type: static-router, host: back}, {type: connection, hostHeader: 'tenant.test:81'}]}
  query: {filters: [{type: connect-to-url, url: ws://back/, hostHeader: '${params.query.h}'}]}
remoteHosts:
`+declared("back", host.address))
	for path, want := range map[string]string{
		"/chat": host.address, "/client": "front.test", "/fixed": "tenant.test:81", "/query?h=%5B::1%5D:8": "[::1]:8",
	} {
		if head := sentTo(t, g, host, path, "Host", "front.test"); strings.Count(head, "\r\nHost: ") != 1 || !strings.Contains(head, "\r\nHost: "+want+"\r\n") {
			t.Errorf("%s sent %s", path, head)
		}
	}
	g.refuses(400, "/query?h=a%0d%0aX-Evil:1")
	g.refuses(400, "/query?h=")
	g.refuses(500, "/query")
}

func TestConnectOffersOtherSubprotocols(t *testing.T) {
	host := newWSHost(t, firstSubprotocol)
	g := start(t, "onUpgrade: other", `
      - {path: /list, onUpgrade: list}
policies:
  other: {filters: [{type: connect-to-url, url: ws://back/, subprotocols: [inner.v2]}]}
  list: {filters: [{type: connect-to-url, url: ws://back/, subprotocols: ['${params.query.p}']}]}
remoteHosts:
`+declared("back", host.address))
	dial := func(target string, offers ...string) (offered, told string) {
		t.Helper()
		dialer := websocket.Dialer{Subprotocols: offers}
		c, answer, err := dialer.Dial("ws://"+g.address+target, nil)
		if err != nil {
			t.Fatal(err, answer)
		}
		defer c.Close()
		head := <-host.heads
		_, rest, _ := strings.Cut(head, "Sec-WebSocket-Protocol: ")
		offered, _, _ = strings.Cut(rest, "\r\n")
		return offered, answer.Header.Get("Sec-WebSocket-Protocol")
	}
	if offered, told := dial("/chat", "chat.v1"); offered != "inner.v2" || told != "" {
		t.Errorf("offered %q, told %q", offered, told)
	}
	if offered, told := dial("/list?p=%20chat.v2,chat.v1", "chat.v1", "chat.v2"); offered != "chat.v2, chat.v1" || told != "chat.v2" {
		t.Errorf("offered %q, told %q", offered, told)
	}
	if offered, told := dial("/list?p=", "chat.v1"); offered != "" || told != "" {
		t.Errorf("offered %q, told %q", offered, told)
	}
	g.refuses(400, "/list?p=a%20b")
	g.refuses(500, "/list")
}

func TestConnectFollowsRedirectsToConfiguredHostsOnly(t *testing.T) {
	end := newWSHost(t, "")
	self := newWSHost(t, refusal("302 Found", "Location: again?x=1\r\n"))
	g := start(t, "onUpgrade: follow", `
      - {path: /stay, onUpgrade: stay}
      - {path: /evil, onUpgrade: evil}
      - {path: /self, onUpgrade: self}
      - {path: /bare, onUpgrade: bare}
policies:
  follow: {filters: [{type: connect-to-url, url: ws://first/a/b, followRedirects: 1}]}
  stay: {filters: [{type: connect-to-url, url: ws://first/a/b}]}
  evil: {filters: [{type: connect-to-url, url: ws://evil/a/b, followRedirects: 5}]}
  self: {filters: [{type: connect-to-url, url: ws://self/a/b, followRedirects: 3}]}
  bare: {filters: [{type: connect-to-url, url: ws://bare/, followRedirects: 1}]}
remoteHosts:
`+declared("end", end.address)+
		declared("first", newWSHost(t, refusal("307 Temporary Redirect", "Location: http://"+end.address+"/c?d\r\n")).address)+
		declared("evil", newWSHost(t, refusal("301 Moved Permanently", "Location: ws://127.0.0.1:1/\r\n")).address)+
		declared("bare", newWSHost(t, refusal("308 Permanent Redirect", "")).address)+
		declared("self", self.address))
	head := sentTo(t, g, end, "/chat", "Authorization", "Bearer secret", "Cookie", "a=b", "X-Kept", "1")
	if !strings.HasPrefix(head, "GET /c?d HTTP/1.1\r\n") || strings.Contains(head, "secret") || strings.Contains(head, "a=b") || !strings.Contains(head, "X-Kept: 1\r\n") {
		t.Errorf("after the redirect: %s", head)
	}
	if answer, _ := g.refuses(307, "/stay"); answer.Header.Get("Location") != "http://"+end.address+"/c?d" {
		t.Errorf("the client was told %q", answer.Header)
	}
	g.refuses(502, "/evil")
	g.refuses(502, "/bare")
	g.refuses(302, "/self", "Authorization", "Bearer own")
	for _, want := range []string{"GET /a/b ", "GET /a/again?x=1 ", "GET /a/again?x=1 ", "GET /a/again?x=1 "} {
		if head := <-self.heads; !strings.HasPrefix(head, want) || !strings.Contains(head, "Bearer own") {
			t.Errorf("sent %s, want %s and the credentials", head, want)
		}
	}
	if len(self.heads)+len(end.heads) > 0 {
		t.Error("a request too many")
	}
}

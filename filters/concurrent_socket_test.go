package filters_test

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
)

// opensSoon opens a session as soon as a place is free: a place is given back
// when the session has ended, which is a moment after its client knows.
func (g *gateway) opensSoon(target string) *websocket.Conn {
	g.t.Helper()
	for late := time.Now().Add(10 * time.Second); ; {
		c, answer, body := g.upgrade(target)
		switch {
		case c != nil:
			return c
		case time.Now().After(late):
			g.t.Fatalf("after 10 seconds still %s: %s", answer.Status, body)
		}
	}
}

const onlyOne = `
policies:
  admit:
    filters:
      - {type: concurrent, key: '${params.query.as ?: "all"}', atMost: 1, counter: places}
      - {type: compare-attribute, rules: [{value: '${params.query.then ?: "connect"}', op: is-not, with: fail}]}
      - type: switch
        value: '${params.query.then ?: "connect"}'
        cases:
          - {with: abort, policy: break}
          - {with: answer, policy: answer}
          - {with: nowhere, policy: nowhere}
        default: pass
      - {name: answered, type: compare-attribute, rules: [{value: '${http.response.status ?: "0"}', with: '0'}], failure: pass}
      - {type: connect-to-url, url: ws://HOST/}
  break: {filters: [{type: abort}]}
  answer: {filters: [{type: set-message, body: hello}, {type: reflect}]}
  nowhere: {filters: [{type: connect-to-url, url: 'ws://127.0.0.1:1/'}]}
  frames:
    filters:
      - {type: compare-attribute, rules: [{value: '${content.body}', with: 'policy, close'}], success: leave, failure: pass}
      - {name: leave, type: close-websocket}
`

// However a session ends, its place is free again.
func TestAPlaceIsGivenBackHoweverTheSessionEnds(t *testing.T) {
	g := start(t, "onUpgrade: admit\nonClientFrame: frames", onlyOne)
	for how, end := range map[string]func(c *websocket.Conn){
		"the client closes": func(c *websocket.Conn) {
			c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1000, ""), time.Now().Add(time.Second))
		},
		"the client vanishes": func(c *websocket.Conn) { c.NetConn().Close() },
		"the client is reset": func(c *websocket.Conn) {
			c.NetConn().(*net.TCPConn).SetLinger(0)
			c.NetConn().Close()
		},
		"the client breaks the protocol": func(c *websocket.Conn) { c.NetConn().Write([]byte{0xFF, 0xFF, 0xFF, 0xFF}) },
		"the host closes":                func(c *websocket.Conn) { write(t, c, "host, close") },
		"the host vanishes":              func(c *websocket.Conn) { write(t, c, "host, vanish") },
		"a policy closes":                func(c *websocket.Conn) { write(t, c, "policy, close") },
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			here := "/chat?as=" + url.QueryEscape(how)
			c := g.open(here)
			if answer, _ := g.refuses(429, here); answer.Header.Get("Retry-After") != "10" {
				t.Errorf("Retry-After is %q", answer.Header.Get("Retry-After"))
			}
			end(c)
			for { // the client answers the Close, and knows of the end
				if _, _, err := c.ReadMessage(); err != nil {
					break
				}
			}
			c.Close()
			g.opensSoon(here)
		})
	}
}

func TestAPlaceIsGivenBackWhenTheUpgradeComesToNothing(t *testing.T) {
	g := start(t, "onUpgrade: admit", onlyOne)
	for target, status := range map[string]int{"/chat?then=fail": 403, "/chat?then=abort": 500, "/chat?then=answer": 200, "/chat?then=nowhere": 502} {
		for range 3 { // a refusal has given its place back before it is sent
			g.refuses(status, target)
		}
	}
	g.open("/chat")
	g.refuses(429, "/chat?then=fail")
}

func TestHowManyAreOpenPerKey(t *testing.T) {
	g := start(t, "onUpgrade: admit", `
policies:
  admit:
    filters:
      - {type: set-attribute, attribute: authentication.subject.id, value: '${params.query.who}'}
      - {name: in-all, type: concurrent, key: everybody, atMost: 5}
      - {name: per-subject, type: concurrent, key: '${authentication.subject.id}', atMost: 2}
      - {type: connect-to-url, url: ws://HOST/}
`)
	for _, who := range []string{"ann", "ann", "bob", "bob"} {
		g.open("/chat?who=" + who)
	}
	g.refuses(429, "/chat?who=ann")
	g.refuses(429, "/chat?who=bob") // refused, and so not one of all
	last := g.open("/chat?who=eve")
	if answer, _ := g.refuses(503, "/chat?who=kim"); answer.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	says(t, last, "still here", "still here")
	last.NetConn().Close()
	g.opensSoon("/chat?who=kim")
}

func TestPlacesAreKeptOverAReload(t *testing.T) {
	g := start(t, "onUpgrade: admit", onlyOne)
	c := g.open("/chat")
	for _, atMost := range []string{"2", "1"} {
		g.write("onUpgrade: admit", strings.Replace(onlyOne, "atMost: 1", "atMost: "+atMost, 1))
		if problems, err := g.Reload(context.Background()); err != nil {
			t.Fatal(err, problems)
		}
		if atMost == "2" {
			second := g.open("/chat")
			g.refuses(429, "/chat")
			defer second.Close()
			continue
		}
		g.refuses(429, "/chat") // two are open, and one may be
	}
	says(t, c, "x", "x")
}

func TestNeverOneTooManyIsOpen(t *testing.T) {
	g := start(t, "onUpgrade: admit", strings.Replace(onlyOne, "atMost: 1", "atMost: 7", 1))
	var opened atomic.Int64
	var wg sync.WaitGroup
	conns := make(chan *websocket.Conn, 40)
	for range 40 {
		wg.Go(func() {
			dialer := websocket.Dialer{HandshakeTimeout: 10 * time.Second}
			c, answer, err := dialer.Dial("ws://"+g.address+"/chat", nil)
			switch {
			case err == nil:
				opened.Add(1)
				conns <- c
			case answer == nil || answer.StatusCode != 429:
				t.Error(fmt.Sprint(answer), err)
			}
		})
	}
	wg.Wait()
	close(conns)
	for c := range conns {
		c.Close()
	}
	if opened.Load() != 7 {
		t.Errorf("%d are open, want 7", opened.Load())
	}
}

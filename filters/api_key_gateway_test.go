package filters_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
)

// hands are those of a clock that tests turn.
type hands struct {
	mu sync.Mutex
	at time.Time
}

func newHands() *hands { return &hands{at: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)} }

func (h *hands) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.at
}

func (h *hands) turn(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = h.at.Add(d)
}

// ended waits for the close of a session.
func ended(t *testing.T, c *websocket.Conn) *websocket.CloseError {
	t.Helper()
	_, p, err := c.ReadMessage()
	closed, ok := err.(*websocket.CloseError)
	if !ok {
		t.Fatalf("got %q, %v; want a close", p, err)
	}
	return closed
}

const byKey = `
policies:
  admit:
    filters:
      - {type: api-key, header: X-API-Key, scheme: ApiKey, subprotocol: api-key, cookie: key, query: key, store: clients}
      - {type: add-http-header, header: X-Client, value: '${authentication.subject.id}'}
      - {type: connect-to-url, url: 'ws://HOST${http.request.uri}'}
`

func TestAKeyComesFromWhereTheClientCanPutIt(t *testing.T) {
	g := start(t, "onUpgrade: admit", byKey+`
stores:
  clients: {records: {web: {key: '`+hash("sha256", "k-1")+`'}}}
`)
	for _, headers := range [][]string{
		{"X-Api-Key", "k-1"}, {"Authorization", "ApiKey k-1"}, {"Sec-WebSocket-Protocol", "api-key, k-1, chat"},
		{"Sec-WebSocket-Protocol", "api-key.k-1"}, {"Cookie", "key=k-1"}, {},
	} {
		target := "/chat?a=1"
		if len(headers) == 0 {
			target += "&key=k-1"
		}
		says(t, g.open(target, headers...), "hello", "hello")
		head := <-g.reached
		if !strings.HasPrefix(head, "/chat?a=1\n") || !strings.Contains(head, "X-Client: web\r\n") || strings.Contains(head, "k-1") {
			t.Errorf("%q: the host got %s", headers, head)
		}
	}
	answer, _ := g.refuses(401, "/chat", "X-Api-Key", "k-2")
	if got := answer.Header.Get("Www-Authenticate"); got != `ApiKey realm="framegate"` {
		t.Errorf("the challenge is %s", got)
	}
	for _, r := range recorded(g) {
		for _, h := range r.Headers {
			if strings.Contains(h.Value, "k-1") {
				t.Errorf("the record of the upgrade shows %s: %s", h.Name, h.Value)
			}
		}
		for _, step := range r.Trail {
			for _, change := range step.Changes {
				if strings.Contains(change.Before.String()+change.After.String(), "k-1") {
					t.Errorf("the trail shows the key: %+v", change)
				}
			}
		}
	}
}

func TestAKeyAmongTheSubprotocolsIsNeverEchoed(t *testing.T) {
	g := start(t, "onUpgrade: admit\nsubprotocols: [chat.v1, api-key, k-1]", byKey+`
stores:
  clients: {records: {web: {key: '`+hash("sha256", "k-1")+`'}}}
`)
	for offer, want := range map[string]string{
		"api-key, k-1":          "api-key",
		"api-key, k-1, chat.v1": "api-key", // the host of this test chooses none
		"api-key.k-1":           "",
		"api-key.k-1, chat.v1":  "",
	} {
		c, answer, body := g.upgrade("/chat", "Sec-WebSocket-Protocol", offer)
		if c == nil {
			t.Fatalf("%s: refused: %s", offer, body)
		}
		if got := answer.Header.Values("Sec-Websocket-Protocol"); strings.Join(got, ",") != want {
			t.Errorf("%s was answered with %q, want %q", offer, got, want)
		}
		says(t, c, "hello", "hello")
		if head := <-g.reached; strings.Contains(head, "k-1") || strings.Contains(head, "api-key") || strings.Contains(head, "chat.v1") != strings.Contains(offer, "chat.v1") {
			t.Errorf("%s: the host got %s", offer, head)
		}
	}
}

func TestAKeyThatExpiresEndsItsSessions(t *testing.T) {
	c := newHands()
	g := startAt(t, c.now, "onUpgrade: admit", byKey+`
stores:
  clients:
    records:
      short: {key: '`+hash("sha256", "k-1")+`', expires: 2026-01-02T04:00:00Z}
      long: {key: '`+hash("sha256", "k-2")+`', expires: 2026-02-01}
`)
	short, long := g.open("/chat", "X-Api-Key", "k-1"), g.open("/chat", "X-Api-Key", "k-2")
	says(t, short, "hello", "hello")
	c.turn(55 * time.Minute)
	g.Sweep()
	says(t, short, "still here", "still here")
	c.turn(time.Minute)
	g.Sweep()
	if closed := ended(t, short); closed.Code != 3000 || !strings.Contains(closed.Text, "expired") {
		t.Errorf("the session ended with %v", closed)
	}
	says(t, long, "hello", "hello")
	g.refuses(401, "/chat", "X-Api-Key", "k-1")
}

func TestAKeyIsGoodOnlyWhereItsRecordSays(t *testing.T) {
	g := start(t, "onUpgrade: admit\norigins: ['*']", byKey+`
stores:
  clients:
    records:
      elsewhere: {key: '`+hash("sha256", "k-1")+`', from: [192.0.2.0/24]}
      here: {key: '`+hash("sha256", "k-2")+`', from: 127.0.0.0/8, origins: ['https://*.a.test']}
      off: {key: '`+hash("sha256", "k-3")+`', enabled: false}
`)
	g.refuses(403, "/chat", "X-Api-Key", "k-1")
	g.refuses(403, "/chat", "X-Api-Key", "k-2")
	g.refuses(403, "/chat", "X-Api-Key", "k-2", "Origin", "https://a.test.evil.test")
	g.refuses(401, "/chat", "X-Api-Key", "k-3")
	says(t, g.open("/chat", "X-Api-Key", "k-2", "Origin", "https://b.a.test"), "hello", "hello")
}

const bySignature = `
policies:
  admit:
    filters:
      - {type: api-key, header: X-Key, store: clients, signature: {nonce: X-Nonce, remember: 3}, failure: page}
      - {name: connect, type: connect-to-url, url: 'ws://HOST${http.request.uri}'}
      - {name: page, type: api-key, query: key, store: clients, signature: {in: query, name: sig, timestamp: ts}, success: connect}
stores:
  clients: {records: {web: {secret: a long and random text}, app: {secret: another long random text}}}
`

// mac signs a text with the secret of the client web.
func mac(parts ...string) []byte {
	sum := hmac.New(sha256.New, []byte("a long and random text"))
	sum.Write([]byte(strings.Join(parts, "\n")))
	return sum.Sum(nil)
}

func TestSignedRequests(t *testing.T) {
	c := newHands()
	g := startAt(t, c.now, "onUpgrade: admit", bySignature)
	at := func(d time.Duration) string { return strconv.FormatInt(c.now().Add(d).Unix(), 10) }
	signed := func(target, name, stamp, nonce string, mac []byte) (int, http.Header) {
		c, answer, _ := g.upgrade(target, "X-Key", name, "X-Timestamp", stamp, "X-Nonce", nonce, "X-Signature", hex.EncodeToString(mac))
		if c != nil {
			says(t, c, "hello", "hello")
			if head := <-g.reached; strings.Contains(head, "X-Signature") || strings.Contains(head, "X-Key") || !strings.HasPrefix(head, target) {
				t.Errorf("the host got %s", head)
			}
		}
		return answer.StatusCode, answer.Header
	}
	for _, test := range []struct {
		what, target, name, stamp, nonce string
		mac                              []byte
		status                           int
	}{
		{"right", "/chat?a=1", "web", at(0), "n1", mac("GET", "/chat?a=1", at(0), "n1"), 101},
		{"the same again", "/chat?a=1", "web", at(0), "n1", mac("GET", "/chat?a=1", at(0), "n1"), 401},
		{"the nonce again", "/chat?a=2", "web", at(1), "n1", mac("GET", "/chat?a=2", at(1), "n1"), 401},
		{"a minute ago", "/chat", "web", at(-time.Minute), "n2", mac("GET", "/chat", at(-time.Minute), "n2"), 101},
		{"more than a minute ago", "/chat", "web", at(-61 * time.Second), "n3", mac("GET", "/chat", at(-61*time.Second), "n3"), 401},
		{"in more than a minute", "/chat", "web", at(61 * time.Second), "n3", mac("GET", "/chat", at(61*time.Second), "n3"), 401},
		{"another target", "/chat?a=2", "web", at(0), "n3", mac("GET", "/chat?a=1", at(0), "n3"), 401},
		{"another method", "/chat", "web", at(0), "n3", mac("POST", "/chat", at(0), "n3"), 401},
		{"another nonce", "/chat", "web", at(0), "n4", mac("GET", "/chat", at(0), "n3"), 401},
		{"no nonce", "/chat", "web", at(0), "", mac("GET", "/chat", at(0), ""), 401},
		{"a long nonce", "/chat", "web", at(0), strings.Repeat("n", 129), mac("GET", "/chat", at(0), strings.Repeat("n", 129)), 401},
		{"another time", "/chat", "web", at(time.Second), "n3", mac("GET", "/chat", at(0), "n3"), 401},
		{"no time", "/chat", "web", "now", "n3", mac("GET", "/chat", "now", "n3"), 401},
		{"another's name", "/chat", "app", at(0), "n3", mac("GET", "/chat", at(0), "n3"), 401},
		{"an unknown name", "/chat", "eve", at(0), "n3", mac("GET", "/chat", at(0), "n3"), 401},
		{"no signature", "/chat", "web", at(0), "n3", nil, 401},
		{"milliseconds", "/chat", "web", at(0) + "000", "n3", mac("GET", "/chat", at(0)+"000", "n3"), 101},
	} {
		if status, _ := signed(test.target, test.name, test.stamp, test.nonce, test.mac); status != test.status {
			t.Errorf("%s: %d, want %d", test.what, status, test.status)
		}
	}
}

func TestSignedRequestsInABrowser(t *testing.T) {
	c := newHands()
	g := startAt(t, c.now, "onUpgrade: admit", bySignature)
	stamp := c.now().Format(time.RFC3339)
	target := "/chat?key=web&room=1&ts=" + strings.ReplaceAll(stamp, ":", "%3A")
	target += "&sig=" + base64.RawURLEncoding.EncodeToString(mac("GET", target, stamp, ""))
	says(t, g.open(target), "hello", "hello")
	if head := <-g.reached; !strings.HasPrefix(head, "/chat?room=1&ts=") || strings.Contains(head, "sig=") || strings.Contains(head, "key=") {
		t.Errorf("the host got %s", head)
	}
	g.refuses(401, target)
	g.refuses(401, strings.Replace(target, "room=1", "room=2", 1))
}

func TestSignedRequestsAreRememberedOverAReloadAndBounded(t *testing.T) {
	c := newHands()
	const text = `
policies:
  admit:
    filters:
      - {type: api-key, header: X-Key, store: clients, signature: {nonce: X-Nonce, remember: 3}}
      - {type: connect-to-url, url: 'ws://HOST/'}
stores:
  clients: {records: {web: {secret: a long and random text}}}
`
	g := startAt(t, c.now, "onUpgrade: admit", text)
	sign := func(nonce string) []string {
		stamp := c.now().Format(time.RFC3339)
		return []string{"X-Key", "web", "X-Timestamp", stamp, "X-Nonce", nonce, "X-Signature", base64.StdEncoding.EncodeToString(mac("GET", "/chat", stamp, nonce))}
	}
	first := sign("n1")
	g.open("/chat", first...)
	g.write("onUpgrade: admit", text+"  more: {records: {a: {b: c}}}\n")
	if problems, err := g.Reload(context.Background()); err != nil {
		t.Fatal(problems, err)
	}
	g.refuses(401, "/chat", first...)
	g.open("/chat", sign("n2")...)
	g.open("/chat", sign("n3")...)
	answer, _ := g.refuses(429, "/chat", sign("n4")...)
	if got := answer.Header.Get("Retry-After"); got != "120" {
		t.Errorf("Retry-After is %q", got)
	}
	c.turn(2 * time.Minute)
	g.open("/chat", sign("n4")...)
}

package filters_test

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	hashes "hash"
	"regexp"
	"strings"
	"testing"
	"time"

	"framegate/filters"
)

func digestHash(algorithm, text string) string {
	h := map[string]func() hashes.Hash{"MD5": md5.New, "SHA-256": sha256.New, "SHA-512-256": sha512.New512_256}[algorithm]()
	h.Write([]byte(text))
	return hex.EncodeToString(h.Sum(nil))
}

// digestClient answers challenges as RFC 7616 says, on its own.
type digestClient struct{ name, password, algorithm, nonce string }

func (c *digestClient) header(uri string, count int) string {
	ha1 := digestHash(c.algorithm, c.name+":chat:"+c.password)
	ha2 := digestHash(c.algorithm, "GET:"+uri)
	nc := fmt.Sprintf("%08x", count)
	response := digestHash(c.algorithm, strings.Join([]string{ha1, c.nonce, nc, "0a4f113b", "auth", ha2}, ":"))
	return fmt.Sprintf(`Digest username="%s", realm="chat", nonce="%s", uri="%s", algorithm=%s, qop=auth, nc=%s, cnonce="0a4f113b", response="%s", opaque="framegate"`,
		c.name, c.nonce, uri, c.algorithm, nc, response)
}

var nonceIn = regexp.MustCompile(`nonce="([^"]*)"`)

func digestOf(algorithm, name, password string) string {
	text, err := filters.HashDigest(algorithm, name, "chat", password)
	if err != nil {
		panic(err)
	}
	return text
}

func digestGateway(t *testing.T, c *hands, settings string) (*gateway, string) {
	text := `
policies:
  admit:
    filters:
      - {type: http-digest, store: users, realm: chat` + settings + `}
      - {type: add-http-header, header: X-User, value: '${authentication.subject.id} by ${authentication.method}'}
      - {type: connect-to-url, url: 'ws://HOST${http.request.uri}'}
stores:
  users:
    records:
      ann: {digest: ['` + digestOf("SHA-256", "ann", "right") + `', '` + digestOf("MD5", "ann", "right") + `', '` + digestOf("SHA-512-256", "ann", "right") + `'], subject: u-1}
      bob: {digest: '` + digestOf("SHA-256", "bob", "bob's") + `'}
`
	return startAt(t, c.now, "onUpgrade: admit", text), text
}

func TestHTTPDigest(t *testing.T) {
	c := newHands()
	g, text := digestGateway(t, c, ", algorithms: [SHA-256, SHA-512-256, MD5], userHash: true")
	answer, _ := g.refuses(401, "/chat?a=1")
	challenges := answer.Header.Values("Www-Authenticate")
	if len(challenges) != 3 {
		t.Fatalf("the challenges are %q", challenges)
	}
	ann := &digestClient{name: "ann", password: "right"}
	for i, algorithm := range []string{"SHA-256", "SHA-512-256", "MD5"} {
		challenge := challenges[i]
		nonce := nonceIn.FindStringSubmatch(challenge)[1]
		if want := `Digest realm="chat", qop="auth", algorithm=` + algorithm + `, nonce="` + nonce + `", opaque="framegate", charset=UTF-8, userhash=true`; challenge != want {
			t.Errorf("the challenge is %s, want %s", challenge, want)
		}
		ann.nonce, ann.algorithm = nonce, algorithm
		says(t, g.open("/chat?a=1", "Authorization", ann.header("/chat?a=1", i+1)), "hello", "hello")
		if head := <-g.reached; !strings.Contains(head, "X-User: u-1 by digest\r\n") || strings.Contains(head, "Authorization") {
			t.Errorf("the host got %s", head)
		}
	}
	hashed := *ann
	hashed.name = digestHash("MD5", "ann:chat")
	withHash := strings.Replace(ann.header("/chat", 9), `username="ann"`, `username="`+hashed.name+`", userhash=true`, 1)
	g.open("/chat", "Authorization", withHash)

	ann.algorithm = "SHA-256"
	for what, header := range map[string]string{
		"a count again":    ann.header("/chat?a=1", 1),
		"another target":   ann.header("/chat?a=2", 20),
		"another realm":    strings.Replace(ann.header("/chat?a=1", 21), `realm="chat"`, `realm="x"`, 1),
		"a wrong password": (&digestClient{"ann", "wrong", "SHA-256", ann.nonce}).header("/chat?a=1", 22),
		"an unknown user":  (&digestClient{"eve", "right", "SHA-256", ann.nonce}).header("/chat?a=1", 23),
		"no such hash":     (&digestClient{"bob", "bob's", "MD5", ann.nonce}).header("/chat?a=1", 24),
		"another scheme":   "Basic YTpi",
		"half":             "Digest username=ann",
	} {
		answer, _ := g.refuses(401, "/chat?a=1", "Authorization", header)
		if strings.Contains(answer.Header.Get("Www-Authenticate"), "stale") {
			t.Errorf("%s is said to be stale", what)
		}
	}
	g.refuses(401, "/chat?a=1", "Authorization", ann.header("/chat?a=1", 25), "Authorization", ann.header("/chat?a=1", 26))

	g.write("onUpgrade: admit", text+"  more: {records: {a: {b: c}}}\n")
	if problems, err := g.Reload(context.Background()); err != nil {
		t.Fatal(problems, err)
	}
	g.refuses(401, "/chat", "Authorization", ann.header("/chat", 3))
	g.open("/chat", "Authorization", ann.header("/chat", 30))

	c.turn(5 * time.Minute)
	answer, _ = g.refuses(401, "/chat", "Authorization", ann.header("/chat", 31))
	if got := answer.Header.Get("Www-Authenticate"); !strings.Contains(got, ", stale=true") {
		t.Errorf("an old nonce is answered with %s", got)
	}
	ann.nonce = nonceIn.FindStringSubmatch(answer.Header.Get("Www-Authenticate"))[1]
	g.open("/chat", "Authorization", ann.header("/chat", 1))
}

func TestHTTPDigestOffersNoMD5UnlessAsked(t *testing.T) {
	c := newHands()
	g, _ := digestGateway(t, c, ", nonceTime: 10s, nonces: 16, remove: false")
	answer, _ := g.refuses(401, "/chat")
	challenges := answer.Header.Values("Www-Authenticate")
	if len(challenges) != 1 || !strings.Contains(challenges[0], "algorithm=SHA-256") || strings.Contains(challenges[0], "userhash") {
		t.Fatalf("the challenges are %q", challenges)
	}
	ann := &digestClient{"ann", "right", "MD5", nonceIn.FindStringSubmatch(challenges[0])[1]}
	g.refuses(401, "/chat", "Authorization", ann.header("/chat", 1))
	g.refuses(401, "/chat", "Authorization", strings.Replace(ann.header("/chat", 1), "algorithm=MD5, ", "", 1))
	ann.algorithm = "SHA-256"
	g.open("/chat", "Authorization", ann.header("/chat", 1))
	if head := <-g.reached; !strings.Contains(head, "Authorization: Digest") {
		t.Errorf("the host got %s", head)
	}
	c.turn(10 * time.Second)
	if answer, _ := g.refuses(401, "/chat", "Authorization", ann.header("/chat", 2)); !strings.Contains(answer.Header.Get("Www-Authenticate"), "stale=true") {
		t.Error("a nonce of ten seconds ago is not stale")
	}
}

// A stale nonce must not be a way to try passwords past the lock-out, nor tell of a locked user's.
func TestHTTPDigestLocksOut(t *testing.T) {
	c := newHands()
	g, _ := digestGateway(t, c, ", lockout: {client: {failures: 5}, user: {failures: 2}}")
	wrong := &digestClient{"ann", "wrong", "SHA-256", "made-up"}
	for i := range 2 {
		g.refuses(401, "/chat", "Authorization", wrong.header("/chat", i+1))
	}
	right := &digestClient{"ann", "right", "SHA-256", "made-up"}
	if answer, _ := g.refuses(401, "/chat", "Authorization", right.header("/chat", 1)); strings.Contains(answer.Header.Get("Www-Authenticate"), "stale") {
		t.Error("the password of a locked user is told to be right")
	}
	bob := &digestClient{"bob", "bob's", "SHA-256", "made-up"}
	if answer, _ := g.refuses(401, "/chat", "Authorization", bob.header("/chat", 1)); !strings.Contains(answer.Header.Get("Www-Authenticate"), "stale=true") {
		t.Error("a right password with another's nonce is not stale")
	}
	for i := range 2 {
		wrong.name = "eve"
		g.refuses(401, "/chat", "Authorization", wrong.header("/chat", i+1))
	}
	answer, _ := g.refuses(429, "/chat", "Authorization", bob.header("/chat", 1))
	if answer.Header.Get("Retry-After") != "60" {
		t.Errorf("Retry-After is %q", answer.Header.Get("Retry-After"))
	}
}

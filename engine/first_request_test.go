package engine

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

const upgradeHead = "GET %s HTTP/1.1\r\nHost: gateway.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

func headFor(path string, more ...string) string {
	return strings.Replace(upgradeHead, "%s", path, 1) + strings.Join(more, "") + "\r\n"
}

// talk is a client that writes its bytes itself.
func (r *running) talk() (net.Conn, *bufio.Reader) {
	r.t.Helper()
	c, err := net.Dial("tcp", r.address)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(15 * time.Second))
	return c, bufio.NewReader(c)
}

func answerStatus(t *testing.T, in *bufio.Reader) int {
	t.Helper()
	a, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if a.StatusCode != 101 {
		io.Copy(io.Discard, a.Body)
	}
	return a.StatusCode
}

// Whatever comes first on a connection, and however it is cut, an upgrade is answered the same.
func TestFirstRequest(t *testing.T) {
	host := newEchoHost(t)
	r := start(t, snapshotOf(&Websocket{Path: "/chat", Upgrade: policyOf("admit", dial{host.address})}))
	ping := "\x89\x80\x00\x00\x00\x00"
	for name, c := range map[string]struct {
		pieces []string // each in a segment of its own, once the one before is answered where it is whole
		want   []int
		open   bool // a session in the end, which answers the ping
	}{
		"an upgrade":                       {[]string{headFor("/chat") + ping}, []int{101}, true},
		"an upgrade in pieces":             {[]string{headFor("/chat")[:30], headFor("/chat")[30:] + ping}, []int{101}, true},
		"refused, then another":            {[]string{headFor("/nowhere"), headFor("/chat") + ping}, []int{404, 101}, true},
		"refused, and another behind it":   {[]string{headFor("/nowhere") + headFor("/chat") + ping}, []int{404, 101}, true},
		"plain HTTP, then an upgrade":      {[]string{"GET /chat HTTP/1.1\r\nHost: gateway.test\r\n\r\n", headFor("/chat") + ping}, []int{400, 101}, true},
		"a wrong version, then a right":    {[]string{strings.Replace(headFor("/chat"), "13", "12", 1), headFor("/chat") + ping}, []int{426, 101}, true},
		"with a body":                      {[]string{headFor("/chat", "Content-Length: 6\r\n") + ping}, []int{400}, false},
		"with a chunked body":              {[]string{headFor("/chat", "Transfer-Encoding: chunked\r\n") + "0\r\n\r\n"}, []int{400}, false},
		"with two hosts":                   {[]string{headFor("/chat", "Host: other.test\r\n")}, []int{400}, false},
		"with a folded header":             {[]string{headFor("/chat", "X-A: 1\r\n 2\r\n")}, []int{400}, false},
		"with a space before the colon":    {[]string{headFor("/chat", "X-A : 1\r\n")}, []int{400}, false},
		"with a target that is no path":    {[]string{headFor("/chat/../chat")}, []int{400}, false},
		"with a target that is too long":   {[]string{headFor("/chat/" + strings.Repeat("x", 9<<10))}, []int{414}, false},
		"with headers that are too long":   {[]string{headFor("/chat", "X-A: "+strings.Repeat("x", 17<<10)+"\r\n")}, []int{431}, false},
		"in an old version of HTTP":        {[]string{strings.Replace(headFor("/chat"), "HTTP/1.1", "HTTP/1.0", 1)}, []int{400}, false},
		"that wants the connection closed": {[]string{strings.Replace(headFor("/nowhere"), "Connection: Upgrade", "Connection: Upgrade, close", 1)}, []int{404}, false},
	} {
		t.Run(name, func(t *testing.T) {
			client, in := r.talk()
			got := 0
			for i, piece := range c.pieces {
				if _, err := io.WriteString(client, piece); err != nil {
					t.Fatal(err)
				}
				for strings.HasSuffix(piece, "\r\n\r\n") && i+1 < len(c.pieces) && got <= i {
					if status := answerStatus(t, in); status != c.want[got] {
						t.Fatalf("answer %d is %d, want %d", got+1, status, c.want[got])
					}
					got++
				}
			}
			for ; got < len(c.want); got++ {
				if status := answerStatus(t, in); status != c.want[got] {
					t.Fatalf("answer %d is %d, want %d", got+1, status, c.want[got])
				}
			}
			if !c.open {
				return
			}
			pong := make([]byte, 2)
			if _, err := io.ReadFull(in, pong); err != nil || string(pong) != "\x8a\x00" {
				t.Errorf("%q, %v; want a pong", pong, err)
			}
		})
	}
}

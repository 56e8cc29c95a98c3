package engine

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"framegate/engine/wire"
)

// wsHost is a remote host in the test: whoever expects a path gets the
// connections that are upgraded at it.
type wsHost struct {
	ln      net.Listener
	address string
	answer  func(q *http.Request, accept string) string // the 101, and what comes with it

	mu      sync.Mutex
	waiting map[string]chan *wsPeer
}

func newWSHost(t testing.TB) *wsHost {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serveWSHost(t, ln)
}

func serveWSHost(t testing.TB, ln net.Listener) *wsHost {
	h := &wsHost{ln: ln, address: ln.Addr().String(), waiting: make(map[string]chan *wsPeer), answer: plain101}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			h.accept(t, conn)
		}
	}()
	t.Cleanup(func() {
		ln.Close()
		<-done
	})
	return h
}

func plain101(_ *http.Request, accept string) string {
	return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept + "\r\n\r\n"
}

// accept upgrades a connection. The gateway sends its request in one go, so
// this does not hold up the next one.
func (h *wsHost) accept(t testing.TB, conn net.Conn) {
	r := bufio.NewReader(conn)
	q, err := http.ReadRequest(r)
	if err != nil {
		t.Errorf("host: %v", err)
		conn.Close()
		return
	}
	h.mu.Lock()
	waiting := h.waiting[q.URL.Path]
	h.mu.Unlock()
	if waiting == nil {
		t.Errorf("host: nobody expects %s", q.URL.Path)
		conn.Close()
		return
	}
	io.WriteString(conn, h.answer(q, wire.AcceptKey(q.Header.Get("Sec-WebSocket-Key"))))
	waiting <- &wsPeer{Conn: conn, r: r}
}

// expect registers for connections at a path.
func (h *wsHost) expect(path string) chan *wsPeer {
	h.mu.Lock()
	defer h.mu.Unlock()
	ch := make(chan *wsPeer, 1)
	h.waiting[path] = ch
	return ch
}

// upgradeRequest is what a test client sends.
func upgradeRequest(path string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: gateway.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
}

// connect opens a WebSocket to the gateway; begun follows the request in the
// same write.
func connect(t testing.TB, address, path, begun string) *wsPeer {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return upgrade(t, conn, path, begun)
}

// upgrade is connect over a connection that is open.
func upgrade(t testing.TB, conn net.Conn, path, begun string) *wsPeer {
	t.Helper()
	t.Cleanup(func() { conn.Close() })
	if _, err := io.WriteString(conn, upgradeRequest(path)+begun); err != nil {
		t.Fatal(err)
	}
	p := &wsPeer{Conn: conn, r: bufio.NewReader(conn), client: true}
	conn.SetReadDeadline(time.Now().Add(30 * time.Second))
	answer, err := http.ReadResponse(p.r, nil)
	if err != nil || answer.StatusCode != 101 {
		t.Fatalf("upgrade: %v %v", answer, err)
	}
	return p
}

// pair opens a session through the gateway and returns both of its ends.
func pair(t testing.TB, address string, h *wsHost, path string) (client, host *wsPeer) {
	t.Helper()
	arrived := h.expect(path)
	client = connect(t, address, path, "")
	host = <-arrived
	t.Cleanup(func() { host.Close() })
	host.SetReadDeadline(time.Now().Add(30 * time.Second))
	return client, host
}

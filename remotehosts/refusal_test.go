package remotehosts_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"framegate/remotehosts"
)

// answering is a host that answers every upgrade with a text, in which ACCEPT
// stands for the right Sec-WebSocket-Accept, and then closes or waits.
func answering(t *testing.T, text string, wait bool) *backend {
	answer := func(c net.Conn, head string) {
		right, _, _ := strings.Cut(strings.SplitAfter(switching(head), "Sec-WebSocket-Accept: ")[1], "\r\n")
		io.WriteString(c, strings.ReplaceAll(text, "ACCEPT", right))
	}
	if wait {
		return serveWaiting(t, answer)
	}
	return serve(t, nil, answer)
}

// The host's own answer comes whole, whatever its length and framing, and no
// interim answer is taken for it.
func TestRefusalIsPassedWhole(t *testing.T) {
	body := strings.Repeat("no entry. ", 500)
	if len(body) != 5000 {
		t.Fatal(len(body))
	}
	chunks := fmt.Sprintf("%x\r\n%s\r\n%x;name=value\r\n%s\r\n0\r\nTrailer: 1\r\n\r\n", 3000, body[:3000], 2000, body[3000:])
	for _, test := range []struct {
		name, answer  string
		wait          bool // the host leaves the connection open
		status        int
		headers, body string
	}{
		{"401 with a content length", "HTTP/1.1 401 Unauthorized\r\nwww-AUTHENTICATE: Basic realm=\"a\"\r\nContent-Length: 5000\r\nX-A: 1\r\nX-A: 2\r\n\r\n" + body, true,
			401, "www-AUTHENTICATE: Basic realm=\"a\"\r\nX-A: 1\r\nX-A: 2\r\n", body},
		{"chunked", "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: Chunked\r\nTrailer: Trailer\r\n\r\n" + chunks, true, 403, "", body},
		{"until close", "HTTP/1.1 500 Oops\r\n\r\n" + body, false, 500, "", body},
		{"HTTP/1.0", "HTTP/1.0 503 Service Unavailable\r\nRetry-After: 5\r\n\r\n" + body, false, 503, "Retry-After: 5\r\n", body},
		{"no body", "HTTP/1.1 204 No Content\r\n\r\n", true, 204, "", ""},
		{"empty body", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", true, 404, "", ""},
		{"no reason phrase", "HTTP/1.1 418\r\nContent-Length: 3\r\n\r\ntea", true, 418, "", "tea"},
		{"two equal lengths", "HTTP/1.1 400 Bad\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nno", true, 400, "", "no"},
		{"after 100 and 103", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone", true, 404, "", "gone"},
		{"redirect", "HTTP/1.1 302 Found\r\nLocation: http://other.test/\r\nContent-Length: 0\r\n\r\n", true, 302, "Location: http://other.test/\r\n", ""},
		{"200 that looks like a tunnel", "HTTP/1.1 200 OK\r\nUpgrade: websocket\r\nConnection: Upgrade, X-Hop\r\nX-Hop: 1\r\nSec-WebSocket-Accept: ACCEPT\r\nContent-Length: 2\r\n\r\nok\x81\x01x", true, 200, "", "ok"},
		{"426 names what it wants", "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 8\r\nContent-Length: 0\r\n\r\n", true,
			426, "Sec-WebSocket-Version: 8\r\nUpgrade: websocket\r\n", ""},
		{"hop-by-hop headers", "HTTP/1.1 407 Proxy Authentication Required\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nProxy-Authenticate: Basic\r\nServer: a\r\nContent-Length: 0\r\n\r\n", true, 407, "Server: a\r\n", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := answering(t, test.answer, test.wait)
			host := declare(t, b.address, nil)
			_, err := host.Upgrade(t.Context(), call())
			var refused *remotehosts.Refused
			if !errors.As(err, &refused) {
				t.Fatalf("error is %v, want a refusal", err)
			}
			a := refused.Answer
			headers := strings.ReplaceAll(string(a.Headers.AppendTo(nil)), "Sec-WebSocket-Accept", "")
			if test.status == 200 {
				_, headers, _ = strings.Cut(headers, "\r\n")
			}
			if a.Status != test.status || headers != test.headers || string(a.Body) != test.body || !a.FromHost {
				t.Errorf("answer is %d\n%s\n%d bytes %.40q", a.Status, headers, len(a.Body), a.Body)
			}
			if refused.Host != "chat" || refused.Address != b.address {
				t.Errorf("refused by %s (%s)", refused.Host, refused.Address)
			}
			if test.wait {
				<-b.closed
			}
			if open, _ := host.Connections(); open != 0 {
				t.Errorf("%d connections are still counted", open)
			}
		})
	}
}

// Answers that cannot be used: 502, and nothing is left open.
func TestUnusableAnswers(t *testing.T) {
	accepted := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\n"
	for _, test := range []struct{ name, answer, what string }{
		{"wrong accept", strings.ReplaceAll(accepted, "ACCEPT", "HSmrc0sMlYUkAGmm5OPpG2HaGWk=") + "\r\n", "Sec-WebSocket-Accept"},
		{"no accept", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", "Sec-WebSocket-Accept"},
		{"two accepts", accepted + "Sec-WebSocket-Accept: ACCEPT\r\n\r\n", "Sec-WebSocket-Accept"},
		{"no upgrade", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\n\r\n", "Upgrade"},
		{"upgrade to h2c", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\n\r\n", "h2c"},
		{"no connection", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ACCEPT\r\n\r\n", "Connection"},
		{"subprotocol not offered", accepted + "Sec-WebSocket-Protocol: chat.v9\r\n\r\n", "chat.v9"},
		{"two subprotocols", accepted + "Sec-WebSocket-Protocol: chat.v1, chat.v2\r\n\r\n", "more than one"},
		{"extension not offered", accepted + "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", "permessage-deflate"},
		{"101 in HTTP/1.0", strings.Replace(accepted, "1.1", "1.0", 1) + "\r\n", "HTTP/1.0"},
		{"another protocol", "SSH-2.0-OpenSSH_9\r\n", "does not speak HTTP"},
		{"a wire frame", "\x81\x02hi", "does not speak HTTP"},
		{"HTTP/2", "HTTP/2 200\r\n\r\n", "does not speak HTTP"},
		{"a status of two digits", "HTTP/1.1 20 OK\r\n\r\n", "status line"},
		{"a status that there is not", "HTTP/1.1 999 What\r\n\r\n", "status line"},
		{"a sign before the status", "HTTP/1.1 +20 OK\r\n\r\n", "status line"},
		{"a bare LF", "HTTP/1.1 200 OK\nX: 1\n\n", "CRLF"},
		{"a folded header", "HTTP/1.1 200 OK\r\nX: 1\r\n 2\r\n\r\n", "folded"},
		{"a space before the colon", "HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n", "not a token"},
		{"a NUL in a header", "HTTP/1.1 200 OK\r\nX: \x00\r\n\r\n", "control character"},
		{"endless headers", "HTTP/1.1 200 OK\r\n" + strings.Repeat("X-Filler: "+strings.Repeat("x", 1000)+"\r\n", 70), "64 KiB"},
		{"one endless line", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 70_000), "64 KiB"},
		{"endless interims", strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 40), "interim"},
		{"length and chunks", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "Transfer-Encoding"},
		{"unknown coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "Transfer-Encoding"},
		{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "Content-Length"},
		{"length with a sign", "HTTP/1.1 200 OK\r\nContent-Length: +3\r\n\r\nabc", "Content-Length"},
		{"length beyond all bounds", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", "Content-Length"},
		{"a body of more than 10 MiB", "HTTP/1.1 500 Oops\r\nContent-Length: 10485761\r\n\r\n", "10 MiB"},
		{"a bad chunk length", "HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "body"},
		{"a huge chunk", "HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\nffffff0\r\n", "10 MiB"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := answering(t, test.answer, true)
			c := call()
			c.Offer.Subprotocols = []string{"chat.v1", "chat.v2"}
			expectError(t, declare(t, b.address, nil), c, 502, test.what)
			<-b.closed
		})
	}
}

// expectError wants an upgrade to be refused with a status, and no connection counted.
func expectError(t *testing.T, h *remotehosts.Host, c *remotehosts.Call, status int, what string) {
	t.Helper()
	s, err := h.Upgrade(t.Context(), c)
	if err == nil {
		s.Conn.Close()
	}
	var failed *remotehosts.Error
	if !errors.As(err, &failed) {
		t.Fatalf("error is %v, want an *Error", err)
	}
	if failed.Status != status || !strings.Contains(failed.What, what) || failed.Host == "" || failed.Address == "" {
		t.Errorf("%d %v; want %d and %q", failed.Status, failed, status, what)
	}
	if open, waiting := h.Connections(); open != 0 || waiting != 0 {
		t.Errorf("%d connections are still counted, %d wait", open, waiting)
	}
}

func TestHostThatGoesAway(t *testing.T) {
	for _, test := range []struct{ name, answer, what string }{
		{"before its answer", "", "closed the connection during the answer"},
		{"inside its headers", "HTTP/1.1 101 Switch", "closed the connection during the answer"},
		{"inside its body", "HTTP/1.1 500 Oops\r\nContent-Length: 10\r\n\r\nabc", "closed the connection during the answer"},
		{"inside a chunk", "HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc", "closed the connection during the answer"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := answering(t, test.answer, false)
			expectError(t, declare(t, b.address, nil), call(), 502, test.what)
		})
	}
	t.Run("with a reset", func(t *testing.T) {
		b := serve(t, nil, func(c net.Conn, _ string) { c.(*net.TCPConn).SetLinger(0) })
		expectError(t, declare(t, b.address, nil), call(), 502, "connection reset during the answer")
	})
}

func TestHostThatIsSlow(t *testing.T) {
	const active = 50 * time.Millisecond
	drip := func(c net.Conn, text string) {
		for i := range len(text) {
			if _, err := io.WriteString(c, text[i:i+1]); err != nil {
				return
			}
			time.Sleep(active / 4)
		}
	}
	for _, test := range []struct{ name, at, slow string }{
		{"silent", "", ""},
		{"silent after an interim answer", "HTTP/1.1 103 Early Hints\r\n\r\n", ""},
		{"byte by byte", "", "HTTP/1.1 101 Switching Protocols\r\n\r\n"},
		{"in its body", "HTTP/1.1 401 Unauthorized\r\nContent-Length: 1000\r\n\r\n", strings.Repeat("x", 100)},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := serveWaiting(t, func(c net.Conn, _ string) {
				io.WriteString(c, test.at)
				drip(c, test.slow)
			})
			host := declare(t, b.address, func(d *remotehosts.Definition) { d.ActiveTimeout = active })
			expectError(t, host, call(), 504, "the answer took longer than 50ms")
			<-b.closed
			c := call()
			c.ActiveTimeout = active + time.Millisecond
			expectError(t, host, c, 504, "the answer took longer than 51ms")
		})
	}
}

// However an upgrade ends, no descriptor stays.
func TestNothingLeaks(t *testing.T) {
	answers := []string{"", "nonsense", "HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\nno", "HTTP/1.1 500 Oops\r\nContent-Length: 99999999\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\n\r\n", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\n\r\n"}
	// Without this the collector might close a forgotten descriptor in time.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	untrusted := newAuthority(t).server(t, "127.0.0.1", time.Now().Add(time.Hour))
	secured := declare(t, serve(t, untrusted, accept).address, nil)
	var hosts []*remotehosts.Host
	for _, answer := range answers {
		hosts = append(hosts, declare(t, answering(t, answer, false).address, nil))
	}
	all := func() {
		for _, h := range hosts {
			if s, err := h.Upgrade(t.Context(), call()); err == nil {
				s.Conn.Close()
				s.Release()
				s.Release()
			}
			if open, _ := h.Connections(); open != 0 {
				t.Errorf("%d connections are still counted", open)
			}
		}
		c := call()
		c.TLS = true
		expectError(t, secured, c, 502, "certificate")
	}
	all()
	before := descriptors(t)
	for range 20 {
		all()
	}
	until(t, "all descriptors closed", func() bool { return descriptors(t) <= before })
}

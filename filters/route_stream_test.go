package filters_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Bodies go both ways as they come; events reach the client at once.
func TestBodiesStream(t *testing.T) {
	web := newWebsite(t, func(w http.ResponseWriter, q *http.Request) {
		http.NewResponseController(w).EnableFullDuplex()
		w.Header().Set("Content-Type", "text/event-stream")
		w.WriteHeader(200)
		w.(http.Flusher).Flush()
		b := make([]byte, 100)
		for {
			n, err := q.Body.Read(b)
			fmt.Fprintf(w, "data: %s\n\n", b[:n])
			w.(http.Flusher).Flush()
			if err != nil {
				return
			}
		}
	})
	l := gatewayOf(t, web, forward).dial()
	l.send("POST / HTTP/1.1\r\nHost: gate.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
	r, err := http.ReadResponse(l.r, nil)
	if err != nil || r.StatusCode != 200 || r.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatal(r, err)
	}
	event := func(want string) {
		t.Helper()
		b := make([]byte, len(want))
		if _, err := io.ReadFull(r.Body, b); err != nil || string(b) != want {
			t.Fatalf("%q %v, want %q", b, err, want)
		}
	}
	event("data: one\n\n")
	l.send("3\r\ntwo\r\n")
	event("data: two\n\n")
	l.send("0\r\nX-Trailer: dropped\r\n\r\n")
	event("data: \n\n")
	if rest, err := io.ReadAll(r.Body); len(rest) > 0 || err != nil {
		t.Errorf("%q %v", rest, err)
	}
}

// 64 MiB each way need no more memory than what is on its way.
func TestLargeBodiesNeedLittleMemory(t *testing.T) {
	const size = 64 << 20
	var peak uint64
	measure := func() {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		peak = max(peak, m.HeapAlloc)
	}
	web := newWebsite(t, func(w http.ResponseWriter, q *http.Request) {
		n, err := io.Copy(io.Discard, q.Body)
		if err != nil || n != size {
			t.Errorf("%d bytes came: %v", n, err)
		}
		measure()
		w.Header().Set("Content-Length", fmt.Sprint(size))
		block := make([]byte, 64<<10)
		for range size / len(block) {
			w.Write(block)
		}
	})
	g := gatewayOf(t, web, forward)
	runtime.GC()
	measure()
	before := peak
	q, _ := http.NewRequestWithContext(t.Context(), "PUT", "http://"+g.address+"/", io.LimitReader(zeros{}, size))
	q.ContentLength = size
	q.Close = true
	r, err := http.DefaultTransport.RoundTrip(q)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if n, err := io.Copy(io.Discard, r.Body); err != nil || n != size {
		t.Fatalf("%d bytes of the answer: %v", n, err)
	}
	measure()
	if peak-before > 24<<20 {
		t.Errorf("%d MiB more in use", (peak-before)>>20)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// Requests in turn use one connection to the gateway and one to the host; those
// sent together are answered in order.
func TestConnectionsAreUsedAgain(t *testing.T) {
	web := newWebsite(t, func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		fmt.Fprintf(w, "%s %s", q.URL, body)
	})
	g := gatewayOf(t, web, forward)
	l := g.dial()
	for i := range 5 {
		l.send(fmt.Sprintf("POST /%d HTTP/1.1\r\nHost: gate.test\r\nContent-Length: 4\r\n\r\nbody", i))
		if body := l.status(200); body != fmt.Sprintf("/%d body", i) {
			t.Error(body)
		}
	}
	l.send("POST /a HTTP/1.1\r\nHost: gate.test\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\nGET /b HTTP/1.1\r\nHost: gate.test\r\n\r\nGET /c HTTP/1.0\r\nHost: gate.test\r\n\r\n")
	for _, want := range []string{"/a x", "/b ", "/c "} {
		if body := l.status(200); body != want {
			t.Errorf("%q, want %q", body, want)
		}
	}
	l.ends()
	if n := web.conns.Load(); n != 1 {
		t.Errorf("%d connections to the host", n)
	}
}

// An upgrade may follow a request on the same connection, with bytes of frames
// right behind it.
func TestAnUpgradeAfterARequest(t *testing.T) {
	g := gatewayOf(t, nil, `
ports:
  public:
    LISTEN
    websockets: [{path: /, onUpgrade: connect}]
    routes: [{path: /, onRequest: hello}]
policies:
  connect: {filters: [{type: connect-to-url, url: ws://HOST/}]}
  hello: {filters: [{type: set-message, status: 200, body: hello}]}
`)
	l := g.dial()
	l.send("GET / HTTP/1.1\r\nHost: gate.test\r\n\r\nGET / HTTP/1.1\r\nHost: gate.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\x81\x82\x00\x00\x00\x00hi")
	l.status(200)
	if r, err := http.ReadResponse(l.r, nil); err != nil || r.StatusCode != 101 {
		t.Fatal(r, err)
	}
	echo := make([]byte, 4)
	if _, err := io.ReadFull(l.r, echo); err != nil || string(echo) != "\x81\x02hi" {
		t.Errorf("%q %v", echo, err)
	}
}

// What could be read in two ways is refused, and the connection ends: nothing
// behind it is taken for a request.
func TestSmuggling(t *testing.T) {
	web := newWebsite(t, func(w http.ResponseWriter, q *http.Request) { io.Copy(w, q.Body) })
	g := gatewayOf(t, web, forward+"")
	const smuggled = "GET /smuggled HTTP/1.1\r\nHost: gate.test\r\n\r\n"
	for name, text := range map[string]string{
		"CL and TE":            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled,
		"TE and CL":            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 50\r\n\r\n0\r\n\r\n" + smuggled,
		"two CL":               "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 50\r\n\r\n" + smuggled,
		"the same CL twice":    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab" + smuggled,
		"a list of CL":         "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2, 2\r\n\r\nab" + smuggled,
		"CL with a sign":       "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +2\r\n\r\nab" + smuggled,
		"negative CL":          "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -2\r\n\r\nab" + smuggled,
		"hexadecimal CL":       "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x2\r\n\r\nab" + smuggled,
		"two TE":               "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled,
		"TE identity":          "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n" + smuggled,
		"TE gzip, chunked":     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + smuggled,
		"TE xchunked":          "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + smuggled,
		"TE in HTTP/1.0":       "POST / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled,
		"folded line":          "POST / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled,
		"space before colon":   "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + smuggled,
		"bare LF":              "POST / HTTP/1.1\r\nHost: a\nContent-Length: 50\r\n\r\n" + smuggled,
		"two hosts":            "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" + smuggled,
		"no host":              "GET / HTTP/1.1\r\n\r\n" + smuggled,
		"unknown expectation":  "POST / HTTP/1.1\r\nHost: a\r\nExpect: a miracle\r\nContent-Length: 2\r\n\r\nab" + smuggled,
		"another path's body":  "POST /chat HTTP/1.1\r\nHost: other.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 45\r\n\r\n" + smuggled,
		"an upgrade with body": "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nContent-Length: 45\r\n\r\n" + smuggled,
	} {
		l := g.dial().send(text)
		if r, body, err := l.answer("POST"); r.StatusCode < 400 || r.StatusCode > 417 || err != nil {
			t.Errorf("%s: %d %s %v", name, r.StatusCode, body, err)
		}
		l.ends()
	}
	if len(web.seen) != 0 {
		t.Errorf("%s reached the host", (<-web.seen).URL)
	}
	for name, text := range map[string]string{
		"no size":           "zz\r\nabc\r\n0\r\n\r\n",
		"size in 0x":        "0x3\r\nabc\r\n0\r\n\r\n",
		"longer than said":  "3\r\nabcd\r\n0\r\n\r\n",
		"LF for CRLF":       "3\nabc\n0\n\n",
		"a huge size":       "fffffffffffffffff\r\nabc\r\n0\r\n\r\n",
		"folded trailer":    "0\r\nX-A: 1\r\n X-B: 2\r\n\r\n",
		"malformed trailer": "0\r\nnonsense\r\n\r\n",
	} {
		l := g.dial().send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + text + smuggled)
		if b, _ := io.ReadAll(l.r); strings.Count(string(b), "HTTP/1.1 ") > 1 || strings.HasPrefix(string(b), "HTTP/1.1 200") {
			t.Errorf("chunk with %s: %q", name, b)
		}
	}
	for len(web.seen) > 0 {
		if q := <-web.seen; q.URL.Path == "/smuggled" {
			t.Error("a request was smuggled in behind a bad chunk")
		}
	}
}

// A body that nobody reads is read away, or ends the connection.
func TestBodiesThatNobodyWants(t *testing.T) {
	g := gatewayOf(t, nil, `
ports:
  public:
    LISTEN
    routes: [{path: /, onRequest: hello}]
policies:
  hello: {filters: [{type: set-message, status: 200, body: hello}]}
`)
	l := g.dial().send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12345GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	l.status(200)
	l.status(200)
	l.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nGET / HTTP/1.1\r\n")
	l.status(200)
	l.ends()
	l = g.dial().send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
	l.status(200) // and no 100: nobody wants the body
	l.ends()
}

// 204 and 304 have no length and no body (RFC 9110 §8.6).
func TestAnswersWithoutBody(t *testing.T) {
	web := newWebsite(t, func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/304" {
			w.WriteHeader(304)
			return
		}
		w.WriteHeader(204)
	})
	l := gatewayOf(t, web, forward).dial()
	for _, path := range []string{"/204", "/304", "/204"} {
		l.send("GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n")
		r, body, err := l.answer("GET")
		if err != nil || "/"+r.Status[:3] != path || body != "" || r.Header.Get("Content-Length") != "" || len(r.TransferEncoding) > 0 {
			t.Errorf("%s: %s %v %q %v", path, r.Status, r.Header, body, err)
		}
	}
}

// The client is told to send its body when the host wants it, and only then.
func TestExpectContinue(t *testing.T) {
	web := newWebsite(t, func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/refuse" {
			w.WriteHeader(403)
			return
		}
		io.Copy(w, q.Body)
	})
	g := gatewayOf(t, web, forward)
	l := g.dial().send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
	if got, _ := l.r.ReadString('\n'); got != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("%q", got)
	}
	l.r.ReadString('\n')
	if body := l.send("12345").status(200); body != "12345" {
		t.Error(body)
	}
	l = g.dial().send("POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nexpect: 100-Continue\r\n\r\n")
	l.status(403)
	l.ends()
}

// Early hints of the host go on before its answer.
func TestInterimAnswers(t *testing.T) {
	web := newWebsite(t, func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(103)
		w.WriteHeader(200)
	})
	g := gatewayOf(t, web, forward)
	l := g.dial().send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if r, _, _ := l.answer("GET"); r.StatusCode != 103 || r.Header.Get("Link") == "" {
		t.Errorf("%d %v", r.StatusCode, r.Header)
	}
	l.status(200)
}

// What goes wrong with the host before its answer is a status; after it, the
// client sees that the body is not whole.
func TestHostsThatBreak(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	behave := make(chan func(net.Conn), 1)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				buf := make([]byte, 4096)
				c.Read(buf)
				(<-behave)(c)
			}()
		}
	}()
	t.Cleanup(func() { l.Close() })
	g := gatewayOf(t, nil, strings.Replace(strings.ReplaceAll(forward, "WEB", "web"), "ports:", fmt.Sprintf(`
remoteHosts:
  web: {host: 127.0.0.1, port: %d, activeTimeout: 200ms, ejection: {first: 0s}, breaker: {failures: 0}}
ports:`, l.Addr().(*net.TCPAddr).Port), 1))
	reset := func(c net.Conn) { c.(*net.TCPConn).SetLinger(0) }
	for i, c := range []struct {
		name   string
		do     func(net.Conn)
		status int // 0: the body breaks off
		reason string
	}{
		{"reset", reset, 502, "connection reset"},
		{"closed", func(net.Conn) {}, 502, "closed the connection during the answer"},
		{"stalled", func(c net.Conn) { io.Copy(io.Discard, c) }, 504, "took longer than 200ms"},
		{"garbage", func(c net.Conn) { io.WriteString(c, "\x16\x03\x01 what?\r\n\r\n") }, 502, "malformed"},
		{"a huge head", func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nX-A: "+strings.Repeat("x", 128<<10)+"\r\n\r\n")
		}, 502, ""},
		{"an upgrade nobody asked for", func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
		}, 502, "101"},
		{"two lengths", func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab")
		}, 502, "Content-Length"},
		{"a short body", func(c net.Conn) { io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nbegun") }, 0, "broke off after 5 bytes"},
		{"a chunk that ends too soon", func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\n5\r\n")
		}, 0, "broke off after 5 bytes"},
		{"garbage for a chunk", func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\nzz\r\n")
		}, 0, "broke off after 5 bytes"},
		{"a body that stalls", func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nbegun")
			io.Copy(io.Discard, c)
		}, 0, "nothing came for 200ms"},
	} {
		behave <- c.do
		conn := g.dial().send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
		r, body, err := conn.answer("POST")
		if c.status != 0 && (r.StatusCode != c.status || err != nil) || c.status == 0 && err == nil {
			t.Errorf("%s: %d %s %v", c.name, r.StatusCode, body, err)
		}
		records := g.requests(i + 1)
		if last := records[i]; !strings.Contains(last.Reason, c.reason) || c.status == 0 && last.Outcome != "cut" {
			t.Errorf("%s: the record says %s: %s", c.name, last.Outcome, last.Reason)
		}
	}
	// Without a length the end of the connection is that of the body, unless it is a reset.
	behave <- func(c net.Conn) { io.WriteString(c, "HTTP/1.0 200 OK\r\n\r\nwhole") }
	if body := g.dial().send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").status(200); body != "whole" {
		t.Error(body)
	}
}

// A client that goes away takes its request along; one that stalls is given up.
func TestClientsThatBreak(t *testing.T) {
	gone, began := make(chan error, 1), make(chan struct{}, 1)
	web := newWebsite(t, func(w http.ResponseWriter, q *http.Request) {
		began <- struct{}{}
		if _, err := io.ReadAll(q.Body); err != nil { // a net/http server looks for the end of a connection after that only
			gone <- err
			return
		}
		if q.URL.Path == "/stream" {
			io.WriteString(w, "begun")
			w.(http.Flusher).Flush()
		}
		<-q.Context().Done()
		gone <- q.Context().Err()
	})
	g := gatewayOf(t, web, strings.Replace(forward, "onRequest: forward", "onRequest: forward, activeTimeout: 300ms", 1))
	arrives := func(what string) {
		t.Helper()
		select {
		case err := <-gone:
			if err == nil {
				t.Errorf("%s: the host noticed nothing", what)
			}
		case <-time.After(patience):
			t.Fatalf("%s: the host's request goes on", what)
		}
	}
	for what, text := range map[string]string{
		"waiting for the head":  "GET /head HTTP/1.1\r\nHost: a\r\n\r\n",
		"waiting for more":      "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n",
		"in the body":           "POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nbegun",
		"after a body":          "POST /head HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nbegun",
		"with another sent too": "GET /head HTTP/1.1\r\nHost: a\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n",
	} {
		l := g.dial().send(text)
		<-began
		l.Close()
		arrives(what)
	}
	l := g.dial().send("POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nbegun")
	<-began
	r, _, err := l.answer("POST")
	if r.StatusCode != 408 || err != nil {
		t.Errorf("a body that stalls: %d %v", r.StatusCode, err)
	}
	l.ends()
	arrives("a body that stalls")
	until(t, "the host's connections close", func() bool { return web.open.Load() == 0 })
}

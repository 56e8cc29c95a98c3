package remotehosts_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"framegate/engine"
	"framegate/engine/wire"
	"framegate/remotehosts"
)

// website is a real net/http server that counts the connections it gets.
type website struct {
	*httptest.Server
	conns atomic.Int64 // since ever
	open  atomic.Int64
}

func newWebsite(t *testing.T, handler http.HandlerFunc) *website {
	t.Helper()
	w := &website{Server: httptest.NewUnstartedServer(handler)}
	w.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			w.conns.Add(1)
			w.open.Add(1)
		case http.StateClosed:
			w.open.Add(-1)
		}
	}
	w.Start()
	t.Cleanup(w.Close)
	return w
}

func (w *website) address() string { return w.Listener.Addr().String() }

// hostsOf makes a set with one remote host named web; its connections end with the test.
func hostsOf(t *testing.T, address string, change func(*remotehosts.Definition)) *remotehosts.Set {
	t.Helper()
	def := definition("web", address)
	if change != nil {
		change(&def)
	}
	set, problems := remotehosts.NewSet([]remotehosts.Definition{def}, os.DirFS(t.TempDir()), nil)
	if len(problems) > 0 {
		t.Fatal(problems[0])
	}
	if err := set.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { set.Close() })
	return set
}

func hello(w http.ResponseWriter, q *http.Request) {
	body, _ := io.ReadAll(q.Body)
	fmt.Fprintf(w, "%s %s %s %s", q.Method, q.Host, q.URL, body)
}

func fetch(t *testing.T, c *http.Client, q *http.Request) (int, string) {
	t.Helper()
	r, err := c.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(body)
}

func get(t *testing.T, url string) *http.Request {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// A URL leads to a remote host by its name, to one by its address, and to
// whatever stands in it; connections are used again.
func TestTransportFindsHosts(t *testing.T) {
	web, other := newWebsite(t, hello), newWebsite(t, hello)
	c := &http.Client{Transport: hostsOf(t, web.address(), nil).Transport()}
	for range 3 {
		for _, url := range []string{"http://web/keys?a=1", "http://" + web.address() + "/keys?a=1"} {
			if status, body := fetch(t, c, get(t, url)); status != 200 || body != "GET "+web.address()+" /keys?a=1 " {
				t.Errorf("%s: %d %q", url, status, body)
			}
		}
		if _, body := fetch(t, c, get(t, "http://"+other.address()+"/x")); body != "GET "+other.address()+" /x " {
			t.Errorf("as it stands: %q", body)
		}
	}
	if web.conns.Load() != 1 || other.conns.Load() != 1 {
		t.Errorf("%d and %d connections, want one each", web.conns.Load(), other.conns.Load())
	}
	_, err := c.Do(get(t, "http://wep/keys"))
	if unknown, ok := errors.AsType[*remotehosts.UnknownHost](err); !ok || unknown.Nearest != "web" {
		t.Errorf("a bare word: %v", err)
	}
}

func TestTransportStreams(t *testing.T) {
	more := make(chan struct{})
	web := newWebsite(t, func(w http.ResponseWriter, q *http.Request) {
		http.NewResponseController(w).EnableFullDuplex()
		first := make([]byte, 5)
		io.ReadFull(q.Body, first)
		w.Write(first)
		w.(http.Flusher).Flush()
		io.Copy(w, q.Body)
		close(more)
	})
	c := &http.Client{Transport: hostsOf(t, web.address(), nil).Transport()}
	out, in := io.Pipe()
	q, err := http.NewRequestWithContext(t.Context(), "POST", "http://web/", out)
	if err != nil {
		t.Fatal(err)
	}
	go io.WriteString(in, "first")
	r, err := c.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	first := make([]byte, 5)
	if _, err := io.ReadFull(r.Body, first); err != nil || string(first) != "first" {
		t.Fatalf("%q %v", first, err)
	}
	io.WriteString(in, ", second")
	in.Close()
	if rest, err := io.ReadAll(r.Body); err != nil || string(rest) != ", second" {
		t.Fatalf("%q %v", rest, err)
	}
	<-more
}

// A name, and a connection that is kept, lead to the same check.
func TestDialCheck(t *testing.T) {
	web := newWebsite(t, hello)
	c := &http.Client{Transport: hostsOf(t, web.address(), nil).Transport()}
	loopback := errors.New("not to loopback")
	check := func(declared bool, a netip.AddrPort) error {
		if !declared && a.Addr().IsLoopback() {
			return loopback
		}
		return nil
	}
	ctx := remotehosts.WithDialCheck(t.Context(), check)
	if status, _ := fetch(t, c, get(t, "http://web/").WithContext(ctx)); status != 200 {
		t.Errorf("a declared host: %d", status)
	}
	_, port, _ := net.SplitHostPort(newWebsite(t, hello).address())
	fetch(t, c, get(t, "http://localhost:"+port+"/"))
	if _, err := c.Do(get(t, "http://localhost:"+port+"/").WithContext(ctx)); !errors.Is(err, loopback) {
		t.Errorf("localhost, on a connection that is there: %v", err)
	}
}

func TestAnswerLimitsAndTimes(t *testing.T) {
	type step = func(w http.ResponseWriter, q *http.Request)
	flush := func(w http.ResponseWriter, text string) {
		io.WriteString(w, text)
		w.(http.Flusher).Flush()
	}
	wait := func(_ http.ResponseWriter, q *http.Request) { <-q.Context().Done() }
	for _, test := range []struct {
		name   string
		change func(*remotehosts.Definition)
		answer step
		status int    // of the error before the answer; 0: it comes later
		what   string // in the error
	}{
		{"no head", func(d *remotehosts.Definition) { d.ActiveTimeout = 50 * time.Millisecond }, wait, 504, "the answer took longer than 50ms"},
		{"no more body", func(d *remotehosts.Definition) { d.ActiveTimeout = 50 * time.Millisecond }, func(w http.ResponseWriter, q *http.Request) {
			flush(w, "begun")
			wait(w, q)
		}, 0, "broke off after 5 bytes: the host has stalled: nothing came for 50ms"},
		{"transaction", func(d *remotehosts.Definition) { d.TransactionTimeout = 50 * time.Millisecond }, wait, 504, "took longer than 50ms (transactionTimeout)"},
		{"transaction, body", func(d *remotehosts.Definition) { d.TransactionTimeout = 200 * time.Millisecond }, func(w http.ResponseWriter, q *http.Request) {
			flush(w, "begun")
			wait(w, q)
		}, 0, "the transaction took too long"},
		{"announced length", func(d *remotehosts.Definition) { d.MaxReceived = 4 }, hello, 502, "more than 4 (maxReceived)"},
		{"length that turns out", func(d *remotehosts.Definition) { d.MaxReceived = 4 }, func(w http.ResponseWriter, q *http.Request) {
			flush(w, "1")
			flush(w, "2345")
		}, 0, "longer than maxReceived"},
		{"closed inside the body", nil, func(w http.ResponseWriter, q *http.Request) {
			w.Header().Set("Content-Length", "10")
			flush(w, "begun")
			panic(http.ErrAbortHandler)
		}, 0, "broke off after 5 bytes: it closed the connection"},
		{"closed before the head", nil, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 502, "closed the connection during the answer"},
	} {
		t.Run(test.name, func(t *testing.T) {
			web := newWebsite(t, test.answer)
			set := hostsOf(t, web.address(), test.change)
			h, _ := set.Named("web")
			r, err := set.Transport().RoundTrip(get(t, "http://web/"))
			if test.status == 0 {
				if err != nil {
					t.Fatal(err)
				}
				_, err = io.ReadAll(r.Body)
				r.Body.Close()
			} else if failed, ok := errors.AsType[*remotehosts.Error](err); !ok || failed.Status != test.status {
				t.Fatalf("want %d: %v", test.status, err)
			}
			if err == nil || !strings.Contains(err.Error(), test.what) {
				t.Errorf("%v; want %q", err, test.what)
			}
			if open, _ := h.Connections(); open != 0 {
				t.Errorf("%d places are still taken", open)
			}
		})
	}
}

func TestMaxSent(t *testing.T) {
	web := newWebsite(t, hello)
	rt := hostsOf(t, web.address(), func(d *remotehosts.Definition) { d.MaxSent = 4 }).Transport()
	for name, body := range map[string]io.Reader{"announced": strings.NewReader("12345"), "turns out": io.MultiReader(strings.NewReader("12"), strings.NewReader("345"))} {
		q, _ := http.NewRequestWithContext(t.Context(), "POST", "http://web/", body)
		_, err := rt.RoundTrip(q)
		if failed, ok := errors.AsType[*remotehosts.Error](err); !ok || failed.Status != 413 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// WebSockets, requests and kept connections share maxConnections.
func TestMaxConnectionsOfBothKinds(t *testing.T) {
	web := newWebsite(t, func(w http.ResponseWriter, q *http.Request) {
		if q.Header.Get("Upgrade") == "" {
			hello(w, q)
			return
		}
		c, _, _ := http.NewResponseController(w).Hijack()
		fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", wire.AcceptKey(q.Header.Get("Sec-WebSocket-Key")))
		io.Copy(io.Discard, c)
		c.Close()
	})
	set := hostsOf(t, web.address(), func(d *remotehosts.Definition) { d.MaxConnections, d.ActiveTimeout = 1, 100*time.Millisecond })
	h, _ := set.Named("web")
	c := &http.Client{Transport: set.Transport()}
	fetch(t, c, get(t, "http://web/"))
	fetch(t, c, get(t, "http://web/"))
	if web.conns.Load() != 1 {
		t.Errorf("%d connections for two requests in turn", web.conns.Load())
	}
	r, err := c.Do(get(t, "http://web/"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Do(get(t, "http://web/"))
	if failed, ok := errors.AsType[*remotehosts.Error](err); !ok || failed.Status != 503 {
		t.Errorf("past maxConnections: %v", err)
	}
	io.Copy(io.Discard, r.Body)
	r.Body.Close()
	kept := web.open.Load()
	socket, err := h.Upgrade(t.Context(), call())
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the kept connection makes room for the WebSocket", func() bool { return web.open.Load() == kept }) // the one that is hijacked counts on
	hangUp(socket)
	if open, _ := h.Connections(); open != 0 {
		t.Errorf("%d places are still taken", open)
	}
}

// Requests that may have been carried out go to one address only, unless they
// are idempotent.
func TestRequestsSentAgain(t *testing.T) {
	var fine atomic.Int64
	bad := newWebsite(t, func(http.ResponseWriter, *http.Request) {

		panic(http.ErrAbortHandler)
	})
	busy := newWebsite(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "busy", 503) })
	good := newWebsite(t, func(w http.ResponseWriter, q *http.Request) {
		fine.Add(1)
		hello(w, q)
	})
	at := func(first string) *http.Client {
		return &http.Client{Transport: hostsOf(t, good.address(), func(d *remotehosts.Definition) {
			d.Addresses = []remotehosts.Addresses{{Priority: 1, List: []string{first}, Weight: 1}, {Priority: 2, List: []string{good.address()}, Weight: 1}}
		}).Transport()}
	}
	post := func(t *testing.T, body io.Reader) *http.Request {
		q, err := http.NewRequestWithContext(t.Context(), "POST", "http://web/", body)
		if err != nil {
			t.Fatal(err)
		}
		return q
	}
	if status, _ := fetch(t, at(bad.address()), get(t, "http://web/")); status != 200 {
		t.Errorf("GET after a reset: %d", status)
	}
	if status, body := fetch(t, at(busy.address()), get(t, "http://web/")); status != 200 || !strings.HasPrefix(body, "GET") {
		t.Errorf("GET after a 503: %d %s", status, body)
	}
	if status, body := fetch(t, at(busy.address()), post(t, strings.NewReader("x"))); status != 503 || body != "busy\n" {
		t.Errorf("POST after a 503: %d %s", status, body)
	}
	fine.Store(0)
	if _, err := at(bad.address()).Do(post(t, strings.NewReader("x"))); err == nil || fine.Load() != 0 {
		t.Errorf("POST after a reset was sent again: %v", err)
	}
	if status, body := fetch(t, at(unreachable(t)), post(t, io.MultiReader(strings.NewReader("stream")))); status != 200 || !strings.HasSuffix(body, "stream") {
		t.Errorf("POST after no connection: %d %s", status, body)
	}
	only := at(busy.address())
	good.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "me too", 504) })
	if status, body := fetch(t, only, get(t, "http://web/")); status != 504 || body != "me too\n" {
		t.Errorf("all are busy: %d %s", status, body)
	}
}

func TestCancelledRequest(t *testing.T) {
	gone := make(chan struct{})
	web := newWebsite(t, func(_ http.ResponseWriter, q *http.Request) {
		<-q.Context().Done()
		close(gone)
	})
	set := hostsOf(t, web.address(), nil)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := set.Transport().RoundTrip(get(t, "http://web/").WithContext(ctx)); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	<-gone
}

// Do sends what the client sent, and what says where it comes from.
func TestDo(t *testing.T) {
	web := newWebsite(t, func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		w.Header().Add("Set-Cookie", "a=1; Path=/x")
		w.Header().Add("Set-Cookie", "a=2; Path=/y")
		w.Header().Set("Connection", "X-Hop")
		w.Header().Set("X-Hop", "1")
		w.WriteHeader(418)
		fmt.Fprintf(w, "%s %s ua=%q %s %s %q", q.Method, q.RequestURI, q.UserAgent(), q.Header.Get("X-Forwarded-For"), q.Header.Get("X-Correlationid"), body)
	})
	h, _ := hostsOf(t, web.address(), func(d *remotehosts.Definition) { d.CorrelationHeader = "X-CorrelationID" }).Named("web")
	c := callWith("Host: gate.test\r\nuser-agent: mine\r\n")
	c.Request.Method, c.Target, c.Correlation, c.Body = "PATCH", "/a%2Fb?q=%20", "id-1", engine.BytesBody([]byte("content"))
	a, err := h.Do(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	body, err := a.Stream.Bytes(1 << 20)
	if err != nil || a.Status != 418 || string(body) != `PATCH /a%2Fb?q=%20 ua="mine" 192.0.2.7 id-1 "content"` {
		t.Errorf("%d %s %v", a.Status, body, err)
	}
	if got := fmt.Sprint(slicesOf(&a.Headers, "Set-Cookie"), a.Headers.Has("X-Hop"), a.Headers.Has("Connection")); got != "[a=1; Path=/x a=2; Path=/y] false false" {
		t.Error(got)
	}
}

func slicesOf(h *engine.Headers, name string) (values []string) {
	for v := range h.Values(name) {
		values = append(values, v)
	}
	return values
}

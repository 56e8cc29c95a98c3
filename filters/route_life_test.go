package filters_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"framegate/engine"
)

// A client that does not take its answer is given up, and the host with it.
func TestAClientThatReadsNothing(t *testing.T) {
	gone := make(chan error, 1)
	web := newWebsite(t, func(w http.ResponseWriter, q *http.Request) {
		block := make([]byte, 1<<20)
		for {
			if _, err := w.Write(block); err != nil {
				gone <- err
				return
			}
		}
	})
	g := gatewayOf(t, web, strings.Replace(forward, "onRequest: forward", "onRequest: forward, activeTimeout: 200ms", 1))
	g.dial().send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	select {
	case <-gone:
	case <-time.After(patience):
		t.Fatal("the host goes on sending")
	}
	if r := g.requests(1)[0]; r.Outcome != "cut" || !strings.Contains(r.Reason, "send to the client") {
		t.Errorf("%s: %s", r.Outcome, r.Reason)
	}
}

// A shutdown lets requests finish that do so in time, and cuts the others.
func TestShutdownWithRequests(t *testing.T) {
	for _, finish := range []bool{true, false} {
		t.Run(fmt.Sprintf("finish %t", finish), func(t *testing.T) {
			let := make(chan struct{})
			web := newWebsite(t, func(w http.ResponseWriter, q *http.Request) {
				io.WriteString(w, "one ")
				w.(http.Flusher).Flush()
				select {
				case <-let:
					io.WriteString(w, "two")
				case <-q.Context().Done():
				}
			})
			g := gatewayOf(t, web, forward)
			idle := g.dial().send("GET /idle HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n")
			close(let)
			idle.status(200)
			let = make(chan struct{})
			l := g.dial().send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			r, err := http.ReadResponse(l.r, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(r.Body, make([]byte, 4)); err != nil {
				t.Fatal(err)
			}
			limit := patience
			if !finish {
				limit = 100 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			ended := make(chan error)
			go func() { ended <- g.Shutdown(ctx) }()
			idle.ends()
			if finish {
				close(let)
			}
			rest, readErr := io.ReadAll(r.Body)
			err = <-ended
			if finish && (string(rest) != "two" || readErr != nil || err != nil) || !finish && (readErr == nil || err == nil) {
				t.Errorf("%q %v, shutdown: %v", rest, readErr, err)
			}
			l.ends()
		})
	}
}

// The policy's time ends with the head of the answer.
func TestTheTimeOfAPolicy(t *testing.T) {
	web := newWebsite(t, func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/slow" {
			<-q.Context().Done()
			return
		}
		w.(http.Flusher).Flush()
		time.Sleep(300 * time.Millisecond) // longer than the policy may take
		io.WriteString(w, "late, but whole")
	})
	g := gatewayOf(t, web, strings.Replace(forward, "onRequest: forward", "onRequest: forward, timeout: 100ms", 1))
	if r, body := g.ask("GET", "/slow", ""); r.StatusCode != 504 {
		t.Errorf("%d %s", r.StatusCode, body)
	}
	if r := g.requests(1)[0]; !strings.Contains(r.Reason, "took longer than the request may") {
		t.Error(r.Reason)
	}
	if _, body := g.ask("GET", "/", ""); body != "late, but whole" {
		t.Errorf("%q", body)
	}
}

// Over TLS all is as without: connections are used again, the client is watched.
func TestRoutesOverTLS(t *testing.T) {
	gone, began := make(chan struct{}), make(chan struct{}, 1)
	web := newWebsite(t, func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		if q.URL.Path == "/wait" {
			began <- struct{}{}
			<-q.Context().Done()
			close(gone)
			return
		}
		fmt.Fprintf(w, "%s %s", q.Header.Get("X-Forwarded-Proto"), body)
	})
	g := gatewayOf(t, web, forward)
	cert, key := certificate(t)
	for name, text := range map[string][]byte{"cert.pem": cert, "key.pem": key} {
		if err := os.WriteFile(filepath.Join(g.dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	g.rewrite(web, strings.Replace(forward, "LISTEN", "LISTEN\n    tls: {listen: 127.0.0.1:0, cert: cert.pem, key: key.pem}", 1))
	if problems, err := g.Reload(t.Context()); err != nil {
		t.Fatal(problems, err)
	}
	address := ""
	for _, p := range g.Ports() {
		for _, a := range p.Addresses {
			if a.TLS {
				address = a.Address
			}
		}
	}
	c, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	l := &line{c, t, bufio.NewReader(c)}
	for range 3 {
		l.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
		if body := l.status(200); body != "https body" {
			t.Error(body)
		}
		if body := l.status(200); body != "https " {
			t.Error(body)
		}
	}
	l.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
	<-began
	c.Close()
	select {
	case <-gone:
	case <-time.After(patience):
		t.Fatal("the host's request goes on")
	}
}

// Each address, and each host, is as with upgrades: what is down is passed over,
// what is full waits, and a failure arrow leads to a second host.
func TestHostsBehindRoutes(t *testing.T) {
	hold := make(chan struct{})
	web := newWebsite(t, func(w http.ResponseWriter, q *http.Request) {
		io.Copy(io.Discard, q.Body)
		if q.URL.Path == "/hold" {
			for beat := time.NewTicker(20 * time.Millisecond); ; { // within the active timeout
				io.WriteString(w, ".")
				w.(http.Flusher).Flush()
				select {
				case <-beat.C:
				case <-hold:
					return
				}
			}
		}
		io.WriteString(w, "fine")
	})
	g := gatewayOf(t, web, `
remoteHosts:
  web: {host: web.internal, addresses: ['127.0.0.1:1', 'WEB'], maxConnections: 1, activeTimeout: 200ms}
  down: {host: 127.0.0.1, port: 1, breaker: {failures: 1}}
ports:
  public:
    LISTEN
    routes:
      - {path: /, onRequest: forward}
      - {path: /down, onRequest: down}
      - {path: /second, onRequest: second}
policies:
  forward: {filters: [{type: connect-to-url, url: 'http://web${http.request.uri}'}]}
  down: {filters: [{type: connect-to-url, url: 'http://down/'}]}
  second:
    filters:
      - {type: connect-to-url, url: 'http://down/', failure: other}
      - {name: other, type: connect-to-url, url: 'http://web/'}
`)
	for range 3 {
		if r, body := g.ask("POST", "/", "x"); r.StatusCode != 200 || body != "fine" {
			t.Errorf("an address that is down: %d %s", r.StatusCode, body)
		}
	}
	if r, _ := g.ask("POST", "/second", "x"); r.StatusCode != 200 {
		t.Errorf("a second host: %d", r.StatusCode)
	}
	if r, _ := g.ask("GET", "/down", ""); r.StatusCode != 503 {
		t.Errorf("behind an open breaker: %d", r.StatusCode)
	}
	l := g.dial().send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n")
	if r, err := http.ReadResponse(l.r, nil); err != nil || r.StatusCode != 200 {
		t.Fatal(r, err)
	}
	if r, _ := g.ask("GET", "/", ""); r.StatusCode != 503 {
		t.Errorf("past maxConnections: %d", r.StatusCode)
	}
	close(hold)
	var hosts []engine.RemoteHost
	until(t, "the place is free", func() bool {
		hosts = g.Snapshot().RemoteHosts()
		return hosts[1].Open == 0
	})
	for _, a := range hosts[1].Addresses {
		if a.In != (a.Address == web.address()) {
			t.Errorf("%+v", a)
		}
	}
}

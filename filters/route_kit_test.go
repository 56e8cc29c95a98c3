package filters_test

import (
	"bufio"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"framegate/engine"
	"framegate/policies"
	"framegate/scripts"
)

// patience bounds every wait of a test; nothing is meant to take so long.
const patience = 10 * time.Second

// website is a real net/http server behind the gateway; it counts connections.
type website struct {
	*httptest.Server
	conns, open atomic.Int64
	seen        chan *http.Request // that came
}

func newWebsite(t *testing.T, handler http.HandlerFunc) *website {
	t.Helper()
	w := &website{seen: make(chan *http.Request, 1000)}
	w.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(out http.ResponseWriter, q *http.Request) {
		w.seen <- q
		handler(out, q)
	}))
	w.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			w.conns.Add(1)
			w.open.Add(1)
		case http.StateClosed, http.StateHijacked:
			w.open.Add(-1)
		}
	}
	w.Start()
	t.Cleanup(w.Close)
	return w
}

func (w *website) address() string { return w.Listener.Addr().String() }

// gatewayOf starts a gateway of YAML text. WEB in the text is the website.
func gatewayOf(t *testing.T, web *website, text string) *gateway {
	t.Helper()
	g := &gateway{t: t, dir: t.TempDir(), log: &lines{grown: make(chan struct{}, 1)}, reached: make(chan string, 100)}
	g.echo()
	g.rewrite(web, text)
	library := scripts.NewLibrary(scripts.Limits{}, nil, nil)
	log := slog.New(slog.NewTextHandler(g.log, nil))
	g.Gateway = engine.New(log, policies.Loader(g.dir, policies.Options{Scripts: library, Log: log, Payloads: 100}))
	if problems, err := g.Start(context.Background()); err != nil {
		for _, p := range problems {
			t.Log(p.Excerpt())
		}
		t.Fatal(err)
	}
	g.address = g.Addresses()["public"][0]
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := errors.Join(g.Shutdown(ctx), library.Close()); err != nil {
			t.Error(err)
		}
	})
	return g
}

func (g *gateway) rewrite(web *website, text string) {
	g.t.Helper()
	text = strings.ReplaceAll(strings.ReplaceAll("version: 1\n"+text, "HOST", g.host), "LISTEN", "listen: 127.0.0.1:0")
	if web != nil {
		text = strings.ReplaceAll(text, "WEB", web.address())
	}
	if err := os.WriteFile(filepath.Join(g.dir, "gateway.yaml"), []byte(text), 0o600); err != nil {
		g.t.Fatal(err)
	}
}

// forward is a gateway with one route that passes everything on.
const forward = `
ports:
  public:
    LISTEN
    routes:
      - {path: /, onRequest: forward}
policies:
  forward:
    filters: [{type: connect-to-url, url: 'http://WEB${http.request.uri}'}]
`

// ask sends a request over a connection of its own.
func (g *gateway) ask(method, target, body string, headers ...string) (*http.Response, string) {
	g.t.Helper()
	q, err := http.NewRequestWithContext(g.t.Context(), method, "http://"+g.address+target, strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			q.Host = headers[i+1]
			continue
		}
		q.Header.Add(headers[i], headers[i+1])
	}
	q.Close = true
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	r, err := client.Do(q)
	if err != nil {
		g.t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	return r, string(text)
}

// line is a bare connection to the gateway.
type line struct {
	net.Conn
	t *testing.T
	r *bufio.Reader
}

func (g *gateway) dial() *line {
	g.t.Helper()
	c, err := net.Dial("tcp", g.address)
	if err != nil {
		g.t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(patience))
	g.t.Cleanup(func() { c.Close() })
	return &line{c, g.t, bufio.NewReader(c)}
}

// send sends bytes as they are.
func (l *line) send(text string) *line {
	l.t.Helper()
	if _, err := io.WriteString(l, text); err != nil {
		l.t.Fatal(err)
	}
	return l
}

// answer reads an answer to a request with a method.
func (l *line) answer(method string) (*http.Response, string, error) {
	l.t.Helper()
	r, err := http.ReadResponse(l.r, &http.Request{Method: method})
	if err != nil {
		l.t.Fatal(err)
	}
	body, err := io.ReadAll(r.Body)
	return r, string(body), err
}

// status reads an answer that must come whole.
func (l *line) status(want int) string {
	l.t.Helper()
	r, body, err := l.answer("GET")
	if err != nil || r.StatusCode != want {
		l.t.Fatalf("%d %s %v; want %d", r.StatusCode, body, err, want)
	}
	return body
}

// ends expects that the gateway closes the connection.
func (l *line) ends() {
	l.t.Helper()
	if rest, err := io.ReadAll(l.r); len(rest) > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		l.t.Errorf("the connection goes on: %q %v", rest, err)
	}
}

// requests are the records of requests, once there are n.
func (g *gateway) requests(n int) []engine.Record {
	g.t.Helper()
	var found []engine.Record
	ctx, cancel := context.WithTimeout(g.t.Context(), patience)
	defer cancel()
	for r := range g.Journal().Follow(ctx, 0) {
		if r.Kind == engine.RequestRecord {
			if found = append(found, r); len(found) == n {
				return found
			}
		}
	}
	g.t.Fatalf("%d requests in the journal, want %d", len(found), n)
	return nil
}

// theOne is the first record of a method and a status. A record is written after
// its answer, so that those of two connections have no order.
func theOne(records []engine.Record, method string, status int) engine.Record {
	for _, r := range records {
		if r.Method == method && r.Status == status {
			return r
		}
	}
	return engine.Record{}
}

// until waits for what another goroutine is about to do.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !done(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// certificate is the one that net/http's own tests use, as PEM.
func certificate(t *testing.T) (cert, key []byte) {
	t.Helper()
	s := httptest.NewTLSServer(http.NotFoundHandler())
	defer s.Close()
	pair := s.TLS.Certificates[0]
	der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

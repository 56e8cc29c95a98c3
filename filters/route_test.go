package filters_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestStaticAnswersAndMethods(t *testing.T) {
	g := gatewayOf(t, nil, `
ports:
  public:
    LISTEN
    websockets:
      - {path: /chat, onUpgrade: connect}
      - {path: /both, onUpgrade: connect}
    routes:
      - {path: /hello, match: exact, methods: [GET, POST], onRequest: hello}
      - {path: /hello, match: exact, methods: [DELETE], onRequest: gone}
      - {path: /both, onRequest: hello}
      - {path: '/rooms/{id}', onRequest: room}
      - {path: /echo, onRequest: echo}
      - {path: /silent, onRequest: silent}
      - {path: /off, enabled: false, onRequest: echo}
      - {path: /preflight, methods: [GET, OPTIONS], onRequest: preflight}
policies:
  connect: {filters: [{type: connect-to-url, url: ws://HOST/}]}
  hello:
    filters:
      - {type: set-message, contentType: text/plain, body: 'hello ${http.request.verb} ${http.request.clientaddr}'}
      - {type: reflect}
  room: {filters: [{type: set-message, status: 404, body: 'no room ${params.path.id}'}]}
  gone: {filters: [{type: set-message, status: 204, body: ''}]}
  echo: {filters: [{type: reflect, status: 201}]}
  silent: {filters: [{type: true-filter}]}
  preflight:
    filters:
      - {type: add-http-header, header: Access-Control-Allow-Origin, value: 'https://app.example.test', to: answer}
      - {type: reflect, status: 200}
`)
	for _, c := range []struct {
		method, target, body string
		status               int
		want                 string // of the answer's body
	}{
		{"GET", "/hello", "", 200, "hello GET 127.0.0.1"},
		{"HEAD", "/hello", "", 200, ""},
		{"POST", "/hello", "x", 200, "hello POST 127.0.0.1"},
		{"DELETE", "/hello", "", 204, ""},
		{"OPTIONS", "/hello", "", 204, ""},
		{"PUT", "/hello", "x", 405, "does not take the method"},
		{"TRACE", "/both", "", 405, "does not take the method"},
		{"GET", "/both", "", 200, "hello GET 127.0.0.1"},
		{"GET", "/rooms/a%20b", "", 404, "no room a b"},
		{"POST", "/echo", "some text", 201, "some text"},
		{"POST", "/echo", "", 201, ""},
		{"GET", "/silent", "", 500, "policy passed without an answer"},
		{"GET", "/off", "", 404, "no websocket or route at this path"},
		{"GET", "/hello/more", "", 404, "no websocket or route at this path"},
		{"GET", "/chat", "", 400, "does not name websocket"},
		{"OPTIONS", "/preflight", "", 200, ""},
	} {
		r, body := g.ask(c.method, c.target, c.body, "Content-Type", "text/x-test")
		if r.StatusCode != c.status || !strings.Contains(body, c.want) || c.want == "" && body != "" {
			t.Errorf("%s %s: %d %q; want %d %q", c.method, c.target, r.StatusCode, body, c.status, c.want)
		}
		switch {
		case c.status == 405 && c.target == "/hello", c.method == "OPTIONS" && c.target == "/hello":
			if got := r.Header.Get("Allow"); got != "DELETE, GET, HEAD, OPTIONS, POST" {
				t.Errorf("%s %s: Allow: %s", c.method, c.target, got)
			}
		case c.method == "HEAD":
			if r.ContentLength != int64(len("hello HEAD 127.0.0.1")) {
				t.Errorf("HEAD: Content-Length %d", r.ContentLength)
			}
		case c.target == "/echo" && c.body != "":
			if r.Header.Get("Content-Type") != "text/x-test" {
				t.Errorf("echo: %s", r.Header)
			}
		case c.target == "/preflight":
			if r.Header.Get("Access-Control-Allow-Origin") == "" {
				t.Errorf("preflight: %s", r.Header)
			}
		}
	}
	says(t, g.open("/both"), "hello", "hello")
	g.refuses(404, "/hello")
	records := g.requests(13)
	if r := theOne(records, "POST", 200); r.Size != 0 || r.Path != "/hello" || r.Status != 200 || r.Outcome != "answered" || r.Policy != "hello" || len(r.Trail) != 2 || string(r.After) != "hello POST 127.0.0.1" {
		t.Errorf("record %+v", r)
	}
}

// A request goes through the same filters as an upgrade, to the host and back.
func TestProxying(t *testing.T) {
	web := newWebsite(t, func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		w.Header().Set("X-Powered-By", "test")
		w.Header().Add("Set-Cookie", "a=1; Path=/x")
		w.Header().Add("Set-Cookie", "a=1; Path=/y")
		if q.URL.Query().Get("status") != "" {
			w.WriteHeader(404)
		}
		fmt.Fprintf(w, "%s %s %s %q", q.Method, q.RequestURI, q.Host, body)
	})
	text := `
remoteHosts:
  web: {host: 127.0.0.1, port: ` + strings.Split(web.address(), ":")[1] + `}
ports:
  public:
    LISTEN
    routes:
      - {path: /api, onRequest: forward}
policies:
  forward:
    filters:
      - {name: key, type: api-key, store: clients, remove: true}
      - {type: validate-http-headers, headers: {X-Device: {required: true}}}
      - {type: add-http-header, header: X-Tenant, value: '${authentication.subject.id}'}
      - {type: remove-http-header, header: X-Secret-Sauce}
      - {name: mark, type: add-http-header, header: X-Gateway, value: framegate, to: answer}
      - {type: connect-to-url, url: 'https://web${http.request.uri}', success: clean, failure: fail}
      - {name: clean, type: remove-http-header, header: X-Powered-By, from: answer, success: pass}
stores:
  clients: {records: {web: {key: '` + hash("sha256", "k-1") + `', subject: tenant-1}}}
`
	g := gatewayOf(t, web, text)
	if r, _ := g.ask("GET", "/api", "", "X-Api-Key", "k-1", "X-Device", "d"); r.StatusCode != 502 {
		t.Errorf("TLS to a host that speaks none: %d", r.StatusCode)
	}
	g = gatewayOf(t, web, strings.ReplaceAll(text, "https://web", "http://web"))
	r, body := g.ask("POST", "/api/a%2Bb?x=1", "content", "X-Api-Key", "k-1", "X-Device", "d", "X-Secret-Sauce", "1", "X-Forwarded-For", "9.9.9.9", "Connection", "X-Drop", "X-Drop", "1", "Host", "gate.test")
	if want := fmt.Sprintf("POST /api/a%%2Bb?x=1 %s %q", web.address(), "content"); r.StatusCode != 200 || body != want {
		t.Errorf("%d %q; want %q", r.StatusCode, body, want)
	}
	if r.Header.Get("X-Powered-By") != "" || r.Header.Get("X-Gateway") != "framegate" || len(r.Header["Set-Cookie"]) != 2 {
		t.Errorf("the answer's headers: %v", r.Header)
	}
	q := <-web.seen
	for name, want := range map[string]string{
		"X-Tenant": "tenant-1", "X-Secret-Sauce": "", "X-Api-Key": "", "X-Drop": "", "X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "gate.test",
	} {
		if got := q.Header.Get(name); got != want {
			t.Errorf("the host got %s: %q, want %q", name, got, want)
		}
	}
	if q.Header.Get("Traceparent") == "" || q.Header.Get("X-Correlationid") == "" || q.ContentLength != 7 {
		t.Errorf("the host got %v", q.Header)
	}
	if r, body := g.ask("GET", "/api?status=404", "", "X-Api-Key", "k-1", "X-Device", "d"); r.StatusCode != 404 || !strings.HasPrefix(body, "GET") {
		t.Errorf("another status: %d %s", r.StatusCode, body)
	}
	if r, _ := g.ask("HEAD", "/api", "", "X-Api-Key", "k-1", "X-Device", "d"); r.StatusCode != 200 || r.ContentLength <= 0 {
		t.Errorf("HEAD: %d, Content-Length %d", r.StatusCode, r.ContentLength)
	}
	if r, _ := g.ask("GET", "/api", "", "X-Device", "d"); r.StatusCode != 401 || r.Header.Get("Www-Authenticate") == "" {
		t.Errorf("without a key: %d %v", r.StatusCode, r.Header)
	}
	records := g.requests(4)
	if r := theOne(records, "POST", 200); r.Outcome != "proxied" || r.Host != "web ("+web.address()+")" || r.Subject != "tenant-1" || r.Size != 7 || string(r.Before) != "content" || r.AfterSize != int64(len(body)) || len(r.Trail) != 7 || r.Session != q.Header.Get("X-Correlationid") {
		t.Errorf("record %+v", r)
	}
	for _, h := range theOne(records, "POST", 200).Headers {
		if strings.Contains(h.Value, "k-1") {
			t.Errorf("the record shows the key: %v", h)
		}
	}
	if r := theOne(records, "GET", 401); r.Outcome != "refused" || r.Status != 401 || !strings.Contains(r.Reason, "key") {
		t.Errorf("record %+v", r)
	}
}

// Filters read and set content.body: the request's before the host, the answer's
// after it.
func TestContentBodyOnBothWays(t *testing.T) {
	web := newWebsite(t, func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprintf(w, "%s:%s", q.Header.Get("Content-Type"), body)
		if strings.Contains(q.URL.Path, "long") {
			io.WriteString(w, strings.Repeat("x", 200))
		}
	})
	g := gatewayOf(t, web, `
ports:
  public:
    LISTEN
    routes:
      - {path: /read, onRequest: read, limits: {buffered: 100}}
      - {path: /set, onRequest: set, limits: {buffered: 100}}
      - {path: /answer, onRequest: answer, limits: {buffered: 100}}
      - {path: /short, onRequest: read, limits: {body: 4}}
policies:
  read:
    filters:
      - {type: set-attribute, attribute: kept, value: '${content.body}'}
      - {type: add-http-header, header: X-Kept, value: '${kept}', to: answer}
      - {type: connect-to-url, url: http://WEB/}
  set:
    filters:
      - {type: set-message, contentType: application/json, body: '{"was":"${content.body}"}'}
      - {type: connect-to-url, url: http://WEB/}
  answer:
    filters:
      - {type: connect-to-url, url: 'http://WEB${http.request.uri}', success: change, failure: fail}
      - {name: change, type: set-message, body: '[${content.body}] ${http.response.status}', success: pass}
`)
	r, body := g.ask("POST", "/read", "text", "Content-Type", "text/x-mine")
	if body != "text/x-mine:text" || r.Header.Get("X-Kept") != "text" {
		t.Errorf("read: %q %v", body, r.Header)
	}
	r, body = g.ask("POST", "/set", "text", "Content-Type", "text/x-mine")
	if body != `application/json:{"was":"text"}` || r.Header.Get("Content-Type") != "text/plain" {
		t.Errorf("set: %q %v", body, r.Header)
	}
	if r, body = g.ask("POST", "/answer", "text"); body != "[:text] 200" || r.Header.Get("Content-Type") != "text/plain" {
		t.Errorf("answer: %q %v", body, r.Header)
	}
	if r, body = g.ask("POST", "/read", strings.Repeat("x", 101)); r.StatusCode != 413 {
		t.Errorf("more than filters may read: %d %s", r.StatusCode, body)
	}
	if r, body = g.ask("POST", "/short", "12345"); r.StatusCode != 413 {
		t.Errorf("more than the route takes: %d %s", r.StatusCode, body)
	}
	if r, body = g.ask("POST", "/answer/long", "text"); r.StatusCode != 502 {
		t.Errorf("an answer that is longer than filters may read: %d %s", r.StatusCode, body)
	}
	if len(web.seen) != 4 {
		t.Errorf("%d requests reached the host", len(web.seen))
	}
}

func TestVirtualHosts(t *testing.T) {
	g := gatewayOf(t, nil, `
ports:
  public:
    LISTEN
    websockets:
      - {path: /, onUpgrade: any}
      - {path: /, host: [chat.example.test, '*.chat.example.test'], onUpgrade: chat}
    routes:
      - {path: /deep/path, onRequest: any}
      - {path: /, host: '*.example.test', onRequest: wild}
      - {path: /, host: [api.example.test, api.other.test], onRequest: api}
policies:
  any: {filters: [{type: set-message, status: 299, body: any}]}
  wild: {filters: [{type: set-message, status: 299, body: wild}]}
  api: {filters: [{type: set-message, status: 299, body: api}]}
  chat: {filters: [{type: set-message, status: 299, body: chat}]}
`)
	for host, want := range map[string]string{
		"api.example.test": "api", "API.example.test:8080": "api", "api.other.test.": "api", "www.example.test": "wild", "a.b.example.test": "any", "example.test": "any",
	} {
		if _, body := g.ask("GET", "/deep/path", "", "Host", host); body != want {
			t.Errorf("request for %s went to %s, want %s", host, body, want)
		}
	}
	for host, want := range map[string]string{"chat.example.test": "chat", "eu.chat.example.test": "chat", "other.test": "any"} {
		if _, _, body := g.upgrade("/", "Host", host); body != want {
			t.Errorf("upgrade for %s went to %s, want %s", host, body, want)
		}
	}
}

// Routes change with the configuration; a request on its way is finished as it began.
func TestRoutesReload(t *testing.T) {
	begun, let := make(chan struct{}), make(chan struct{})
	web := newWebsite(t, func(w http.ResponseWriter, q *http.Request) {
		io.WriteString(w, "one ")
		w.(http.Flusher).Flush()
		close(begun)
		<-let
		io.WriteString(w, "two")
	})
	g := gatewayOf(t, web, forward)
	got := make(chan string)
	go func() {
		_, body := g.ask("GET", "/", "")
		got <- body
	}()
	<-begun
	g.rewrite(web, strings.Replace(forward, "/, onRequest", "/other, onRequest", 1))
	if problems, err := g.Reload(t.Context()); err != nil {
		t.Fatal(problems, err)
	}
	if r, _ := g.ask("GET", "/", ""); r.StatusCode != 404 {
		t.Errorf("a route that is gone: %d", r.StatusCode)
	}
	close(let)
	if body := <-got; body != "one two" {
		t.Errorf("the request on its way: %q", body)
	}
}

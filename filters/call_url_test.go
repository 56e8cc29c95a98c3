package filters_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"framegate/engine"
	"framegate/engine/wire"
)

// service answers calls, and keeps what it was asked.
type service struct {
	*httptest.Server
	asked chan string
}

func newService(t *testing.T) *service {
	t.Helper()
	s := &service{asked: make(chan string, 50)}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		s.asked <- fmt.Sprintf("%s %s %s %q %s", q.Method, q.Host, q.RequestURI, q.Header.Get("X-Who"), body)
		var status int
		fmt.Sscanf(q.URL.Query().Get("status"), "%d", &status)
		switch q.URL.Path {
		case "/binary":
			w.Write([]byte{0xff, 0})
			return
		case "/long":
			w.Write(make([]byte, 1<<20+1))
			return
		case "/hang":
			<-q.Context().Done()
			return
		case "/elsewhere":
			w.Header().Set("Location", "http://127.0.0.1:1/")
			status = 302
		}
		w.Header().Set("X-Room", "blue")
		if status != 0 {
			w.WriteHeader(status)
		}
		io.WriteString(w, "answer to "+q.Method)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *service) port() string {
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	return port
}

func TestAHostIsAskedAndItsAnswerUsed(t *testing.T) {
	s := newService(t)
	g := start(t, "onUpgrade: ask", `
      - {path: /named, onUpgrade: named}
      - {path: /gone, onUpgrade: gone}
      - {path: /slow, onUpgrade: slow}
policies:
  ask:
    filters:
      - type: call-url
        url: 'http://auth/rooms/${params.query.room}?q=${params.query.room}'
        method: POST
        headers: {X-Who: '${http.header.X-Who ?: "nobody"}'}
        body: 'for ${params.query.room}'
      - {type: connect-to-url, url: 'ws://HOST/${call.status}/${call.headers["X-Room"]}?${call.body}'}
  named: {filters: [{type: call-url, url: 'http://${params.query.host}/', ok: ['200']}, {type: http-status, status: 299}]}
  gone: {filters: [{type: call-url, url: 'http://gone/'}, {type: connect-to-url, url: ws://HOST/}]}
  slow: {filters: [{type: call-url, url: 'http://auth/hang', timeout: 20ms}, {type: connect-to-url, url: ws://HOST/}]}
remoteHosts:
  auth: {host: 127.0.0.1, port: `+s.port()+`}
  gone: {host: 127.0.0.1, port: 1}
`)
	g.open("/chat?room=a/b%20c", "X-Who", "ann")
	if asked, want := <-s.asked, `POST 127.0.0.1:`+s.port()+` /rooms/a%2Fb%20c?q=a%2Fb%20c "ann" for a/b c`; asked != want {
		t.Errorf("asked %s, want %s", asked, want)
	}
	if head := <-g.reached; !strings.HasPrefix(head, "/200/blue?answer%20to%20POST\n") {
		t.Errorf("the host got %s", head)
	}
	g.refuses(500, "/chat")
	g.refuses(299, "/named?host=auth")
	g.refuses(502, "/named?host=127.0.0.1:"+s.port())
	g.refuses(502, "/gone")
	g.refuses(504, "/slow")
}

func TestTheStatusOfACallDecides(t *testing.T) {
	s := newService(t)
	g := start(t, "onUpgrade: ask", `
policies:
  ask:
    filters:
      - {type: call-url, url: 'http://auth/x?status=${params.query.status}', ok: [200-299, 404], prefix: auth.check, failure: told}
      - {type: http-status, status: 204}
      - {name: told, type: compare-attribute, rules: [{value: '${auth.check.status}', with: '301'}], success: moved, failure: fail}
      - {name: moved, type: http-status, status: 299}
remoteHosts:
  auth: {host: 127.0.0.1, port: `+s.port()+`}
`)
	for status, want := range map[int]int{200: 204, 204: 204, 404: 204, 401: 403, 403: 403, 301: 299, 500: 502, 503: 502} {
		if status == 401 || status == 403 || status >= 500 {
			want = 403 // the failure of compare-attribute, which came last
		}
		g.refuses(want, fmt.Sprint("/chat?status=", status))
	}
}

func TestACallFailsWithTheStatusOfTheHost(t *testing.T) {
	s := newService(t)
	g := start(t, "onUpgrade: ask\nonClientFrame: client", `
      - {path: /connect, onUpgrade: connect, onClientFrame: client}
policies:
  connect: {filters: [{type: connect-to-url, url: ws://HOST/}]}
  ask: {filters: [{type: call-url, url: 'http://auth${params.query.path}'}, {type: http-status, status: 299}]}
  client:
    filters:
      - {type: call-url, url: 'http://auth/${content.body}', method: PUT, body: '${content.body}', timeout: 5m, failure: pass}
      - {type: set-message, body: '${call.body}'}
remoteHosts:
  auth: {host: 127.0.0.1, port: `+s.port()+`}
`)
	for path, want := range map[string]int{"/": 299, "/?status=401": 403, "/?status=503": 502, "/elsewhere": 403, "/long": 502, "/binary": 299} {
		g.refuses(want, "/chat?path="+strings.ReplaceAll(path, "?", "%3F"))
	}
	for range len(s.asked) {
		<-s.asked
	}
	c := g.open("/connect")
	says(t, c, "hello", "answer to PUT")
	if asked := <-s.asked; !strings.HasSuffix(asked, "/hello \"\" hello") {
		t.Errorf("asked %s", asked)
	}
	says(t, c, "long", "long") // failed, and passed on
	<-s.asked
	if err := c.WriteMessage(1, []byte("hang")); err != nil {
		t.Fatal(err)
	}
	<-s.asked // the call is on its way: the other direction goes on
	session := g.Sessions().All()[0]
	if err := session.Send(engine.ClientSide, wire.Text, []byte("meanwhile")); err != nil {
		t.Fatal(err)
	}
	if _, p, err := c.ReadMessage(); string(p) != "meanwhile" {
		t.Errorf("read %q, %v", p, err)
	}
	session.Stop(engine.Cause{By: "operator", Code: 1001}) // and ends the call
	if _, p, err := c.ReadMessage(); err == nil {
		t.Errorf("read %q after the end", p)
	}
}

// Whatever a URL says, the address that is dialled decides.
func TestACallDialsNoPrivateAddress(t *testing.T) {
	s, other := newService(t), newService(t)
	g := start(t, "onUpgrade: any", `
      - {path: /allowed, onUpgrade: allowed}
      - {path: /host, onUpgrade: host}
      - {path: /fixed, onUpgrade: fixed}
      - {path: /declared, onUpgrade: declared}
policies:
  any: {filters: [{type: call-url, url: '${params.query.u}', anyHost: true}, {type: http-status, status: 299}]}
  allowed: {filters: [{type: call-url, url: '${params.query.u}', anyHost: true, allow: [127.0.0.1]}, {type: http-status, status: 299}]}
  host: {filters: [{type: call-url, url: 'http://${params.query.h}/x', anyHost: true, allow: ['127.0.0.0/8']}, {type: http-status, status: 299}]}
  fixed: {filters: [{type: call-url, url: 'http://127.0.0.1:`+other.port()+`/', anyHost: true}, {type: http-status, status: 299}]}
  declared: {filters: [{type: call-url, url: 'http://auth/', anyHost: true}, {type: http-status, status: 299}]}
remoteHosts:
  auth: {host: 127.0.0.1, port: `+s.port()+`}
`)
	port := ":" + s.port() + "/"
	for _, u := range []string{
		"http://127.0.0.1" + port, "http://localhost" + port, "http://[::1]" + port, "http://[::ffff:127.0.0.1]" + port, "http://auth/",
		"http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/", "http://100.100.100.200/", "http://0.0.0.0" + port, "http://[64:ff9b::7f00:1]" + port,
		"http://LOCALHOST" + port, "http://[::ffff:7f00:1]" + port, "http://[fd00:ec2::254]/",
	} {
		g.refuses(403, "/chat?u="+u)
	}
	// What the C library takes for 127.0.0.1 is either a name that nobody has, or the address, and then refused.
	for _, host := range []string{"127.0.0.1.", "2130706433", "0x7f000001", "0x7f.1", "017700000001", "127.1", "0177.0.0.1", "127.0.0.1%252e", "①②⑦.0.0.1"} {
		c, answer, _ := g.upgrade("/chat?u=http://" + host + port)
		if c != nil || answer.StatusCode != 403 && answer.StatusCode != 502 && answer.StatusCode != 504 && answer.StatusCode != 400 {
			t.Errorf("%s: %s %s", host, answer.Status, g.log)
		}
	}
	for _, u := range []string{"ftp://x.test/", "http://u:p@x.test/", "//x.test/", "http://", "x", "http://x.test:99999/", "file:///etc/passwd"} {
		c, answer, _ := g.upgrade("/chat?u=" + u)
		if c != nil || answer.StatusCode != 400 && answer.StatusCode != 502 {
			t.Errorf("%s: %s", u, answer.Status)
		}
	}
	g.refuses(403, "/fixed")
	if len(s.asked)+len(other.asked) > 0 {
		t.Error("a service was asked at an address that is not allowed")
	}
	g.refuses(299, "/allowed?u=http://127.0.0.1"+port+"a%3Fb")
	g.refuses(299, "/host?h=127.0.0.1:"+s.port())
	g.refuses(400, "/host?h=a%2Fb")
	g.refuses(400, "/host?h=u@127.0.0.1")
	g.refuses(299, "/declared")
	if asked := <-s.asked; !strings.Contains(asked, " /a?b ") {
		t.Errorf("asked %s", asked)
	}
}

// rebinding is a name service that answers with the next address each time (DNS rebinding).
func rebinding(t *testing.T, addresses ...netip.Addr) (queries *atomic.Int32) {
	t.Helper()
	service, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	queries = new(atomic.Int32)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		query := make([]byte, 512)
		for {
			n, from, err := service.ReadFrom(query)
			if err != nil {
				return
			}
			service.WriteTo(answerTo(query[:n], func() netip.Addr {
				return addresses[min(int(queries.Add(1)), len(addresses))-1]
			}), from)
		}
	}()
	old := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", service.LocalAddr().String())
	}}
	t.Cleanup(func() {
		net.DefaultResolver = old
		service.Close()
		<-ended
	})
	return queries
}

// answerTo answers an A query with an address, and others with none (RFC 1035 §4.1).
func answerTo(query []byte, address func() netip.Addr) []byte {
	end := 12
	for query[end] != 0 {
		end += int(query[end]) + 1
	}
	reply := append([]byte(nil), query[:end+5]...)
	copy(reply[2:], []byte{0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0})
	if query[end+2] != 1 {
		return reply
	}
	reply[7] = 1
	reply = append(reply, 0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
	return append(reply, address().AsSlice()...)
}

// A name that is public when it is checked and private when it is dialled would get
// past a check of the text: here what was checked is what is dialled.
func TestARebindingNameReachesNothingInside(t *testing.T) {
	s := newService(t)
	public, private := netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.0.0.1")
	queries := rebinding(t, public, private)
	g := start(t, "onUpgrade: any", `
policies:
  any:
    filters:
      - {type: call-url, url: '${params.query.u}', anyHost: true, allow: [127.0.0.2], timeout: 5s}
      - {type: http-status, status: 299}
`)
	// Nobody listens at the address that is allowed, on this port.
	g.refuses(502, "/chat?u=http://rebind.framegate.invalid:"+s.port()+"/")
	rebinding(t, private)
	g.refuses(403, "/chat?u=http://inside.framegate.invalid:"+s.port()+"/")
	g.refuses(403, "/chat?u=http://inside.framegate.invalid.:"+s.port()+"/")
	if len(s.asked) > 0 {
		t.Errorf("a service inside was asked: %s, after %d look-ups", <-s.asked, queries.Load())
	}
}

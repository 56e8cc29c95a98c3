package filters_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"framegate/engine"
	"framegate/engine/wire"
	"framegate/filters"
	"framegate/remotehosts"
)

// wsHost is a remote host written by hand: it gives the answer to every upgrade, or
// accepts it, and keeps the request's head.
type wsHost struct {
	address string
	heads   chan string
}

// firstSubprotocol is an answer that accepts, with the first subprotocol that the host is offered.
const firstSubprotocol = "first subprotocol"

func newWSHost(t *testing.T, answer string) *wsHost {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	h := &wsHost{l.Addr().String(), make(chan string, 20)}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go h.serve(c, answer)
		}
	}()
	return h
}

func (h *wsHost) serve(c net.Conn, answer string) {
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	head := readHead(bufio.NewReader(c))
	h.heads <- head
	if answer == "" || answer == firstSubprotocol {
		_, block, _ := strings.Cut(head, "\r\n")
		headers, _ := wire.ParseHeaders([]byte(block))
		accept := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
			wire.AcceptKey(headers.Get("Sec-WebSocket-Key")) + "\r\n"
		if first, _, _ := strings.Cut(headers.Get("Sec-WebSocket-Protocol"), ","); answer == firstSubprotocol && first != "" {
			accept += "Sec-WebSocket-Protocol: " + first + "\r\n"
		}
		answer = accept + "\r\n\x81\x05early"
	}
	io.WriteString(c, answer)
	io.Copy(io.Discard, c)
}

// readHead reads a request or an answer up to the empty line.
func readHead(r *bufio.Reader) string {
	var head strings.Builder
	for {
		line, err := r.ReadString('\n')
		head.WriteString(line)
		if err != nil || line == "\r\n" {
			return head.String()
		}
	}
}

func definitionOf(name, address string) remotehosts.Definition {
	at := netip.MustParseAddrPort(address)
	return remotehosts.Definition{
		Name: name, Host: at.Addr().String(), Port: int(at.Port()), AllowHTTP11: true, MaxConnections: -1,
		ConnectTimeout: 10 * time.Second, ActiveTimeout: 10 * time.Second,
	}
}

// newConnect makes the filter with a URL and prepares it.
func newConnect(t *testing.T, url string, defs ...remotehosts.Definition) (engine.Filter, error) {
	t.Helper()
	kind, ok := filters.Lookup("ConnectToURLFilter")
	if !ok || kind.Type != "connect-to-url" {
		t.Fatal("there is no filter connect-to-url")
	}
	selector, err := engine.ParseSelector(url)
	if err != nil {
		t.Fatal(err)
	}
	f := kind.New()
	reflect.ValueOf(f).Elem().FieldByName("URL").Set(reflect.ValueOf(selector))
	set, problems := remotehosts.NewSet(defs, nil, nil)
	if len(problems) > 0 {
		t.Fatal(problems[0])
	}
	return f, f.(filters.Preparer).Prepare(&filters.Env{Hosts: set})
}

func upgradeMessage(t *testing.T, uri string, headers string) *engine.Message {
	t.Helper()
	h, err := wire.ParseHeaders([]byte("Host: gate.test\r\n" + headers))
	if err != nil {
		t.Fatal(err)
	}
	path, query, _ := strings.Cut(uri, "?")
	return engine.NewMessage(engine.OnUpgrade, &engine.Request{
		Method: "GET", URI: uri, Path: path, Query: query, Host: "gate.test", Headers: h, Client: netip.MustParseAddrPort("192.0.2.7:4711"),
	}, 0, nil)
}

// What selectors yield stays where it stands: it changes neither scheme nor
// host, adds no segment, parameter or line, and climbs no directory.
func TestConnectToURLTarget(t *testing.T) {
	host := newWSHost(t, "")
	at := host.address
	for _, test := range []struct {
		url, uri, room string
		want           string // the request target; empty: the filter fails with 400
	}{
		{"ws://chat", "/x", "a", "/"},
		{"http://chat/", "/x", "a", "/"},
		{"ws://" + at + "/rooms?x=1", "/x", "a", "/rooms?x=1"},
		{"ws://chat/rooms/${http.header.Room}", "/x", "lobby", "/rooms/lobby"},
		{"ws://chat/rooms/${http.header.Room}/in", "/x", "a/b c?d#e%f&g=ü", "/rooms/a%2Fb%20c%3Fd%23e%25f%26g%3D%C3%BC/in"},
		{"ws://chat/?room=${http.header.Room}&secure=1", "/x", "a&admin=1 +", "/?room=a%26admin%3D1%20%2B&secure=1"},
		{"ws://chat/x?a=?${http.header.Room}", "/x", "1&b=2", "/x?a=?1%26b%3D2"},
		{"ws://chat/${http.header.Room}", "/x", "@evil.test/", "/%40evil.test%2F"},
		{"ws://chat/rooms/${http.header.Room}", "/x", "..", ""},
		{"ws://chat/rooms/.${http.header.Room}", "/x", ".", ""},
		{"ws://chat/rooms/${http.header.Room}", "/x", "../../admin", ""},
		{"ws://chat/rooms/${http.header.Room}", "/x", `..\admin`, ""},
		{"ws://chat/rooms/${http.header.Room}", "/x", "..;a=b", ""},
		{"ws://chat/rooms/${http.header.Room}", "/x", "...", "/rooms/..."},
		{"ws://chat${http.request.uri}", "/a%2Cb/c?d=e%26f&g", "", "/a%2Cb/c?d=e%26f&g"},
		{"ws://" + at + "${http.request.uri}", "/a", "", "/a"},
		{"ws://chat${http.request.path}?key=1", "/a/b?c", "", "/a/b?key=1"},
		{"ws://chat/x?${http.querystring}", "/a?b=c&d=%20", "", "/x?b=c&d=%20"},
		{"ws://chat/x?${http.querystring}", "/a", "", "/x"},
		{"ws://chat${http.header.Room}", "/x", ".evil.test/x", "/.evil.test/x"},
		{"ws://chat${http.header.Room}", "/x", "//evil.test/x", ""},
		{"ws://chat${http.header.Room}", "/x", "/a/../b", ""},
		{"ws://chat${http.header.Room}", "/x", "/a b#c", "/a%20b%23c"},
		{`ws://chat/${http.header.None ?: "a}b/c"}/d`, "/x", "", "/a%7Db%2Fc/d"},
		{"ws://${http.header.Room}/x", "/x", "chat", "/x"},
		{"ws://ch${http.header.Room}/x", "/x", "at", "/x"},
	} {
		f, err := newConnect(t, test.url, definitionOf("chat", at))
		if err != nil {
			t.Errorf("%s: %v", test.url, err)
			continue
		}
		m := upgradeMessage(t, test.uri, "Room: "+test.room+"\r\n")
		pass, err := f.Run(m)
		m.Connect(nil)
		status, _, reason := m.Refusal()
		switch {
		case err != nil:
			t.Errorf("%s with %q: %v", test.url, test.room, err)
		case test.want == "" && (pass || status != 400):
			t.Errorf("%s with %q: passes %t, %d %s", test.url, test.room, pass, status, reason)
		case test.want != "" && !pass:
			t.Errorf("%s with %q: %d %s", test.url, test.room, status, reason)
		case test.want != "":
			line, _, _ := strings.Cut(<-host.heads, "\r\n")
			if want := "GET " + test.want + " HTTP/1.1"; line != want {
				t.Errorf("%s with %q sends %q, want %q", test.url, test.room, line, want)
			}
		}
	}
	if len(host.heads) > 0 {
		t.Errorf("a request too many:\n%s", <-host.heads)
	}
}

// With balancing: sticky the message's key decides the address, and a message
// without it aborts.
func TestConnectToURLSticksToAnAddress(t *testing.T) {
	def := definitionOf("chat", "192.0.2.1:9001")
	def.Addresses = []remotehosts.Addresses{{Priority: 1, Weight: 1}}
	def.Balancing = "sticky"
	if err := def.StickyKey.UnmarshalText([]byte("${http.header.X-Room}")); err != nil {
		t.Fatal(err)
	}
	var hosts []*wsHost
	for range 3 {
		h := newWSHost(t, "")
		hosts, def.Addresses[0].List = append(hosts, h), append(def.Addresses[0].List, h.address)
	}
	f, err := newConnect(t, "ws://chat/", def)
	if err != nil {
		t.Fatal(err)
	}
	homes := make(map[string]*wsHost)
	for i := range 40 {
		room := fmt.Sprint("room", i%10)
		m := upgradeMessage(t, "/", "X-Room: "+room+"\r\n")
		if pass, err := f.Run(m); !pass || err != nil {
			t.Fatal(pass, err)
		}
		m.Connect(nil)
		for _, h := range hosts {
			if len(h.heads) == 0 {
				continue
			}
			<-h.heads
			if homes[room] != nil && homes[room] != h {
				t.Errorf("%s went to %s and to %s", room, homes[room].address, h.address)
			}
			homes[room] = h
		}
	}
	used := make(map[*wsHost]bool)
	for _, h := range homes {
		used[h] = true
	}
	if len(homes) != 10 || len(used) < 2 {
		t.Errorf("%d rooms use %d addresses", len(homes), len(used))
	}
	var missing *engine.MissingAttribute
	if pass, err := f.Run(upgradeMessage(t, "/", "")); pass || !errors.As(err, &missing) {
		t.Errorf("without the header it passes %t, %v", pass, err)
	}
}

// In place of the host a selector can only yield the name of a remote host.
func TestConnectToURLHostFromSelector(t *testing.T) {
	other := newWSHost(t, "")
	for _, value := range []string{"other", other.address, "CHAT", "chat/", "chat:9001", "user@chat", ""} {
		f, err := newConnect(t, "ws://${http.header.To}/x", definitionOf("chat", "127.0.0.1:1"))
		if err != nil {
			t.Fatal(err)
		}
		m := upgradeMessage(t, "/", "To: "+value+"\r\n")
		pass, err := f.Run(m)
		if status, _, _ := m.Refusal(); pass || err != nil || status != 502 {
			t.Errorf("%q: passes %t, %d, %v", value, pass, status, err)
		}
	}
	f, err := newConnect(t, "ws://chat/${http.header.Missing}", definitionOf("chat", other.address))
	if err != nil {
		t.Fatal(err)
	}
	var missing *engine.MissingAttribute
	if _, err := f.Run(upgradeMessage(t, "/", "")); !errors.As(err, &missing) {
		t.Errorf("a missing attribute: %v", err)
	}
	if len(other.heads) > 0 {
		t.Error("a host was reached that nobody named")
	}
}

func TestConnectToURLPrepare(t *testing.T) {
	old := definitionOf("old", "127.0.0.1:1")
	old.AllowHTTP11 = false
	for _, test := range []struct{ url, what, hint string }{
		{"ws://caht/", `no remote host "caht"`, `did you mean "chat"?`},
		{"ws://database/", `no remote host "database"`, "database:PORT"},
		{"ws://caht${http.request.uri}", `no remote host "caht"`, `did you mean "chat"?`},
		{"ws://old/", "HTTP/1.1", "allowHTTP11: true"},
		{"chat/rooms", "no scheme", "ws://"},
		{"${http.header.Url}", "no scheme", "ws://"},
		{"${http.header.Scheme}://chat/", "no scheme", "ws://"},
		{"ftp://chat/", `"ftp"`, "wss://"},
		{"ws://chat/a b", "percent-encoded", "%20"},
		{"ws://chat/x#frag", "percent-encoded", "%23"},
		{"ws://chat/${id} x", "percent-encoded", "%20"},
		{"ws://${http.header.To}:9001/", "name of a remote host", "declare"},
		{"ws://me:secret@chat/", "user name", ""},
	} {
		_, err := newConnect(t, test.url, definitionOf("chat", "127.0.0.1:1"), old)
		var field *filters.FieldError
		if !errors.As(err, &field) || field.Field != "url" || !strings.Contains(field.Err.Error(), test.what) || !strings.Contains(field.Hint, test.hint) {
			t.Errorf("%s: %+v", test.url, err)
		}
	}
	for _, url := range []string{"ws://chat/", "wss://CHAT.example.test/", "ws://localhost", "ws://backend:9000/", "ws://[::1]:9001/", "ws://${to}/"} {
		if _, err := newConnect(t, url, definitionOf("chat", "127.0.0.1:1")); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// Each cause has its status, and the filter fails rather than aborts, so that a
// failure arrow can lead to another host.
func TestConnectToURLFailures(t *testing.T) {
	refusing := newWSHost(t, "HTTP/1.1 418 Teapot\r\nContent-Length: 3\r\n\r\ntea")
	broken := newWSHost(t, "nonsense\r\n")
	good := newWSHost(t, "")
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for _, test := range []struct {
		address string
		status  int
		reason  string
	}{
		{refusing.address, 418, "answered 418"},
		{broken.address, 502, "does not speak HTTP"},
		{closed.Addr().String(), 502, "connection refused"},
	} {
		f, err := newConnect(t, "ws://"+test.address+"/")
		if err != nil {
			t.Fatal(err)
		}
		m := upgradeMessage(t, "/", "")
		pass, err := f.Run(m)
		status, _, reason := m.Refusal()
		if pass || err != nil || status != test.status || !strings.Contains(reason, test.reason) {
			t.Errorf("%s: passes %t, %v, %d %s", test.reason, pass, err, status, reason)
		}
		if refused := test.status == 418; m.Answer.FromHost != refused || (m.Answer.Status == 418) != refused {
			t.Errorf("%s: the answer is %+v", test.reason, m.Answer)
		}
		next, err := newConnect(t, "ws://"+good.address+"/")
		if err != nil {
			t.Fatal(err)
		}
		if pass, err := next.Run(m); !pass || err != nil || m.Answer.Status != 0 || !m.Connected() {
			t.Errorf("another host after %s: passes %t, %v, answer %+v", test.reason, pass, err, m.Answer)
		}
		m.Connect(nil)
	}
}

// identify is a filter that puts the client's identity into the request.
type identify struct{}

func (identify) Run(m *engine.Message) (bool, error) {
	return true, m.Request.Headers.Set("X-User", "alice")
}

// gateTo runs a gateway with one websocket on /, whose policy identifies and connects.
func gateTo(t *testing.T, url string) (address string) {
	t.Helper()
	f, err := newConnect(t, url)
	if err != nil {
		t.Fatal(err)
	}
	policy := &engine.Policy{Name: "admit", Fault: -1, Nodes: []engine.Node{
		{Name: "identify", Filter: identify{}, Success: 1, Failure: engine.EndFail},
		{Name: "connect", Filter: f, Success: engine.EndPass, Failure: engine.EndFail},
	}}
	port := &engine.Port{Name: "public", Listen: []string{"127.0.0.1:0"}, Limits: engine.PortLimits{Header: 16 << 10, URI: 8 << 10, Handshake: 5 * time.Second}}
	port.Websockets = []*engine.Websocket{{Path: "/", Port: "public", Upgrade: policy}}
	g := engine.New(slog.New(slog.NewTextHandler(t.Output(), nil)), func(context.Context, *engine.Snapshot) (*engine.Snapshot, []engine.Problem) {
		return &engine.Snapshot{Ports: map[string]*engine.Port{"public": port}}, nil
	})
	if problems, err := g.Start(t.Context()); err != nil {
		t.Fatal(err, problems)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := g.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
	return g.Addresses()["public"][0]
}

// ask sends an upgrade request and returns the connection and the answer's head.
func ask(t *testing.T, address, target, headers string) (*bufio.Reader, string) {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: gate.test\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\n%s\r\n", target, headers)
	r := bufio.NewReader(c)
	return r, readHead(r)
}

// Through a whole gateway: http:// and ws:// send the same bytes, early frames
// arrive, and a client cannot have removed what the policy tells the host.
func TestConnectToURLThroughAGateway(t *testing.T) {
	host := newWSHost(t, "")
	var heads []string
	for _, scheme := range []string{"ws", "http"} {
		r, head := ask(t, gateTo(t, scheme+"://"+host.address+"${http.request.uri}"), "/a?b=c", "Connection: Upgrade, x-user\r\nX-User: mallory\r\nx-lower: 1\r\n")
		if !strings.HasPrefix(head, "HTTP/1.1 101 ") || !strings.Contains(head, "HSmrc0sMlYUkAGmm5OPpG2HaGWk=") {
			t.Fatalf("the client got\n%s", head)
		}
		frame := make([]byte, 7)
		if _, err := io.ReadFull(r, frame); err != nil || string(frame) != "\x81\x05early" {
			t.Errorf("the first frame is %q, %v", frame, err)
		}
		var lines []string
		for line := range strings.SplitSeq(<-host.heads, "\r\n") {
			if id, ok := strings.CutPrefix(line, "X-CorrelationID: "); ok && len(id) == 26 {
				line = "X-CorrelationID: the session's"
			}
			if !strings.HasPrefix(line, "traceparent: ") && !strings.HasPrefix(line, "Sec-WebSocket-Key: ") {
				lines = append(lines, line)
			}
		}
		heads = append(heads, strings.Join(lines, "\n"))
	}
	if diff := cmp.Diff(heads[0], heads[1]); diff != "" {
		t.Error(diff)
	}
	want := "GET /a?b=c HTTP/1.1\nHost: " + host.address + `
x-lower: 1
X-User: alice
X-Forwarded-For: 127.0.0.1
X-Forwarded-Proto: http
X-Forwarded-Host: gate.test
X-CorrelationID: the session's
Connection: Upgrade
Upgrade: websocket
Sec-WebSocket-Version: 13

`
	if diff := cmp.Diff(want, heads[0]); diff != "" {
		t.Error(diff)
	}
}

// The host's refusal goes to the client whole: status, headers in their case
// and number, and a body of any length.
func TestRefusalThroughAGateway(t *testing.T) {
	body := strings.Repeat("no entry. ", 500)
	host := newWSHost(t, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 401 Unauthorized\r\nwww-AUTHENTICATE: Basic realm=\"a\"\r\n"+
		"X-Twice: a\r\nx-twice: b\r\nSet-Cookie: a=1; Path=/x\r\nSet-Cookie: a=1; Path=/y\r\nServer: backend/1\r\nConnection: close\r\nContent-Length: 5000\r\n\r\n"+body)
	r, head := ask(t, gateTo(t, "ws://"+host.address+"/"), "/", "Connection: Upgrade\r\n")
	if !strings.HasPrefix(head, "HTTP/1.1 401 ") {
		t.Errorf("the client got\n%s", head)
	}
	for _, line := range []string{"www-AUTHENTICATE: Basic realm=\"a\"", "X-Twice: a", "x-twice: b", "Set-Cookie: a=1; Path=/x", "Set-Cookie: a=1; Path=/y", "Server: backend/1", "Content-Length: 5000"} {
		if strings.Count(head, line+"\r\n") != 1 {
			t.Errorf("%q does not stand once in\n%s", line, head)
		}
	}
	for _, name := range []string{"Link", "Content-Type"} {
		if strings.Contains(head, name+":") {
			t.Errorf("%s, which the final answer did not have, stands in\n%s", name, head)
		}
	}
	got := make([]byte, len(body))
	if _, err := io.ReadFull(r, got); err != nil || string(got) != body {
		t.Errorf("the body is %.40q, %v", got, err)
	}
}

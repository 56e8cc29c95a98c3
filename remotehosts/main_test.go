package remotehosts_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"framegate/engine"
	"framegate/engine/wire"
	"framegate/remotehosts"
)

// The two that are left are of the fasthttp server that one test runs: a clock
// that never ends, and a sweep that sleeps for 10 s before it does.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
}

// patience bounds every wait of a test; nothing is meant to take so long.
const patience = 10 * time.Second

// backend is a host that a test writes by hand: it accepts connections until
// the test ends, reads the head of a request and lets the test answer.
type backend struct {
	address string
	heads   chan string // of the requests that came
	closed  chan struct{}
}

// serve starts a backend. Connections are closed when answer returns.
func serve(t *testing.T, config *tls.Config, answer func(c net.Conn, head string)) *backend {
	t.Helper()
	return serveAt(t, "127.0.0.1:0", config, answer)
}

// serveWaiting starts a backend that, after its answer, waits until the gateway
// closes the connection, and says so.
func serveWaiting(t *testing.T, answer func(c net.Conn, head string)) *backend {
	t.Helper()
	return listen(t, "127.0.0.1:0", nil, func(b *backend, c net.Conn, head string) {
		answer(c, head)
		io.Copy(io.Discard, c)
		b.closed <- struct{}{}
	})
}

func serveAt(t *testing.T, address string, config *tls.Config, answer func(c net.Conn, head string)) *backend {
	t.Helper()
	return listen(t, address, config, func(_ *backend, c net.Conn, head string) { answer(c, head) })
}

func listen(t *testing.T, address string, config *tls.Config, answer func(b *backend, c net.Conn, head string)) *backend {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	b := &backend{address: l.Addr().String(), heads: make(chan string, 100), closed: make(chan struct{}, 100)}
	var open sync.WaitGroup
	var mu sync.Mutex
	conns := map[net.Conn]bool{}
	open.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns[c] = true
			mu.Unlock()
			open.Go(func() {
				defer c.Close()
				b.handle(c, config, answer)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for c := range conns {
			c.Close()
		}
		mu.Unlock()
		open.Wait()
	})
	return b
}

func (b *backend) handle(c net.Conn, config *tls.Config, answer func(*backend, net.Conn, string)) {
	c.SetDeadline(time.Now().Add(patience))
	if config != nil {
		secured := tls.Server(c, config)
		if secured.Handshake() != nil {
			return
		}
		c = secured
	}
	head, err := readHead(c)
	if err != nil {
		return
	}
	b.heads <- head
	answer(b, c, head)
}

func readHead(c net.Conn) (string, error) {
	var head strings.Builder
	for r := bufio.NewReader(c); ; {
		line, err := r.ReadString('\n')
		head.WriteString(line)
		if err != nil || line == "\r\n" {
			return head.String(), err
		}
	}
}

// header finds a field in the head of a request.
func header(head, name string) string {
	_, block, _ := strings.Cut(head, "\r\n")
	h, err := wire.ParseHeaders([]byte(block))
	if err != nil {
		return err.Error()
	}
	return h.Get(name)
}

// switching is the answer that accepts an upgrade, with more header lines.
func switching(head string, more ...string) string {
	return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		wire.AcceptKey(header(head, "Sec-WebSocket-Key")) + "\r\n" + strings.Join(more, "") + "\r\n"
}

// accept accepts an upgrade and keeps the connection until the gateway closes it.
func accept(c net.Conn, head string) {
	io.WriteString(c, switching(head))
	io.Copy(io.Discard, c)
}

// declare makes a set of one remote host named chat.
func declare(t *testing.T, address string, change func(*remotehosts.Definition)) *remotehosts.Host {
	t.Helper()
	def := definition("chat", address)
	if change != nil {
		change(&def)
	}
	set, problems := remotehosts.NewSet([]remotehosts.Definition{def}, os.DirFS(t.TempDir()), nil)
	if len(problems) > 0 {
		t.Fatal(problems[0])
	}
	h, ok := set.Named("chat")
	if !ok {
		t.Fatal("there is no host chat")
	}
	return h
}

func definition(name, address string) remotehosts.Definition {
	at := netip.MustParseAddrPort(address)
	return remotehosts.Definition{
		Name: name, Host: at.Addr().String(), Port: int(at.Port()), AllowHTTP11: true, MaxConnections: -1,
		ConnectTimeout: patience, ActiveTimeout: patience, IdleTimeout: patience,
	}
}

// call asks for /chat with a few headers.
func call() *remotehosts.Call { return callWith("Host: gate.test\r\nUser-Agent: test/1\r\n") }

func callWith(block string) *remotehosts.Call {
	headers, err := wire.ParseHeaders([]byte(block))
	if err != nil {
		panic(err)
	}
	return &remotehosts.Call{Target: "/chat", Request: &engine.Request{
		Method: "GET", URI: "/chat", Path: "/chat", Host: "gate.test", Headers: headers,
		Client: netip.MustParseAddrPort("192.0.2.7:4711"),
	}}
}

// descriptors counts the process's open sockets and files.
func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc/self/fd to count descriptors in")
	}
	return len(entries)
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

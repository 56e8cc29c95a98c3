package remotehosts_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"runtime/debug"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"framegate/engine"
	"framegate/remotehosts"
)

func TestConnectionRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	expectError(t, declare(t, l.Addr().String(), nil), call(), 502, "connection refused")
}

// nameServer makes a name service on loopback the process's own while the test
// runs. Without an answer to a query it is silent.
func nameServer(t *testing.T, answer func(query []byte) []byte) {
	t.Helper()
	service, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		query := make([]byte, 512)
		for {
			n, from, err := service.ReadFrom(query)
			if err != nil {
				return
			}
			if n < 12 {
				continue
			}
			if reply := answer(query[:n]); reply != nil {
				service.WriteTo(reply, from)
			}
		}
	}()
	// A look-up outlives the call that no longer waits for it, so its sockets are the test's to close.
	var mu sync.Mutex
	var sockets []net.Conn
	over := false
	old := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		mu.Lock()
		defer mu.Unlock()
		if over {
			return nil, net.ErrClosed
		}
		c, err := new(net.Dialer).DialContext(ctx, "udp", service.LocalAddr().String())
		if err == nil {
			sockets = append(sockets, c)
		}
		return c, err
	}}
	t.Cleanup(func() {
		mu.Lock()
		defer mu.Unlock()
		net.DefaultResolver, over = old, true
		for _, c := range sockets {
			c.Close()
		}
		service.Close()
		<-ended
	})
}

// unknown says that there is no such name: NXDOMAIN (RFC 1035 §4.1.1).
func unknown(query []byte) []byte {
	query[2], query[3] = 0x81, 0x83
	return query
}

func silent([]byte) []byte { return nil }

func TestNameThatCannotBeLookedUp(t *testing.T) {
	named := func(d *remotehosts.Definition) {
		d.Host, d.ConnectTimeout = "chat.framegate.invalid", 100*time.Millisecond
	}
	t.Run("unknown", func(t *testing.T) {
		nameServer(t, unknown)
		expectError(t, declare(t, "127.0.0.1:1", func(d *remotehosts.Definition) {
			named(d)
			d.ConnectTimeout = patience
		}), call(), 502, "host name chat.framegate.invalid is not known")
	})
	t.Run("no answer in time", func(t *testing.T) {
		nameServer(t, silent)
		expectError(t, declare(t, "127.0.0.1:1", named), call(), 504, "connecting took longer than 100ms")
	})
}

// authority is a certificate authority of a test's own.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

// server makes a server's certificate for a name, valid until the time.
func (a *authority) server(t *testing.T, name string, until time.Time) *tls.Config {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: until, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

func TestTLS(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	valid := time.Now().Add(time.Hour)
	files := fstest.MapFS{"tls/ca.pem": {Data: ours.pem}}
	good := remotehosts.TLS{CA: "tls/ca.pem", ServerName: "chat.test"}
	with := func(c *tls.Config, change func(*tls.Config)) *tls.Config { change(c); return c }
	for _, test := range []struct {
		name   string
		server *tls.Config
		tls    remotehosts.TLS
		what   string // empty: the upgrade succeeds
	}{
		{"own authority", ours.server(t, "chat.test", valid), good, ""},
		{"anybody, with trustAll", theirs.server(t, "other.test", valid), remotehosts.TLS{TrustAll: true}, ""},
		{"TLS 1.2", with(ours.server(t, "chat.test", valid), func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }), good, ""},
		{"unknown authority", theirs.server(t, "chat.test", valid), good, "signed by an unknown authority"},
		{"the machine's authorities", ours.server(t, "chat.test", valid), remotehosts.TLS{ServerName: "chat.test"}, "signed by an unknown authority"},
		{"wrong name", ours.server(t, "other.test", valid), good, "its certificate is not for chat.test"},
		{"address that the certificate does not name", ours.server(t, "chat.test", valid), remotehosts.TLS{CA: "tls/ca.pem"}, "127.0.0.1"},
		{"expired", ours.server(t, "chat.test", time.Now().Add(-time.Hour)), good, "expired"},
		{"TLS 1.1 only", with(ours.server(t, "chat.test", valid), func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS11, tls.VersionTLS11 }), good, "protocol version"},
		{"no HTTP/1.1 by ALPN", with(ours.server(t, "chat.test", valid), func(c *tls.Config) { c.NextProtos = []string{"mqtt"} }), good, "application protocol"},
	} {
		t.Run(test.name, func(t *testing.T) {
			seen := make(chan tls.ConnectionState, 1)
			b := serve(t, test.server, func(c net.Conn, head string) {
				if secured, ok := c.(*tls.Conn); ok {
					seen <- secured.ConnectionState()
				}
				accept(c, head)
			})
			def := definition("chat", b.address)
			def.TLS = test.tls
			set, problems := remotehosts.NewSet([]remotehosts.Definition{def}, files, nil)
			if len(problems) > 0 {
				t.Fatal(problems[0])
			}
			host, err := set.Find("wss://chat/")
			if err != nil {
				t.Fatal(err)
			}
			c := call()
			c.TLS = true
			if test.what != "" {
				expectError(t, host, c, 502, test.what)
				return
			}
			s, err := host.Upgrade(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			s.Conn.Close()
			state := <-seen
			if state.ServerName != test.tls.ServerName || state.Version < tls.VersionTLS12 {
				t.Errorf("the host saw server name %q, version %x", state.ServerName, state.Version)
			}
		})
	}
}

func TestHostWithoutTLS(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		if c, err := l.Accept(); err == nil {
			io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
			io.Copy(io.Discard, c)
			c.Close()
		}
	}()
	c := call()
	c.TLS = true
	expectError(t, declare(t, l.Addr().String(), nil), c, 502, "does not speak TLS")
}

// silentTLS is a host that connects and then says nothing.
func silentTLS(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

func TestConnectTimeoutCoversTLS(t *testing.T) {
	c := call()
	c.TLS, c.ConnectTimeout = true, 50*time.Millisecond
	expectError(t, declare(t, silentTLS(t), nil), c, 504, "the TLS handshake took longer than 50ms")
}

// When the client goes away, or the time for the upgrade is up, it ends at
// whichever step it is and leaves nothing.
func TestEndOfTheUpgrade(t *testing.T) {
	gone := errors.New("the client has gone")
	one := func(d *remotehosts.Definition) { d.MaxConnections = 1 }
	for _, step := range []struct {
		name   string
		status int // when time is up
		// start makes a host that keeps an upgrade in this step, and a signal that it is there.
		start func(t *testing.T) (h *remotehosts.Host, c *remotehosts.Call, reached func())
	}{
		{"queueing", 503, func(t *testing.T) (*remotehosts.Host, *remotehosts.Call, func()) {
			h := declare(t, serve(t, nil, accept).address, one)
			s, err := h.Upgrade(t.Context(), call())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Conn.Close(); s.Release() })
			return h, call(), func() {
				until(t, "an upgrade waits", func() bool { _, waiting := h.Connections(); return waiting == 1 })
			}
		}},
		{"dialling", 504, func(t *testing.T) (*remotehosts.Host, *remotehosts.Call, func()) {
			h, c := declare(t, silentTLS(t), one), call()
			c.TLS = true
			return h, c, func() {
				until(t, "an upgrade dials", func() bool { open, _ := h.Connections(); return open == 1 })
			}
		}},
		{"waiting", 504, func(t *testing.T) (*remotehosts.Host, *remotehosts.Call, func()) {
			b := serveWaiting(t, func(net.Conn, string) {})
			return declare(t, b.address, one), call(), func() { <-b.heads }
		}},
	} {
		t.Run("cancelled while "+step.name, func(t *testing.T) {
			defer debug.SetGCPercent(debug.SetGCPercent(-1))
			h, c, reached := step.start(t)
			before := descriptors(t)
			ctx, cancel := context.WithCancelCause(t.Context())
			result := make(chan error, 1)
			go func() {
				_, err := h.Upgrade(ctx, c)
				result <- err
			}()
			reached()
			cancel(gone)
			if err := <-result; !errors.Is(err, gone) || errors.As(err, new(*remotehosts.Error)) {
				t.Errorf("error is %v, want the cause", err)
			}
			until(t, "descriptors closed", func() bool { return descriptors(t) <= before })
			if _, waiting := h.Connections(); waiting != 0 {
				t.Errorf("%d still wait", waiting)
			}
		})
		t.Run("out of time while "+step.name, func(t *testing.T) {
			h, c, _ := step.start(t)
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			_, err := h.Upgrade(ctx, c)
			var failed *remotehosts.Error
			if !errors.As(err, &failed) || failed.Status != step.status {
				t.Errorf("error is %v, want %d", err, step.status)
			}
		})
	}
}

// With maxConnections 1 the upgrades take turns in the order they came.
func TestQueueIsFirstInFirstOut(t *testing.T) {
	h := declare(t, serve(t, nil, accept).address, func(d *remotehosts.Definition) { d.MaxConnections = 1 })
	first, err := h.Upgrade(t.Context(), call())
	if err != nil {
		t.Fatal(err)
	}
	type turn struct {
		number int
		socket *engine.Socket
		err    error
	}
	turns := make(chan turn)
	for i := range 3 {
		go func() {
			s, err := h.Upgrade(t.Context(), call())
			turns <- turn{i, s, err}
		}()
		until(t, "another upgrade waits", func() bool { _, waiting := h.Connections(); return waiting == i+1 })
	}
	s := first
	for i := range 3 {
		s.Conn.Close()
		s.Release()
		s.Release() // must not free a second place
		got := <-turns
		if got.err != nil || got.number != i {
			t.Fatalf("turn %d went to upgrade %d: %v", i, got.number, got.err)
		}
		if open, waiting := h.Connections(); open != 1 || waiting != 2-i {
			t.Fatalf("%d open, %d wait", open, waiting)
		}
		s = got.socket
	}
	c := call()
	c.ActiveTimeout = 20 * time.Millisecond
	_, err = h.Upgrade(t.Context(), c)
	var failed *remotehosts.Error
	if !errors.As(err, &failed) || failed.Status != 503 || failed.What != "all 1 connections are in use" {
		t.Errorf("with the queue full: %v", err)
	}
	s.Conn.Close()
	s.Release()
	if open, waiting := h.Connections(); open != 0 || waiting != 0 {
		t.Errorf("%d open, %d wait", open, waiting)
	}
}

// Hosts that nobody declared share 128 connections, over reloads too.
func TestUndeclaredHostsShareACap(t *testing.T) {
	set, _ := remotehosts.NewSet(nil, nil, nil)
	addresses := []string{serve(t, nil, accept).address, serve(t, nil, accept).address}
	for i := range 128 {
		if i == 64 {
			set, _ = remotehosts.NewSet(nil, nil, set)
		}
		h, err := set.Find("ws://" + addresses[i%2])
		if err != nil {
			t.Fatal(err)
		}
		s, err := h.Upgrade(t.Context(), call())
		if err != nil {
			t.Fatal(err)
		}
		defer s.Release()
		defer s.Conn.Close()
	}
	h, err := set.Find("http://" + addresses[0] + "/x")
	if err != nil {
		t.Fatal(err)
	}
	c := call()
	c.ActiveTimeout = time.Millisecond
	_, err = h.Upgrade(t.Context(), c)
	if want := fmt.Sprintf("remote host %s: all 128 connections are in use", addresses[0]); err == nil || err.Error() != want {
		t.Errorf("error is %v, want %s", err, want)
	}
}

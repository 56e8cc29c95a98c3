package remotehosts_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"framegate/remotehosts"
)

// proxying is an HTTP proxy that connects to whatever it is asked for, or to one
// address instead.
func proxying(t *testing.T, instead string) *backend {
	return serve(t, nil, func(c net.Conn, head string) {
		if header(head, "Proxy-Authorization") != "Basic Ym9iOnNlY3JldA==" { // bob:secret
			io.WriteString(c, "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
			return
		}
		address := strings.Fields(head)[1]
		if instead != "" {
			address = instead
		}
		up, err := net.Dial("tcp", address)
		if err != nil {
			io.WriteString(c, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
			return
		}
		defer up.Close()
		io.WriteString(c, "HTTP/1.1 200 Connected\r\n\r\n")
		done := make(chan struct{})
		go func() {
			defer close(done)
			io.Copy(c, up)
			c.Close()
		}()
		io.Copy(up, c)
		up.Close()
		<-done
	})
}

func TestProxy(t *testing.T) {
	ca := newAuthority(t)
	files := fstest.MapFS{"ca.pem": {Data: ca.pem}}
	plain := serve(t, nil, accept)
	tlsHost := serve(t, ca.server(t, "chat.test", time.Now().Add(time.Hour)), accept)
	for _, test := range []struct {
		name    string
		host    string // where the name leads, by the proxy
		tls     bool
		change  func(*remotehosts.Definition)
		connect string // what the proxy was asked for; empty: nothing
		what    string // empty: upgraded
	}{
		{"address", plain.address, false, nil, plain.address, ""},
		{"TLS inside", tlsHost.address, true, nil, tlsHost.address, ""},
		{"name", plain.address, false, func(d *remotehosts.Definition) { d.Host, d.Port = "chat.framegate.invalid", 99 }, "chat.framegate.invalid:99", ""},
		{"bypass by network", plain.address, false, func(d *remotehosts.Definition) { d.Proxy.Bypass = []string{".test", "127.0.0.0/8"} }, "", ""},
		{"bypass by address", plain.address, false, func(d *remotehosts.Definition) { d.Proxy.Bypass = []string{"127.0.0.1"} }, "", ""},
		{"bypass of others", plain.address, false, func(d *remotehosts.Definition) { d.Proxy.Bypass = []string{"10.0.0.0/8", "27.0.0.1"} }, plain.address, ""},
		{"wrong password", plain.address, false, func(d *remotehosts.Definition) { d.Proxy.Password = "guess" }, plain.address, "proxy: answered 407"},
		{"host that is down", unreachable(t), false, nil, "", "proxy: answered 502"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := proxying(t, test.host)
			def := definition("chat", test.host)
			def.TLS = remotehosts.TLS{CA: "ca.pem", ServerName: "chat.test"}
			def.Proxy = &remotehosts.Proxy{URL: "http://" + p.address, Username: "bob", Password: "secret"}
			if test.change != nil {
				test.change(&def)
			}
			set, problems := remotehosts.NewSet([]remotehosts.Definition{def}, files, nil)
			if len(problems) > 0 {
				t.Fatal(problems[0])
			}
			h, _ := set.Named("chat")
			c := call()
			c.TLS = test.tls
			s, err := h.Upgrade(t.Context(), c)
			switch {
			case err == nil:
				hangUp(s)
				if test.what != "" {
					t.Error("upgraded")
				}
			case test.what == "" || !strings.Contains(err.Error(), test.what) || strings.Contains(err.Error(), "secret"):
				t.Errorf("error is %v, want %q", err, test.what)
			}
			if test.connect != "" {
				if head := <-p.heads; !strings.HasPrefix(head, fmt.Sprintf("CONNECT %s HTTP/1.1\r\nHost: %[1]s\r\n", test.connect)) {
					t.Errorf("the proxy got\n%s", head)
				}
			} else if test.what == "" && len(p.heads) > 0 {
				t.Error("the proxy was asked")
			}
		})
	}
}

// A proxy that stalls or talks out of turn costs no more than the connect timeout.
func TestProxyThatMisbehaves(t *testing.T) {
	for name, test := range map[string]struct {
		answer string
		what   string
	}{
		"stalls":              {"", "proxy: connecting took longer than 200ms"},
		"stalls in its head":  {"HTTP/1.1 200 OK\r\nX", "took longer"},
		"is no proxy":         {"SSH-2.0-x\r\n", "proxy: does not speak HTTP"},
		"talks out of turn":   {"HTTP/1.1 200 OK\r\n\r\nhello", "bytes of its own"},
		"has something other": {"HTTP/1.1 403 No\r\n\r\n", "answered 403"},
	} {
		t.Run(name, func(t *testing.T) {
			p := serve(t, nil, func(c net.Conn, _ string) {
				io.WriteString(c, test.answer)
				io.Copy(io.Discard, c)
			})
			h := declare(t, "192.0.2.1:9001", func(d *remotehosts.Definition) { d.Proxy = &remotehosts.Proxy{URL: "http://" + p.address} })
			c := call()
			c.ConnectTimeout = 200 * time.Millisecond
			_, err := h.Upgrade(t.Context(), c)
			if !errors.As(err, new(*remotehosts.Error)) || !strings.Contains(err.Error(), test.what) {
				t.Errorf("error is %v, want %q", err, test.what)
			}
		})
	}
}

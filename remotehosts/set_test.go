package remotehosts_test

import (
	"errors"
	"fmt"
	"net"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"framegate/remotehosts"
)

func TestFind(t *testing.T) {
	set, problems := remotehosts.NewSet([]remotehosts.Definition{
		{Name: "chat", Host: "chat.internal", Port: 9001, MaxConnections: -1},
		{Name: "web", Host: "web.internal", MaxConnections: -1},
		{Name: "six", Host: "::1", Port: 9001, MaxConnections: -1},
		{Name: "api.example.test", Host: "10.0.0.1", Port: 80, MaxConnections: -1},
	}, nil, nil)
	if len(problems) > 0 {
		t.Fatal(problems[0])
	}
	for _, test := range []struct{ url, name, err string }{
		{"ws://chat", "chat", ""},
		{"http://chat/rooms?x=1", "chat", ""},
		{"wss://chat/", "chat", ""},
		{"ws://chat.internal:9001/", "chat", ""},
		{"https://CHAT.internal:9001/", "chat", ""},
		{"ws://web.internal/", "web", ""},
		{"ws://web.internal:80/", "web", ""},
		{"wss://web.internal/", "web", ""},
		{"wss://web.internal:443/", "web", ""},
		{"ws://[::1]:9001/", "six", ""},
		{"ws://10.0.0.1/", "api.example.test", ""},
		{"ws://api.example.test/", "api.example.test", ""},
		// dialled as they stand
		{"ws://web.internal:443/", "web.internal:443", ""},
		{"ws://chat.internal/", "chat.internal:80", ""},
		{"wss://chat.internal/", "chat.internal:443", ""},
		{"ws://other.test:81/", "other.test:81", ""},
		{"ws://api.example.test:8080/", "api.example.test:8080", ""},
		{"ws://localhost/", "localhost:80", ""},
		{"ws://backend:9000/", "backend:9000", ""},
		{"ws://[2001:db8::1]/", "[2001:db8::1]:80", ""},
		// wrong
		{"ws://caht/", "", `there is no remote host "caht"`},
		{"ws://chat:9002/", "", `remote host "chat" has the address chat.internal:9001`},
		{"ftp://chat/", "", `scheme "ftp"`},
		{"chat/rooms", "", "scheme"},
		{"ws:///rooms", "", "no host name"},
		{"ws://user:secret@chat/", "", "user name"},
		{"ws://chat:0/", "", "port"},
		{"ws://chat:65536/", "", "port"},
		{"ws://chat:http/", "", "port"},
		{"ws://bücher.test/", "", "no host name"},
		{"ws://[fe80::1%25eth0]/", "", "no host name"},
		{"ws://a b/", "", "invalid"},
	} {
		h, err := set.Find(test.url)
		switch {
		case test.err == "" && err != nil:
			t.Errorf("Find(%s): %v", test.url, err)
		case test.err == "" && h.Definition().Name != test.name:
			t.Errorf("Find(%s) is %s, want %s", test.url, h.Definition().Name, test.name)
		case test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)):
			t.Errorf("Find(%s): %v, want %q", test.url, err, test.err)
		}
	}
	_, err := set.Find("ws://caht/")
	var unknown *remotehosts.UnknownHost
	if !errors.As(err, &unknown) || unknown.Nearest != "chat" {
		t.Errorf("nearest to caht is %+v", unknown)
	}
	if _, err := set.Find("ws://database/"); !errors.As(err, &unknown) || unknown.Nearest != "" {
		t.Errorf("nearest to database is %+v", unknown)
	}
	if diff := cmp.Diff([]string{"api.example.test", "chat", "six", "web"}, set.Names()); diff != "" {
		t.Error(diff)
	}
}

// The Host header names the remote host, and its port where the scheme does not say it.
func TestHostHeader(t *testing.T) {
	b := serve(t, nil, accept)
	for _, test := range []struct {
		host string
		port int
		want string
	}{
		{"chat.internal", 9001, "chat.internal:9001"},
		{"chat.internal", 80, "chat.internal"},
		{"chat.internal", 0, "chat.internal"},
		{"chat.internal", 443, "chat.internal:443"},
		{"::1", 80, "[::1]"},
		{"::1", 81, "[::1]:81"},
		{"127.0.0.1", 80, "127.0.0.1"},
	} {
		h := declare(t, b.address, func(d *remotehosts.Definition) { d.Host, d.Port, d.StandIn = test.host, test.port, b.address })
		s, err := h.Upgrade(t.Context(), call())
		if err != nil {
			t.Fatal(err)
		}
		s.Conn.Close()
		if got := header(<-b.heads, "Host"); got != test.want {
			t.Errorf("%s and port %d: Host is %q, want %q", test.host, test.port, got, test.want)
		}
	}
}

// A reload keeps the object of a remote host whose definition is the same, and
// with it the count of its connections; the CA's text is part of the definition.
func TestUnchangedHostStaysTheSame(t *testing.T) {
	ca := newAuthority(t).pem
	files := fstest.MapFS{"ca.pem": {Data: ca}}
	b := serve(t, nil, accept)
	define := func(change func(*remotehosts.Definition)) []remotehosts.Definition {
		def := definition("chat", b.address)
		def.TLS.CA = "ca.pem"
		change(&def)
		return []remotehosts.Definition{def}
	}
	first, problems := remotehosts.NewSet(define(func(*remotehosts.Definition) {}), files, nil)
	if len(problems) > 0 {
		t.Fatal(problems[0])
	}
	old, _ := first.Named("chat")
	s, err := old.Upgrade(t.Context(), call())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Release()
	defer s.Conn.Close()
	for _, test := range []struct {
		name   string
		change func(*remotehosts.Definition)
		files  fstest.MapFS
		same   bool
	}{
		{"nothing", func(*remotehosts.Definition) {}, files, true},
		{"a timeout", func(d *remotehosts.Definition) { d.ActiveTimeout++ }, files, false},
		{"where it is", func(d *remotehosts.Definition) { d.Host = "localhost" }, files, false},
		{"the CA's text", func(*remotehosts.Definition) {}, fstest.MapFS{"ca.pem": {Data: newAuthority(t).pem}}, false},
	} {
		next, problems := remotehosts.NewSet(define(test.change), test.files, first)
		if len(problems) > 0 {
			t.Fatal(problems[0])
		}
		h, _ := next.Named("chat")
		if open, _ := h.Connections(); (h == old) != test.same || (open == 1) != test.same {
			t.Errorf("%s changed: same object %t, %d connections", test.name, h == old, open)
		}
	}
}

func TestProblemsOfDefinitions(t *testing.T) {
	good := func(name string) remotehosts.Definition { return definition(name, "127.0.0.1:9001") }
	bad := func(name string, change func(*remotehosts.Definition)) remotehosts.Definition {
		d := good(name)
		change(&d)
		return d
	}
	set, problems := remotehosts.NewSet([]remotehosts.Definition{
		good("fine"),
		good("Fine Too"),
		bad("a", func(d *remotehosts.Definition) { d.Host = "chat.internal:9001" }),
		bad("b", func(d *remotehosts.Definition) { d.MaxConnections = 0 }),
		bad("c", func(d *remotehosts.Definition) { d.TLS.CA = "missing.pem" }),
		bad("d", func(d *remotehosts.Definition) { d.TLS.CA = "empty.pem" }),
		bad("e", func(d *remotehosts.Definition) { d.TLS = remotehosts.TLS{CA: "ca.pem", TrustAll: true} }),
		bad("f", func(d *remotehosts.Definition) { d.TLS.ServerName = "chat.test:443" }),
	}, fstest.MapFS{"empty.pem": {}, "ca.pem": {Data: newAuthority(t).pem}}, nil)
	var got []string
	for _, p := range problems {
		got = append(got, p.Error())
		if p.Hint == "" {
			t.Errorf("%v: no hint", p)
		}
	}
	want := []string{
		`remote host "a": host: "chat.internal:9001" is no host name`,
		`remote host "b": maxConnections: 0 lets no connection through`,
		`remote host "c": tls.ca: open missing.pem: file does not exist`,
		`remote host "d": tls.ca: empty.pem holds no PEM certificate`,
		`remote host "e": tls.ca: with trustAll nothing looks at the CA`,
		`remote host "f": tls.serverName: "chat.test:443" is no host name`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{"fine", "c"} {
		if _, err := set.Find("ws://" + name + "/"); err != nil {
			t.Errorf("a set with problems does not know %s: %v", name, err)
		}
	}
}

// The defaults that authors read in the tags are those of hosts that nobody declared.
func TestDefaultsAreThoseOfTheTags(t *testing.T) {
	set, _ := remotehosts.NewSet(nil, nil, nil)
	h, err := set.Find("ws://127.0.0.1:9001/")
	if err != nil {
		t.Fatal(err)
	}
	def := reflect.ValueOf(h.Definition())
	for i := range def.NumField() {
		field := def.Type().Field(i)
		want, ok := field.Tag.Lookup("default")
		if !ok {
			continue
		}
		got := fmt.Sprint(def.Field(i).Interface())
		if d, err := time.ParseDuration(want); err == nil && field.Type == reflect.TypeFor[time.Duration]() {
			want = d.String()
		}
		if got != want {
			t.Errorf("%s is %s for an undeclared host, and %s by its tag", field.Name, got, want)
		}
	}
	if def := h.Definition(); net.JoinHostPort(def.Host, strconv.Itoa(def.Port)) != "127.0.0.1:9001" {
		t.Errorf("address of ws://127.0.0.1:9001/ is %s, port %d", def.Host, def.Port)
	}
}

func TestHostWithoutHTTP11(t *testing.T) {
	h := declare(t, "127.0.0.1:1", func(d *remotehosts.Definition) { d.AllowHTTP11 = false })
	expectError(t, h, call(), 502, "allowHTTP11: false")
}

package policies_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

func TestHeadersAndTargetsThatAreTooLong(t *testing.T) {
	ca := newAuthority(t, "test authority")
	files := make(map[string]string)
	ca.files(t, files, "a.example.test")
	g := serve(t, portYAML("limits: {header: 2KiB, uri: 512}\ntls: {listen: 'localhost:0', cert: a.example.test.crt, key: a.example.test.key}"), files)
	long := func(n int) string { return strings.Repeat("x", n) }
	for name, test := range map[string]struct {
		target, headers string
		want            int
	}{
		"just right":                      {"/chat?" + long(400), "Cookie: " + long(1800) + "\r\n", 101},
		"header over its limit":           {"/chat", "Cookie: " + long(2100) + "\r\n", 431},
		"header over all limits":          {"/chat", "Cookie: " + long(9000) + "\r\n", 431},
		"many headers":                    {"/chat", strings.Repeat("X-A: b\r\n", 2000), 431},
		"target over its limit":           {"/chat?" + long(520), "", 414},
		"target over all limits":          {"/chat?" + long(9000), "", 414},
		"both":                            {"/chat?" + long(9000), "Cookie: " + long(9000) + "\r\n", 414},
		"a long target and a long header": {"/chat?" + long(400), "Cookie: " + long(9000) + "\r\n", 431},
	} {
		for _, secure := range []bool{false, true} {
			conn := g.dial(secure)
			if secure {
				conn = tls.Client(conn, &tls.Config{ServerName: "a.example.test", RootCAs: ca.pool()})
			}
			request := strings.Replace(upgradeRequest, "/chat", test.target, 1)
			if status := send(conn, request+test.headers+"\r\n"); status != test.want {
				t.Errorf("%s, TLS %v: %d, want %d", name, secure, status, test.want)
			}
		}
	}
}

func TestConnectionsOfAPort(t *testing.T) {
	g := serve(t, portYAML("limits: {connections: 3, perClient: 2}"), nil)
	var open []net.Conn
	for range 2 {
		conn := g.dial(false)
		if status := ask(conn, "", ""); status != 101 {
			t.Fatal(status)
		}
		open = append(open, conn)
	}
	if status := ask(g.dial(false), "", ""); status != 0 {
		t.Errorf("one too many of the same client got %d", status)
	}
	if !strings.Contains(g.log.String(), "limits.perClient") {
		t.Errorf("the log does not say why:\n%s", g.log)
	}
	open[0].Close()
	eventually(t, "a place is free", func() bool { return g.Ports()[0].Connections == 1 })
	if status := ask(g.dial(false), "", ""); status != 101 {
		t.Errorf("with a place free: %d", status)
	}

	// Other limits hold from the next connection on, and count those that are open.
	g.put("gateway.yaml", portYAML("limits: {connections: 2}"))
	g.reload()
	if status := ask(g.dial(false), "", ""); status != 0 || !strings.Contains(g.log.String(), "limits.connections") {
		t.Errorf("one too many in all got %d; log:\n%s", status, g.log)
	}
}

// Hundreds of clients that send half a request, or half of a TLS handshake, are
// cut in time, and others are served meanwhile.
func TestSlowRequestsAreCut(t *testing.T) {
	ca := newAuthority(t, "test authority")
	files := make(map[string]string)
	ca.files(t, files, "a.example.test")
	g := serve(t, portYAML("limits: {handshake: 2s}\ntls: {listen: 'localhost:0', cert: a.example.test.crt, key: a.example.test.key}"), files)
	const each = 150
	ends := make(chan error, 3*each)
	for i := range each {
		for kind, half := range []string{upgradeRequest, "", "\x16\x03\x01\x02\x00\x01"} {
			conn := g.dial(kind == 2)
			if _, err := io.WriteString(conn, half); err != nil {
				t.Fatal(err)
			}
			go func() {
				answer, err := io.ReadAll(conn) // the deadline of dial is an error
				if err == nil && kind == 0 && !strings.HasPrefix(string(answer), "HTTP/1.1 408 ") {
					err = fmt.Errorf("half request %d was answered %.40q", i, answer)
				}
				ends <- err
			}()
		}
	}
	eventually(t, "all are connected", func() bool { return g.Ports()[0].Connections == 3*each })
	if status := ask(g.dial(false), "", ""); status != 101 {
		t.Errorf("an honest client got %d", status)
	}
	for range 3 * each {
		if err := <-ends; err != nil && !strings.Contains(err.Error(), "reset") {
			t.Fatal(err)
		}
	}
	eventually(t, "only the honest client is left", func() bool { return g.Ports()[0].Connections == 1 })
	if n := strings.Count(g.log.String(), "TLS handshake"); n > 3 {
		t.Errorf("the log has %d lines about one thing", n)
	}
}

func TestAcceptRate(t *testing.T) {
	g := serve(t, portYAML("limits: {acceptRate: 1, acceptBurst: 3}"), nil)
	begun := time.Now()
	for i := range 4 {
		if status := ask(g.dial(false), "", ""); status != 101 {
			t.Fatalf("connection %d: %d", i, status)
		}
	}
	if took := time.Since(begun); took < time.Second { // however slow the machine, the fourth is not due before
		t.Errorf("a burst of 3 lets 4 in within %v", took)
	}
	// A port that paces ends like any other.
	for range 10 {
		g.dial(false)
	}
}

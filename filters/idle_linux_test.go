package filters_test

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/valyala/fasthttp"
)

// pumps counts the goroutines of sessions.
func pumps() int {
	stacks := make([]byte, 4<<20)
	return strings.Count(string(stacks[:runtime.Stack(stacks, true)]), "engine.(*pump).run(")
}

// Idle sessions have no goroutine either where the host is reached over TLS.
func TestIdleSessionsToAHostOverTLSHaveNoGoroutine(t *testing.T) {
	certificate := httptest.NewTLSServer(nil)
	defer certificate.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	upgrader := websocket.FastHTTPUpgrader{}
	server := &fasthttp.Server{Handler: func(ctx *fasthttp.RequestCtx) {
		upgrader.Upgrade(ctx, func(c *websocket.Conn) {
			for {
				op, p, err := c.ReadMessage()
				if err != nil || c.WriteMessage(op, p) != nil {
					return
				}
			}
		})
	}}
	go server.Serve(tls.NewListener(l, &tls.Config{Certificates: certificate.TLS.Certificates}))
	_, port, _ := net.SplitHostPort(l.Addr().String())
	g := start(t, "onUpgrade: admit", fmt.Sprintf(`
remoteHosts:
  secure: {host: 127.0.0.1, port: %s, tls: {trustAll: true}}
policies:
  admit: {filters: [{type: connect-to-url, url: 'wss://secure/'}]}
`, port))
	var clients []*websocket.Conn
	for range 10 {
		clients = append(clients, g.open("/chat"))
	}
	for range 2 {
		for i, c := range clients {
			says(t, c, fmt.Sprint("hello ", i), fmt.Sprint("hello ", i))
		}
		for end := time.Now().Add(10 * time.Second); pumps() > 0; runtime.Gosched() {
			if time.Now().After(end) {
				t.Fatalf("%d goroutines of idle sessions", pumps())
			}
		}
	}
}

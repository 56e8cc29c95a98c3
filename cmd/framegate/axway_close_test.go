package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
)

// killable is an echo host in a process of its own.
func killable(t *testing.T) (address string, kill func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = l.Addr().String()
	l.Close()
	host := exec.Command("framegate", "echo", "--listen", address)
	if err := host.Start(); err != nil {
		t.Fatal(err)
	}
	kill = sync.OnceFunc(func() {
		host.Process.Kill() // SIGKILL
		host.Wait()
	})
	t.Cleanup(kill)
	for deadline := time.Now().Add(20 * time.Second); ; {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
			return address, kill
		}
		if time.Now().After(deadline) {
			t.Fatalf("the echo host does not listen: %v", err)
		}
	}
}

// hooked is a gateway that logs its hooks, with the session's id.
func hooked(t *testing.T, host string) *axway {
	t.Helper()
	return newAxway(t, `
version: 1
ports:
  traffic:
    listen: 127.0.0.1:0
    websockets:
      - {path: /plain, onUpgrade: up, onClientFrame: client, onServerFrame: server, onClose: closed}
      - {path: /small, onUpgrade: up, onClientFrame: client, onServerFrame: server, onClose: closed, limits: {message: 100B}}
      - {path: /short, onUpgrade: up, onClientFrame: client, onServerFrame: server, onClose: closed, expire: 1s}
      - {path: /quiet, onUpgrade: up, onClientFrame: client, onServerFrame: server, onClose: closed, idleTimeout: 1s}
      - {path: /ends, onUpgrade: to-one-that-closes, onClientFrame: client, onServerFrame: server, onClose: closed}
      - {path: /dies, onUpgrade: to-one-that-dies, onClientFrame: client, onServerFrame: server, onClose: closed}
policies:
  up: {filters: [{type: log-message, format: '1 upgrade ${id}'}, {type: connect-to-url, url: ws://BACKEND/}]}
  to-one-that-closes: {filters: [{type: log-message, format: '1 upgrade ${id}'}, {type: connect-to-url, url: 'ws://BACKEND/?mode=close-after&code=4001'}]}
  to-one-that-dies: {filters: [{type: log-message, format: '1 upgrade ${id}'}, {type: connect-to-url, url: ws://`+host+`/}]}
  client:
    filters:
      - {type: log-message, format: '2 client ${id}'}
      - {type: switch, value: '${content.body}', cases: [{with: leave, policy: leave}], default: pass}
  leave: {filters: [{type: close-websocket, code: 4000, reason: bye}]}
  server: {filters: [{type: log-message, format: '3 server ${id}'}]}
  closed: {filters: [{type: log-message, format: '4 closed ${id} by ${websock.close.by} with ${websock.close.code}'}]}
`)
}

// closeCodeOf reads until the session is closed. 1014 is registered (IANA, 2020)
// and yet unknown to the client's library, which names it in its error.
func closeCodeOf(c *websocket.Conn) int {
	for {
		_, _, err := c.ReadMessage()
		var closed *websocket.CloseError
		switch {
		case errors.As(err, &closed):
			return closed.Code
		case err != nil && strings.Contains(err.Error(), "1014"):
			return 1014
		case err != nil:
			return 0
		}
	}
}

var hookLine = regexp.MustCompile(`msg="(\d \w+) (\w+)(?: by ([^"]*) with (\d+))?"`)

// The hooks run in the order of a session's life, and the close policy once,
// whoever ends it.
func TestAxway5TheFourHooksInTheirOrderAndTheClosePolicyOnce(t *testing.T) {
	host, kill := killable(t)
	g := hooked(t, host)
	end := map[string]func(c *websocket.Conn){
		"plain client 1000": func(c *websocket.Conn) {
			c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1000, ""), time.Now().Add(time.Second))
		},
		"plain client 1006":       func(c *websocket.Conn) { c.NetConn().Close() },
		"plain policy 4000":       func(c *websocket.Conn) { c.WriteMessage(websocket.TextMessage, []byte("leave")) },
		"small client 1009":       func(c *websocket.Conn) { c.WriteMessage(websocket.TextMessage, make([]byte, 101)) },
		"ends host 4001":          func(c *websocket.Conn) {},
		"short expiry 1001":       func(c *websocket.Conn) {},
		"quiet idle timeout 1001": func(c *websocket.Conn) {},
		"dies host 1006":          func(c *websocket.Conn) { kill() },
	}
	seen := map[int]bool{}
	for name, ending := range end {
		path, how, _ := strings.Cut(name, " ")
		c := g.opens("/" + path)
		exchange(t, c, websocket.TextMessage, "hello", "hello")
		ending(c)
		seen[closeCodeOf(c)] = true
		at := strings.LastIndexByte(how, ' ')
		line := "by " + how[:at] + " with " + how[at+1:]
		g.waitFor(name, func() bool { return strings.Contains(g.log.String(), line) })
	}
	for _, code := range []int{1000, 4000, 1009, 4001, 1001, 1014} {
		if !seen[code] {
			t.Errorf("no client was told %d: %v", code, seen)
		}
	}
	last := g.opens("/plain")
	exchange(t, last, websocket.TextMessage, "hello", "hello")
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	go last.ReadMessage() // answers the Close
	if err := g.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	lives := map[string][]string{}
	ends := map[string]int{}
	for _, hit := range hookLine.FindAllStringSubmatch(g.log.String(), -1) {
		lives[hit[2]] = append(lives[hit[2]], hit[1])
		if hit[3] != "" {
			ends[hit[3]+" "+hit[4]]++
		}
	}
	if len(lives) != len(end)+1 {
		t.Errorf("%d sessions, want %d", len(lives), len(end)+1)
	}
	for id, life := range lives {
		text := strings.ReplaceAll(strings.Join(life, ", "), "3 server, 2 client, 4 closed", "3 server, 4 closed") // the message that said leave
		if text != "1 upgrade, 2 client, 3 server, 4 closed" {
			t.Errorf("the life of %s was %s", id, text)
		}
	}
	if ends["shutdown 1001"] != 1 || len(ends) != len(lives) {
		t.Errorf("the sessions ended so: %v", ends)
	}
}

// No session is dropped, and none of its messages is reordered, when a reload
// changes the policy that they run through.
func TestAxway9AReloadWithAThousandOpenSessions(t *testing.T) {
	const sessions, messages = 1000, 6
	text := func(mark string) string {
		return `
version: 1
ports:
  traffic:
    listen: 127.0.0.1:0
    websockets: [{path: /echo, onUpgrade: up, onClientFrame: mark, onChange: migrate}]
policies:
  up: {filters: [{type: connect-to-url, url: ws://echo/}]}
  mark: {filters: [{type: set-message, body: '` + mark + ` ${content.body}'}]}
remoteHosts: {echo: {host: 127.0.0.1, addresses: [BACKEND]}}
`
	}
	backend := echoAddress(t)
	g := newAxway(t, strings.ReplaceAll(text("old"), "BACKEND", backend))
	all := make([]*websocket.Conn, sessions)
	for i := range all {
		all[i] = g.opens("/echo")
		all[i].SetReadDeadline(time.Now().Add(2 * time.Minute))
	}
	var running sync.WaitGroup
	half := make(chan struct{}, sessions)
	reloaded := make(chan struct{})
	problems := make(chan string, sessions)
	for i, c := range all {
		running.Go(func() {
			for n := range messages {
				if n == messages/2 {
					half <- struct{}{}
				}
				if n == messages-1 {
					<-reloaded
				}
				if err := c.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, "%d.%d", i, n)); err != nil {
					problems <- fmt.Sprintf("session %d, message %d: %v", i, n, err)
					return
				}
				_, p, err := c.ReadMessage()
				mark, rest, _ := strings.Cut(string(p), " ")
				if err != nil || rest != fmt.Sprintf("%d.%d", i, n) || mark != "old" && mark != "new" || n == messages-1 && mark != "new" {
					problems <- fmt.Sprintf("session %d, message %d: %q, %v", i, n, p, err)
					return
				}
			}
		})
	}
	for range sessions / 2 {
		<-half
	}
	write(t, filepath.Join(g.dir, "gateway.yaml"), strings.ReplaceAll(text("new"), "BACKEND", backend))
	if found, err := g.Reload(t.Context()); err != nil {
		t.Error(err, found)
	}
	close(reloaded)
	running.Wait()
	close(problems)
	for problem := range problems {
		t.Error(problem)
	}
	if open := g.Sessions().Len(); open != sessions {
		t.Errorf("%d sessions are open, want %d", open, sessions)
	}
}

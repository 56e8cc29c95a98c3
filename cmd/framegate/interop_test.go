package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// stack is a WebSocket library of another language.
type stack struct {
	name    string
	command string
	ending  string // of its scripts in testdata/interop
}

// lacking skips the test for want of a tool, or fails where none may be missing.
func lacking(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("FRAMEGATE_TEST_TOOLS") == "required" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// nodeStack is Node with the package ws, found by NODE_PATH: tests load nothing
// from anywhere.
func nodeStack(t *testing.T) stack {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		lacking(t, "there is no node")
	}
	if err := exec.Command("node", "-e", "require.resolve('ws')").Run(); err != nil {
		lacking(t, "node has no package ws (npm install --prefix DIR ws@8.23.0, then NODE_PATH=DIR/node_modules)")
	}
	return stack{"node", "node", "js"}
}

// pythonStack is Python with the library websockets.
func pythonStack(t *testing.T) stack {
	t.Helper()
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(python, "-c", "import websockets").Run() == nil {
			return stack{"python", python, "py"}
		}
	}
	lacking(t, "there is no Python with websockets (Debian: python3-websockets)")
	return stack{}
}

func (s *stack) run(ctx context.Context, script string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, s.command, append([]string{filepath.Join("testdata", "interop", script+"."+s.ending)}, args...)...)
}

// serve starts the library's echoing host, until the test ends, and returns its
// address and what it prints of connections.
func (s *stack) serve(t *testing.T) (address string, connections <-chan string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c := s.run(ctx, "server")
	var errors bytes.Buffer
	c.Stderr = &errors
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines, done := make(chan string, 100), make(chan struct{})
	go func() {
		defer close(done)
		defer close(lines)
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			lines <- scanner.Text()
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		c.Wait()
	})
	select {
	case address, ok := <-lines:
		if !ok {
			t.Fatalf("%s: %s", s.name, &errors)
		}
		return address, lines
	case <-time.After(30 * time.Second):
		t.Fatalf("%s does not listen", s.name)
	}
	return "", nil
}

// interopCases are what the clients send, and what must come back.
func interopCases(t *testing.T) string {
	t.Helper()
	type message struct {
		Binary bool   `json:"binary"`
		Send   string `json:"send"`
		Want   string `json:"want"`
	}
	order := strings.Repeat(`{"id":"0815","näme":"κόσμε","price":17.25},`, 25)
	noise, text := rand.New(rand.NewPCG(1, 2)), make([]rune, 200_000)
	for i := range text {
		text[i] = rune(noise.IntN(256)) // a byte each, as Latin-1
	}
	all := []message{{false, "hello", "hello"}, {false, "", ""}, {true, string(text), string(text)}}
	for i := range 5 {
		same := fmt.Sprint(i, order)
		all = append(all, message{false, same, same}, message{false, "change " + same, "changed " + same}, message{true, strings.Repeat("x", 70_000), strings.Repeat("x", 70_000)})
	}
	text8, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "cases.json")
	write(t, file, string(text8))
	return file
}

const interopGateway = `version: 1
console: {listen: off}
ports:
  public:
    listen: 127.0.0.1:0
    websockets:
      - path: /
        onUpgrade: admit
        onClientFrame: change
        compression: COMPRESSION
policies:
  admit:
    filters:
      - type: connect-to-url
        url: ws://HOST/
  change:
    filters:
      - type: script
        code: |
          function invoke(msg) {
            if (msg.kind === "text" && msg.body.startsWith("change ")) msg.body = "changed " + msg.body.slice(7);
            return true;
          }
`

// Clients and hosts of other makes talk through a gateway whose policy reads
// every message, compressed and not.
func TestOtherMakesTalkThroughAPolicy(t *testing.T) {
	stacks := make(map[string]stack)
	t.Run("node", func(t *testing.T) { stacks["node"] = nodeStack(t) })
	t.Run("python", func(t *testing.T) { stacks["python"] = pythonStack(t) })
	cases := interopCases(t)
	for _, host := range stacks {
		address, connections := host.serve(t)
		for _, compression := range []string{"off", "on", "{context: 0}", "{peerContext: 4KiB}", "{context: 16KiB, peerContext: 32KiB}", "{host: off}", "{client: off}"} {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "gateway.yaml"), strings.NewReplacer("HOST", address, "COMPRESSION", compression).Replace(interopGateway))
			s, _ := dev(t, dir)
			for _, client := range stacks {
				t.Run(client.name+" to "+host.name+" "+compression, func(t *testing.T) {
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					defer cancel()
					out, err := client.run(ctx, "client", s.url("/"), cases).CombinedOutput()
					if err != nil {
						t.Fatalf("%v\n%s", err, out)
					}
					if want := "connected " + agreed(compression, "client") + "\nclosed 4001 done\n"; string(out) != want {
						t.Errorf("the client said %q, want %q", out, want)
					}
					if got, want := <-connections, "connected "+agreed(compression, "host"); got != want {
						t.Errorf("the host said %q, want %q", got, want)
					}
				})
			}
		}
	}
}

// agreed is the extension that the gateway must agree on with one side.
func agreed(compression, side string) string {
	if compression == "off" || compression == "{"+side+": off}" {
		return "plain"
	}
	return "permessage-deflate"
}

package main

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/fasthttp/websocket"
	"github.com/google/go-cmp/cmp"
)

// patience is how long a page may take to show what a test waits for.
const patience = 10 * time.Second

// TestBrowser is what only a real browser can tell: its handshake, its Origin,
// its compression, its close events, and the console as people see it. All
// scenarios share one browser, each has a tab of its own.
func TestBrowser(t *testing.T) {
	browser := startBrowser(t)
	page, foreign := servePage(t), servePage(t)
	s, dir := browserGateway(t, page)
	t.Run("a page talks through policies and is closed by one", func(t *testing.T) {
		p := openTab(t, browser, page)
		got := p.talk(t, s.url("/chat"), `["chat.v3", "chat.v1"]`, `"hello 🌍"`, `new Uint8Array([0, 1, 254])`, `"bye"`)
		want := talked{
			Protocol: "chat.v1", Got: []string{"hello 🌍, from " + page, "0,1,254,255"},
			Code: 4001, Reason: "bye, " + page, Clean: true,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("want (-), got (+):\n%s", diff)
		}
		p.saysOnly(t)
	})
	t.Run("a page of a foreign origin is refused", func(t *testing.T) {
		p := openTab(t, browser, foreign)
		got := p.talk(t, s.url("/chat"), `["chat.v1"]`, `"hello"`)
		if diff := cmp.Diff(talked{Code: websocket.CloseAbnormalClosure}, got); diff != "" {
			t.Errorf("want (-), got (+):\n%s", diff)
		}
		p.saysOnly(t, "Unexpected response code: 403")
	})
	t.Run("in raw mode browser and host agree on compression", func(t *testing.T) {
		p := openTab(t, browser, page)
		long := strings.Repeat("compressible ", 2000)
		got := p.talk(t, s.url("/raw"), `[]`, `"compressible ".repeat(2000)`, `"Grüße 🌍"`, `new Uint8Array(3)`, `""`)
		if !strings.HasPrefix(got.Extensions, "permessage-deflate") {
			t.Errorf("the extensions are %q", got.Extensions)
		}
		got.Extensions = ""
		want := talked{Got: []string{long, "Grüße 🌍", "0,0,0", ""}, Code: 1000, Clean: true}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("want (-), got (+):\n%s", diff)
		}
		p.saysOnly(t)
		compressedBothWays(t, s, "/raw", long)
	})
	t.Run("in message mode browser and host agree on compression with the gateway", func(t *testing.T) {
		p := openTab(t, browser, page)
		got := p.talk(t, s.url("/packed"), `[]`, `"compressible ".repeat(2000)`, `"Grüße 🌍"`, `new Uint8Array(300)`, `"compressible ".repeat(2000)`)
		long := strings.Repeat("compressible ", 2000) + ", from " + page
		want := talked{
			Extensions: "permessage-deflate; client_no_context_takeover",
			Got:        []string{long, "Grüße 🌍, from " + page, strings.Repeat("0,", 300) + "255", long}, Code: 1000, Clean: true,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("want (-), got (+):\n%s", diff)
		}
		p.saysOnly(t)
		compressedBothWays(t, s, "/packed", long)
	})
	t.Run("in message mode the browser's offer of compression is declined by default", func(t *testing.T) {
		p := openTab(t, browser, page)
		got := p.talk(t, s.url("/chat"), `[]`, `"x".repeat(50000)`)
		want := talked{Got: []string{strings.Repeat("x", 50000) + ", from " + page}, Code: 1000, Clean: true}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("want (-), got (+):\n%s", diff)
		}
		p.saysOnly(t)
	})
	t.Run("a page brings its token as a subprotocol", func(t *testing.T) { pageBringsToken(t, browser, page) })
	t.Run("the console shows traffic as it happens", func(t *testing.T) { consoleShowsTraffic(t, browser, s) })
	t.Run("the console fits its window", func(t *testing.T) { consoleFits(t, browser, s) })
	t.Run("the console reloads and shows problems", func(t *testing.T) { consoleReloads(t, browser, s, dir) })
	t.Run("the console asks for its token", func(t *testing.T) { consoleAsksForToken(t, browser) })
}

// startBrowser starts Chromium for a test. The flags keep it from asking
// anything of the network on its own, and let it run as root.
func startBrowser(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("FRAMEGATE_TEST_TOOLS") == "required" {
			t.Fatal("FRAMEGATE_TEST_TOOLS=required, and there is no chromium on the PATH")
		}
		t.Skip("there is no chromium on the PATH")
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), // headless, with a fresh profile
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true))
	allocator, end := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, _ := chromedp.NewContext(allocator) // Cancel below ends it
	t.Cleanup(func() {
		bounded, done := context.WithTimeout(ctx, patience)
		defer done()
		if err := chromedp.Cancel(bounded); err != nil {
			t.Errorf("closing the browser: %v", err)
		}
		end()
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return ctx
}

// page is what the tests' own origins serve. talk sends one message after the
// answer to the one before, and tells what came until the close.
const page = `<!doctype html>
<title>page</title>
<link rel="icon" href="data:,">
<script>
const talk = (url, protocols, ...messages) => new Promise(resolve => {
  const got = [], ws = new WebSocket(url, protocols);
  const next = () => messages.length ? ws.send(messages.shift()) : ws.close(1000);
  ws.binaryType = "arraybuffer";
  ws.onopen = next;
  ws.onmessage = ({ data }) => { got.push(typeof data === "string" ? data : new Uint8Array(data).join()); next(); };
  ws.onclose = e => resolve({
    protocol: ws.protocol, extensions: ws.extensions, got: got.length ? got : null, code: e.code, reason: e.reason, clean: e.wasClean,
  });
});
</script>`

// servePage serves the page and returns its origin, which has a port of its own.
func servePage(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, page)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// serveDeflating starts a remote host that compresses where the other side can, and returns its port.
func serveDeflating(t *testing.T) string {
	t.Helper()
	upgrader := websocket.Upgrader{EnableCompression: true, Subprotocols: []string{"chat.v3", "chat.v1"}, CheckOrigin: func(*http.Request) bool { return true }}
	var open sync.WaitGroup
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		open.Add(1)
		defer open.Done()
		c, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return // it has answered
		}
		defer c.Close()
		for {
			kind, message, err := c.ReadMessage()
			if err != nil || c.WriteMessage(kind, message) != nil {
				return
			}
		}
	}))
	t.Cleanup(func() {
		server.Close()
		open.Wait()
	})
	return server.URL[strings.LastIndex(server.URL, ":")+1:]
}

const browserYAML = `version: 1
console: {listen: '127.0.0.1:0'}
ports:
  public:
    listen: 127.0.0.1:0
    websockets:
      - path: /chat
        origins: ['ORIGIN']
        subprotocols: [chat.v2, chat.v1]
        onUpgrade: connect
        onClientFrame: stamp
      - path: /packed
        origins: ['ORIGIN']
        onUpgrade: connect
        onClientFrame: stamp
        compression: on
      - path: /raw
        origins: ['ORIGIN']
        onUpgrade: connect
remoteHosts:
  deflating: {host: 127.0.0.1, port: PORT}
policies:
  connect:
    filters:
      - type: connect-to-url
        url: ws://deflating/
  stamp:
    filters:
      - type: script
        file: stamp.js
        success: pass
        failure: bye
      - name: bye
        type: close-websocket
        code: 4001
        reason: 'bye, ${websock.context.http.headers.Origin ?: "whoever you are"}'
`

const stampJS = `export function invoke(msg) {
  if (msg.body === "bye") return false;
  if (msg.kind === "binary") msg.body = Uint8Array.from([...msg.body, 255]);
  else msg.body += ", from " + (msg.context.headers.get("Origin") ?? "nowhere");
  return true;
}
`

// browserGateway is a gateway that lets pages of one origin in.
func browserGateway(t *testing.T, origin string) (s *server, dir string) {
	t.Helper()
	dir = t.TempDir()
	yaml := strings.NewReplacer("ORIGIN", origin, "PORT", serveDeflating(t)).Replace(browserYAML)
	for name, text := range map[string]string{"gateway.yaml": yaml, "stamp.js": stampJS} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s, _ = dev(t, dir)
	return s, dir
}

// tab is a tab of the browser.
type tab struct {
	ctx     context.Context
	console iter.Seq2[chromedp.ConsoleMessage, error]
}

// openTab opens a page until the test ends.
func openTab(t *testing.T, browser context.Context, url string) *tab {
	t.Helper()
	ctx, end := chromedp.NewContext(browser)
	ctx, expire := context.WithTimeout(ctx, 3*patience)
	t.Cleanup(func() { expire(); end() })
	p := &tab{ctx: ctx}
	p.do(t, chromedp.EmulateViewport(1280, 800))
	p.console = chromedp.Console(ctx)
	p.do(t, chromedp.Navigate(url))
	return p
}

func (p *tab) do(t *testing.T, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(p.ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

// talked is what a page saw of a WebSocket.
type talked struct {
	Protocol   string   `json:"protocol"`
	Extensions string   `json:"extensions"`
	Got        []string `json:"got"`
	Code       int      `json:"code"`
	Reason     string   `json:"reason"`
	Clean      bool     `json:"clean"`
}

// talk opens a WebSocket in the page; protocols and messages are JavaScript.
func (p *tab) talk(t *testing.T, url, protocols string, messages ...string) talked {
	t.Helper()
	call := fmt.Sprintf("talk(%q, %s, %s)", url, protocols, strings.Join(messages, ", "))
	got, err := chromedp.Run(p.ctx, chromedp.Evaluate[talked](call, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// waitFor waits until a JavaScript expression is true.
func (p *tab) waitFor(t *testing.T, expression string) {
	t.Helper()
	_, err := chromedp.Run(p.ctx, chromedp.Poll[bool]("!!("+expression+")", chromedp.WithPollingTimeout(patience)))
	if err != nil {
		shown, _ := chromedp.Run(p.ctx, chromedp.Evaluate[string]("document.body.innerText"))
		t.Fatalf("never came true: %s: %v\n%s", expression, err, shown)
	}
}

// saysOnly fails for everything in the console of the browser (errors,
// exceptions, what the content security policy refused) but what it has to hold.
func (p *tab) saysOnly(t *testing.T, wanted ...string) {
	t.Helper()
	const end = "the test has ended"
	p.do(t, chromedp.Evaluate[chromedp.Void](fmt.Sprintf("console.log(%q)", end)))
	for m, err := range p.console {
		if err != nil {
			t.Fatal(err)
		}
		if m.Text == end {
			break
		}
		i := slices.IndexFunc(wanted, func(part string) bool { return strings.Contains(m.Text, part) })
		if i < 0 {
			t.Errorf("the browser says: %s %s %s", m.Type, m.Text, m.URL)
			continue
		}
		wanted = slices.Delete(slices.Clone(wanted), i, i+1)
	}
	for _, part := range wanted {
		t.Errorf("the browser never said %q", part)
	}
}

// compressedBothWays checks that a message went through much shorter than it is,
// and came back so.
func compressedBothWays(t *testing.T, s *server, path, long string) {
	t.Helper()
	for _, dir := range []string{"client", "host"} {
		if size := firstFrame(t, s, path, dir); size == 0 || size > int64(len(long)/10) {
			t.Errorf("the first message from the %s went through in %d bytes", dir, size)
		}
	}
}

// firstFrame is the size on the wire of the first message from one side, 0 when
// that was not compressed.
func firstFrame(t *testing.T, s *server, path, dir string) int64 {
	t.Helper()
	records, _ := s.gateway.Journal().Read(0, 1000)
	for _, r := range records {
		if r.Path == path && r.Dir == dir {
			return r.Compressed
		}
	}
	t.Fatalf("no message from the %s on %s was recorded", dir, path)
	return 0
}

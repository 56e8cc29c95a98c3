package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// lockedBuffer is a log that several goroutines write.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// copyGateway copies a gateway into a directory of the test, with free ports
// instead of its own.
func copyGateway(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	edit(t, filepath.Join(to, "gateway.yaml"), "listen: 127.0.0.1:8080", "listen: 127.0.0.1:0", "version: 1\n", "version: 1\nconsole: {listen: '127.0.0.1:0'}\n")
	return to
}

// edit replaces texts in a file; each must be there.
func edit(t *testing.T, file string, pairs ...string) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := string(content)
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("%s does not contain %q", file, pairs[i])
		}
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// dev starts a gateway as `framegate dev` does, until the test ends.
func dev(t *testing.T, dir string) (s *server, log *lockedBuffer) {
	t.Helper()
	log = &lockedBuffer{}
	s, err := newServer(dir, stdio{strings.NewReader(""), io.Discard, log}, true, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.start(t.Context()); err != nil {
		t.Fatal(err, log)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- s.serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s, log
}

// url is the address of a path on the only port.
func (s *server) url(path string) string {
	for _, addresses := range s.gateway.Addresses() {
		return "ws://" + addresses[0] + path
	}
	return ""
}

// cli runs a command as from a shell.
func cli(t *testing.T, args ...string) (out, errors string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var stdout, stderr bytes.Buffer
	code = run(ctx, args, stdio{strings.NewReader(""), &stdout, &stderr})
	return stdout.String(), stderr.String(), code
}

// Every example does what its first lines, and the README, say.
func TestExamples(t *testing.T) {
	for _, c := range []struct {
		name, example, path string
		args                []string
		want, refused       string
	}{
		{name: "the KB article", example: "echo", path: "/echo", args: []string{"-m", "hello"}, want: "hello"},
		{name: "the KB article with its optional parts", example: "echo", path: "/edit", args: []string{"-m", "hello", "-H", "User-Agent: me"}, want: "ME SAYS: HELLO"},
		{
			name: "a header of the upgrade stamps each message", example: "stamp", path: "/stamp",
			args: []string{"-H", "X-Device-Id: device-0001", "-m", `{"text":"hi"}`}, want: `{"text":"hi","device":"device-0001","number":1}`,
		},
		{name: "a message that is no JSON is answered", example: "stamp", path: "/stamp", args: []string{"-m", "hi"}, want: `{"error":`},
		{
			name: "an API key, stamped and hidden", example: "secure", path: "/chat?room=ops",
			args: []string{"-H", "X-API-Key: demo-key-alice", "-H", "X-Device-Id: device-0001", "-m", `{"text":"hello","internal":"x"}`},
			want: `{"text":"hello","device":"device-0001","from":"alice"}`,
		},
		{
			name: "a password instead", example: "secure", path: "/chat",
			args: []string{"-H", "Authorization: Basic Ym9iOmJvYi1wYXNzd29yZA==", "-H", "X-Device-Id: device-0001", "-m", `{}`}, want: `"from":"bob"`,
		},
		{name: "neither", example: "secure", path: "/chat", args: []string{"-m", "x"}, refused: "401"},
		{
			name: "no device", example: "secure", path: "/chat", args: []string{"-H", "X-API-Key: demo-key-alice", "-m", "x"}, refused: "400",
		},
		{
			name: "a room that is not for bob", example: "secure", path: "/chat?room=ops",
			args: []string{"-H", "Authorization: Basic Ym9iOmJvYi1wYXNzd29yZA==", "-H", "X-Device-Id: device-0001", "-m", "x"}, refused: "403",
		},
		{
			name: "personal data is masked both ways", example: "mask-pii", path: "/orders",
			args: []string{"-m", `{"card":4111111111111234, "payments":[{"card":"5500 0000 0000 0004"}], "user":{"email":"ann@example.test","password":"x"}}`},
			want: `{"card":"***1234", "payments":[{"card":"***0004"}], "user":{"email":"an**************"}}`,
		},
		{name: "a message that the schema allows", example: "validate-json", path: "/chat", args: []string{"-m", `{"type":"say", "text":"hello"}`}, want: `{"type":"say", "text":"hello"}`},
		{
			name: "a message that the schema does not allow", example: "validate-json", path: "/chat", args: []string{"-m", `{"type":"shout"}`},
			want: `{"error":"this message is not allowed","errors":[{"at":"/type","error":"value must be one of 'say', 'leave'","schema":"/properties/type/enum"}]}`,
		},
		{name: "a message that is no JSON", example: "validate-json", path: "/chat", args: []string{"-m", "hello"}, want: `{"error":"send JSON"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, log := dev(t, copyGateway(t, filepath.Join("..", "..", "examples", c.example)))
			args := append([]string{"connect", s.url(c.path), "--wait", "1"}, c.args...)
			out, errors, code := cli(t, args...)
			if c.refused != "" {
				if code != 1 || !strings.Contains(errors, c.refused) {
					t.Errorf("exit %d, want a refusal with %s:\n%s\n%s", code, c.refused, errors, log)
				}
				return
			}
			if code != 0 || !strings.Contains(out, c.want) {
				t.Errorf("exit %d: got %q, want %s\n%s\n%s", code, out, c.want, errors, log)
			}
		})
	}
}

// What is masked is in no record either, and what the host says wrong reaches no client.
func TestWhatIsMaskedIsNotRecorded(t *testing.T) {
	s, log := dev(t, copyGateway(t, filepath.Join("..", "..", "examples", "mask-pii")))
	if out, errors, code := cli(t, "connect", s.url("/orders"), "--wait", "1", "-m", `{"card":"4111111111111234","password":"tell nobody"}`); code != 0 || !strings.Contains(out, `***1234`) {
		t.Fatalf("exit %d: %s %s\n%s", code, out, errors, log)
	}
	records, _ := s.gateway.Journal().Read(0, 100)
	text, err := json.Marshal(records)
	if err != nil || len(records) < 3 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	for _, secret := range []string{"4111111111111234", "tell nobody", base64.StdEncoding.EncodeToString([]byte(`{"card"`))[:8]} {
		if strings.Contains(string(text), secret) {
			t.Errorf("the traffic log has %s: %s", secret, text)
		}
	}
	if out, _, code := cli(t, "connect", s.url("/orders"), "--wait", "1", "-m", "no JSON"); strings.Contains(out, "no JSON") || code == 0 && !strings.Contains(out, "1007") {
		t.Errorf("what cannot be masked went on: exit %d %s", code, out)
	}
}

// What a script costs each session is said before it runs.
// The routes example answers plain requests, and WebSockets on the same path.
func TestRoutesExample(t *testing.T) {
	s, log := dev(t, copyGateway(t, filepath.Join("..", "..", "examples", "routes")))
	for _, c := range []struct {
		method, path, body, key string
		status                  int
		want                    string
	}{
		{"GET", "/status", "", "", 200, `{"up":true,"you":"127.0.0.1"}`},
		{"POST", "/status", "x", "", 405, ""},
		{"POST", "/api/items", `{"text":"hi"}`, "demo-key-alice", 200, `{"text":"hi"}`},
		{"GET", "/api/items?page=2", "", "demo-key-alice", 200, `"X-User: alice"`},
		{"GET", "/api/items", "", "", 401, `{"error":"unauthorized"`},
	} {
		q, err := http.NewRequestWithContext(t.Context(), c.method, strings.Replace(s.url(c.path), "ws://", "http://", 1), strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		if c.key != "" {
			q.Header.Set("X-API-Key", c.key)
		}
		q.Close = true
		r, err := http.DefaultTransport.RoundTrip(q)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil || r.StatusCode != c.status || !strings.Contains(string(body), c.want) {
			t.Errorf("%s %s: %d %s %v\n%s", c.method, c.path, r.StatusCode, body, err, log)
		}
	}
	out, problems, _ := cli(t, "connect", s.url("/api"), "--wait", "1", "-H", "X-API-Key: demo-key-alice", "-m", "hello")
	if !strings.Contains(out, "hello") {
		t.Errorf("%s%s", out, problems)
	}
	out, problems, _ = cli(t, "tail", "--url", "http://"+s.console.Address(), "--kind", "request", "--last", "10", "--no-follow")
	for _, want := range []string{"POST 200 proxied", "→ backend", "GET 401 refused", "api-key", `← {"text":"hi"}`} {
		if !strings.Contains(out, want) {
			t.Errorf("tail shows no %q:\n%s%s", want, out, problems)
		}
	}
}

func TestCheckSaysWhatScriptsCostASession(t *testing.T) {
	for example, want := range map[string]string{
		"stamp":  `script "script" of policy "stamp": each session has a copy of about `,
		"secure": `script "script" of policy "hide": sessions share copies`,
	} {
		if out, problems, code := cli(t, "check", filepath.Join("..", "..", "examples", example)); code != 0 || !strings.Contains(out, want) {
			t.Errorf("exit %d, said %q %q, want %s", code, out, problems, want)
		}
	}
}

// The way of a person who writes a policy: change, break, repair.
func TestDevReloadsWhatIsSaved(t *testing.T) {
	dir := copyGateway(t, filepath.Join("..", "..", "examples", "echo"))
	s, log := dev(t, dir)
	script := filepath.Join(dir, "scripts", "from-server.js")
	says := func(want string) {
		t.Helper()
		for range 200 { // each try takes a whole connection
			if out, _, _ := cli(t, "connect", s.url("/edit"), "--wait", "1", "-m", "hello"); strings.Contains(out, want) {
				return
			}
		}
		t.Fatalf("it never said %q\n%s", want, log)
	}
	says("SAYS: HELLO")
	edit(t, script, ".toUpperCase()", ".replace('hello', 'good bye')")
	says("says: good bye")
	revision := s.gateway.Snapshot().Revision
	edit(t, script, "return true", "return true +")
	waitFor(t, func() bool { return strings.Contains(log.String(), "from-server.js:4") })
	says("says: good bye")
	if s.gateway.Snapshot().Revision != revision {
		t.Error("a broken configuration replaced the running one")
	}
	edit(t, script, "return true +", "return true", "good bye", "hi again")
	says("says: hi again")
}

func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for !done() {
		select {
		case <-deadline:
			t.Fatal("it did not happen")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

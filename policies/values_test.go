package policies

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestValues(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(secret, []byte("from-a-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	g := gateway{
		"values.yaml": `
listen: {host: 127.0.0.1, port: 8080}
limit: 7
on: true
origins: ['https://a.example.test', 'https://b.example.test']
backend: '{{env "BACKEND"}}'
`,
		"gateway.yaml": `
console: {token: '{{file "` + secret + `"}}'}
ports:
  public:
    listen: '{{listen.host}}:{{ listen.port }}'
    enabled: '{{on}}'
    idleTimeout: '{{env "IDLE" "90s"}}'
    limits: {connections: '{{limit}}'}
    websockets:
      - path: '{{env "CHAT_PATH"}}'
        origins: '{{origins}}'
        onUpgrade: admit
policies:
  admit:
    filters:
      - type: connect-to-url
        url: ws://{{backend}}/${http.header.X-Room}
`,
	}
	s := g.load(t, options(t, map[string]string{"CHAT_PATH": "/chat", "BACKEND": "127.0.0.1:9001"}), nil)
	p := s.Ports["public"]
	w := p.Websockets[0]
	switch {
	case p.Listen[0] != "127.0.0.1:8080", p.Disabled, p.Limits.Connections != 7, w.Idle != 90*time.Second:
		t.Errorf("port: %+v, idle %s", p, w.Idle)
	case w.Path != "/chat", len(w.Origins) != 2, w.Origins[1] != "https://b.example.test":
		t.Errorf("websocket: %q %v", w.Path, w.Origins)
	case s.Console.Token != "from-a-file":
		t.Errorf("token %q", s.Console.Token)
	}
}

func TestValuesFileCanBeNamed(t *testing.T) {
	g := one("values: production.yaml\n" + strings.Replace(echo, "127.0.0.1:8080", "'{{listen}}'", 1))
	g["production.yaml"] = "listen: 127.0.0.1:7000\n"
	if got := g.load(t, options(t, nil), nil).Ports["public"].Listen[0]; got != "127.0.0.1:7000" {
		t.Error(got)
	}
}

// What comes from outside is never shown, whatever is wrong with it.
func TestSecretsAreNotShown(t *testing.T) {
	secret := "hunter2-hunter2"
	env := map[string]string{"SECRET": secret, "SHORT": "pw1", "PIN": "4711"}
	for _, lines := range []string{
		"idleTimeout: '{{env \"SECRET\"}}'",
		"enabled: '{{env \"SECRET\"}}'",
		"limits: {connections: '{{env \"SECRET\"}}'}",
		"limits: {connections: '{{env \"SHORT\"}}'}",
		"idleTimeout: '{{env \"PIN\"}}'",
		"access: {allow: ['{{env \"SECRET\"}}', '10.0.0.0/{{env \"SECRET\"}}']}",
		"access: {default: '{{env \"SECRET\"}}'}",
		"tls: {cert: '{{env \"SECRET\"}}', key: k}",
	} {
		got := portWith(lines).problems(t, options(t, env))
		if got == "" || strings.Contains(got, secret) || strings.Contains(got, "pw1") || strings.Contains(got, "4711") {
			t.Errorf("%s:\n%s", lines, got)
		}
	}
	for _, field := range []string{"url: '{{env \"SECRET\"}}'", "url: 'ws://{{env \"SECRET\"}}'"} {
		g := one(strings.Replace(echo, "url: ws://127.0.0.1:9001/", field, 1))
		if got := g.problems(t, options(t, env)); got == "" || strings.Contains(got, secret) {
			t.Errorf("%s:\n%s", field, got)
		}
	}
}

// Blocks hold scripts and templates, which are full of braces.
func TestBlocksAreLeftAlone(t *testing.T) {
	g := websocketWith("onClientFrame: stamp")
	g["gateway.yaml"] += "  stamp:\n    filters:\n      - type: set-message\n        body: |\n          {{not a value}}\n"
	g.load(t, options(t, nil), nil)
}

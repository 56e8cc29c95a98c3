package main

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fasthttp/websocket"
	"github.com/google/go-cmp/cmp"
)

// demoToken is a token of framegate token.
func demoToken(t *testing.T, keys string, args ...string) string {
	t.Helper()
	out, errors, code := cli(t, append([]string{"token", keys, "--issuer", "https://login.example.test", "--audience", "chat"}, args...)...)
	if code != 0 {
		t.Fatal(out, errors)
	}
	return strings.TrimSpace(out)
}

func TestExampleJWTOrigin(t *testing.T) {
	dir := copyGateway(t, filepath.Join("..", "..", "examples", "jwt-origin"))
	s, log := dev(t, dir)
	keys := filepath.Join(dir, "keys", "demo.json")
	token := demoToken(t, keys, "--subject", "alice")
	for _, c := range []struct {
		what string
		args []string
		want string
		code int
	}{
		{"a token", []string{"-H", "Authorization: Bearer " + token, "-m", "hello"}, "hello", 0},
		{"none", []string{"-m", "hello"}, "401", 1},
		{"one that has expired", []string{"-H", "Authorization: Bearer " + demoToken(t, keys, "--subject", "alice", "--for=-1h"), "-m", "hello"}, "401", 1},
		{"one for others", []string{"-H", "Authorization: Bearer " + demoToken(t, keys, "--subject", "alice", "--claim", "aud=shop"), "-m", "hello"}, "401", 1},
		{"a page of another origin", []string{"-H", "Authorization: Bearer " + token, "-H", "Origin: https://evil.test", "-m", "hello"}, "403", 1},
		{"a new token", []string{"-H", "Authorization: Bearer " + token, "-m", `{"type":"auth","token":"` + demoToken(t, keys, "--subject", "alice", "--for=2h") + `"}`}, `{"type":"auth","expires":"`, 0},
		{"somebody else's", []string{"-H", "Authorization: Bearer " + token, "-m", `{"type":"auth","token":"` + demoToken(t, keys, "--subject", "bob") + `"}`}, `cannot be used`, 0},
	} {
		out, errors, code := cli(t, append([]string{"connect", s.url("/chat"), "--wait", "1"}, c.args...)...)
		if code != c.code || !strings.Contains(out+errors, c.want) {
			t.Errorf("%s: exit %d: %s%s\n%s", c.what, code, out, errors, log)
		}
	}
	dialer := websocket.Dialer{Subprotocols: []string{"bearer", token}}
	page, answer, err := dialer.Dial(s.url("/chat"), http.Header{"Origin": {"https://app.example.test"}})
	if err != nil || answer.Header.Get("Sec-WebSocket-Protocol") != "bearer" {
		t.Fatalf("as a page does it: %v %v", err, answer)
	}
	page.Close()
	if strings.Contains(log.String(), token[:30]) {
		t.Error("the log has a token")
	}
}

// pageBringsToken is what only a browser does: it gives up on an answer that names
// none of the subprotocols it asked for, and on one that it did not ask for.
func pageBringsToken(t *testing.T, browser context.Context, page string) {
	dir := copyGateway(t, filepath.Join("..", "..", "examples", "jwt-origin"))
	s, _ := dev(t, dir)
	keys := filepath.Join(dir, "keys", "demo.json")
	p := openTab(t, browser, page)
	got := p.talk(t, s.url("/chat"), `["bearer", "`+demoToken(t, keys, "--subject", "alice")+`"]`, `"hello"`)
	if diff := cmp.Diff(talked{Protocol: "bearer", Got: []string{"hello"}, Code: 1000, Clean: true}, got); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
	got = p.talk(t, s.url("/chat"), `["bearer", "`+demoToken(t, keys, "--subject", "alice", "--for=-1h")+`"]`, `"hello"`)
	if diff := cmp.Diff(talked{Code: websocket.CloseAbnormalClosure}, got); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
	p.saysOnly(t, "HTTP Authentication failed")
}

func TestExampleRouteByToken(t *testing.T) {
	dir := copyGateway(t, filepath.Join("..", "..", "examples", "route-by-token"))
	s, log := dev(t, dir)
	keys := filepath.Join(dir, "demo.json")
	for tenant, host := range map[string]string{"acme": "acme", "globex": "shared"} {
		token := demoToken(t, keys, "--subject", "alice", "--claim", "tenant="+tenant)
		c, answer, err := websocket.DefaultDialer.Dial(s.url("/chat"), http.Header{"Authorization": {"Bearer " + token}})
		if err != nil {
			t.Fatal(err, answer, log)
		}
		if err := c.WriteMessage(websocket.TextMessage, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		if _, p, err := c.ReadMessage(); err != nil || string(p) != "hello" {
			t.Errorf("%s: %q %v", tenant, p, err)
		}
		found := false
		for _, info := range s.gateway.Sessions().List() {
			found = found || info.Host == host
		}
		if !found {
			t.Errorf("tenant %s did not come to host %s: %+v", tenant, host, s.gateway.Sessions().List())
		}
		c.Close()
	}
	if _, answer, err := websocket.DefaultDialer.Dial(s.url("/chat"), http.Header{"Authorization": {"Bearer " + demoToken(t, keys, "--subject", "alice")}}); err == nil || answer.StatusCode != 401 {
		t.Errorf("without a tenant: %v %v", answer, err)
	}
}

func TestTokenCommand(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys.json")
	if _, errors, code := cli(t, "token", file); code != 1 || !strings.Contains(errors, "framegate token --new") {
		t.Errorf("without a file: %d %s", code, errors)
	}
	if out, errors, code := cli(t, "token", "--new", file); code != 0 || !strings.Contains(out, "has a key") {
		t.Fatal(out, errors)
	}
	if _, errors, code := cli(t, "token", "--new", file); code != 1 || !strings.Contains(errors, "exists") {
		t.Errorf("over a file that is there: %d %s", code, errors)
	}
	if about, err := os.Stat(file); err != nil || about.Mode().Perm() != 0o600 {
		t.Errorf("others may read the key: %v %v", about, err)
	}
	if token := demoToken(t, file, "--subject", "alice", "--scope", "a", "--scope", "b", "--claim", `x={"y":1}`); strings.Count(token, ".") != 2 {
		t.Errorf("printed %q", token)
	}
	if err := os.WriteFile(file, []byte(`{"keys":[]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, errors, code := cli(t, "token", file); code != 1 || !strings.Contains(errors, "no private key") {
		t.Errorf("without a key: %d %s", code, errors)
	}
}

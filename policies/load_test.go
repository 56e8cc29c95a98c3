package policies

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"framegate/engine"
)

// design is the gateway of DESIGN §4.
var design = gateway{
	"gateway.yaml": `
version: 1
ports:
  public:
    listen: 127.0.0.1:8080
    websockets:
      - path: /chat
        origins: ['https://app.example.test']
        subprotocols: [chat.v1]
        onUpgrade: admit
        onClientFrame: stamp
        onServerFrame: hide
        onClose: goodbye
        limits: {message: 1MiB, perClient: 20}
remoteHosts:
  chat:
    host: chat.internal
    port: 9001
policies:
  admit:
    fault: refuse
    filters:
      - type: ip-address
        allow: [127.0.0.0/8, '::1/128']
      - name: key
        type: api-key
        header: X-API-Key
        store: clients
        failure: login
      - name: headers
        type: validate-http-headers
        headers: {X-Device-Id: {required: true, match: '^[a-z0-9-]{8,64}$'}}
      - type: script
        file: scripts/admit.js
        generates: [chat.room]
      - type: connect-to-url
        url: ws://chat/rooms/${chat.room}
      - name: login
        type: http-basic
        store: users
        success: headers
      - name: refuse
        type: json-error
`,
	"policies/frames.yaml": `
policies:
  stamp: {filters: [{type: set-message, body: 'stamped ${content.body}'}]}
  hide: {filters: [{type: true-filter}]}
  goodbye: {filters: [{type: log-message, format: 'closed by ${websock.close.by}'}]}
`,
	"stores/stores.yaml":  "stores: {clients: {file: stores/clients.yaml}, users: {file: stores/users.yaml}}\n",
	"stores/clients.yaml": "alice: {key: 'sha256:f80024220afd493b4d9592af870de7afe98061992d28fdb75480c9b717783fa2'}\n",
	"stores/users.yaml":   "bob: {password: $2a$10$bTT78OtCKCF3uXBf86PWCunBVN2NyXmLdXB4Dn26n5TSl3ATC2FCm}\n",
	"scripts/admit.js":    "export function invoke(msg) { msg.put('chat.room', 'lobby'); return true; }\n",
}

// DESIGN §5: list order, arrows, the ends of policies.
func TestListsBecomeGraphs(t *testing.T) {
	s := design.load(t, options(t, nil), nil)
	p := s.Policies["admit"]
	want := []string{
		"ip-address: key | fail", // success goes to the next in the list; without a failure arrow the policy fails
		"key: headers | login",
		"headers: script | fail", // the name is the type where none is given
		"script: connect-to-url | fail",
		"connect-to-url: pass | fail", // filters that end a policy have success: pass
		"login: headers | fail",
		"refuse: pass | fail",
	}
	if diff := cmp.Diff(want, arrows(p)); diff != "" {
		t.Error(diff)
	}
	if p.Fault != 6 || p.Nodes[6].Name != "refuse" {
		t.Errorf("fault is node %d", p.Fault)
	}
	if at := p.Nodes[1].At.String(); at != "gateway.yaml:26:15" {
		t.Errorf("filter key stands at %s", at)
	}
	w := s.Ports["public"].Websockets[0]
	for name, got := range map[string]*engine.Policy{"admit": w.Upgrade, "stamp": w.ClientFrame, "hide": w.ServerFrame, "goodbye": w.Closed} {
		if got != s.Policies[name] {
			t.Errorf("hook of %s has policy %v", name, got)
		}
	}
}

func TestArrowsMayEndThePolicy(t *testing.T) {
	g := one(echo + `
  other:
    filters:
      - {name: a, type: true-filter, success: fail, failure: pass}
      - {name: b, type: true-filter}
`)
	if got := g.problems(t, options(t, nil)); !strings.Contains(got, `"b" (true-filter) is never reached`) {
		t.Errorf("b is reached?\n%s", got)
	}
	g = one(echo + "  other: {filters: [{name: a, type: true-filter, success: fail, failure: pass}]}\n")
	if diff := cmp.Diff([]string{"a: fail | pass"}, arrows(g.load(t, options(t, nil), nil).Policies["other"])); diff != "" {
		t.Error(diff)
	}
}

// Any top-level key may stand in any of the files.
func TestKeysMayStandInAnyFile(t *testing.T) {
	g := gateway{
		"gateway.yaml":         "include: extra/*.yaml\n",
		"policies/port.yaml":   strings.Split(echo, "policies:")[0],
		"apis/policy.yaml":     "policies:" + strings.Split(echo, "policies:")[1],
		"remotehosts/one.yaml": "remoteHosts: {chat: {host: chat.internal}}\nshowReason: true\n",
		"extra/more.yaml":      "stores: {users: {records: {bob: {rooms: [lobby, 7]}}}}\n",
	}
	s := g.load(t, options(t, nil), nil)
	if len(s.Ports) != 1 || len(s.Policies) != 1 || !s.ShowReason || len(ConfigOf(s).Stores) != 1 {
		t.Errorf("%d ports, %d policies", len(s.Ports), len(s.Policies))
	}
}

func TestLoadReadsADirectory(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "gateway.yaml"), []byte(echo), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/hostname", filepath.Join(dir, "outside.yaml")); err != nil {
		t.Fatal(err)
	}
	loader := Loader(dir, options(t, nil))
	first, problems := loader(context.Background(), nil)
	if first == nil {
		t.Fatal(text(problems))
	}
	second, _ := loader(context.Background(), first)
	if second == nil || second.Revision != first.Revision {
		t.Error("the revision changed with nothing else")
	}
	if err := os.WriteFile(filepath.Join(dir, "gateway.yaml"), []byte("include: outside.yaml\n"+echo), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, problems := loader(context.Background(), first); s != nil || !strings.Contains(text(problems), "lies outside the gateway's directory") {
		t.Errorf("a link led out of the directory:\n%s", text(problems))
	}
	for _, missing := range []string{filepath.Join(dir, "nothing"), filepath.Join(dir, "gateway.yaml")} {
		if s, problems := Load(context.Background(), missing, Options{}, nil); s != nil || len(problems) != 1 || problems[0].Hint == "" {
			t.Errorf("%s: %v", missing, problems)
		}
	}
}

func TestLoadEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if s, problems := load(ctx, one(echo).files(), options(t, nil), tableOfFilters(), nil); s != nil || len(problems) != 1 {
		t.Errorf("%v %v", s, problems)
	}
}

package policies

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"framegate/engine"
	"framegate/scripts"
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

// The defaults of DESIGN §4's table.
func TestDefaults(t *testing.T) {
	s := one(echo).load(t, options(t, nil), nil)
	p := s.Ports["public"]
	wantPort := engine.PortLimits{Header: 16 << 10, URI: 8 << 10, Handshake: 10 * time.Second}
	if diff := cmp.Diff(wantPort, p.Limits); diff != "" {
		t.Error("port limits:", diff)
	}
	if p.Disabled || p.TLS != nil || !p.Access.Allows(netip.MustParseAddr("192.0.2.1")) {
		t.Errorf("port: %+v", p)
	}
	w := *p.Websockets[0]
	wantLimits := engine.Limits{Message: 1 << 20, MessageTime: time.Minute}
	if diff := cmp.Diff(wantLimits, w.Limits); diff != "" {
		t.Error("websocket limits:", diff)
	}
	fail, abort := engine.FrameFault{Verdict: engine.Close, Code: 1008}, engine.FrameFault{Verdict: engine.Close, Code: 1011}
	switch {
	case w.Exact || w.Host != "" || w.Disabled || w.NeedSub || w.KeepRemoved || w.MessageMode || w.Origins != nil || w.Subprotocols != nil:
		t.Errorf("websocket: %+v", w)
	case w.ContentType != "application/json" || w.Idle != 5*time.Minute || w.Expire != 0 || w.OnChange != engine.Pin:
		t.Errorf("websocket: %q %s %s %d", w.ContentType, w.Idle, w.Expire, w.OnChange)
	case w.Ping != (engine.Ping{Timeout: 10 * time.Second}):
		t.Errorf("ping: %+v", w.Ping)
	case w.OnFail != fail || w.OnAbort != abort:
		t.Errorf("frame faults: %+v %+v", w.OnFail, w.OnAbort)
	case w.ClientFrame != nil || w.ServerFrame != nil || w.Closed != nil:
		t.Error("a hook that nobody named has a policy")
	}
	if s.Console != (engine.Console{Listen: "127.0.0.1:8090"}) || s.FaultHandler != nil || s.ShowReason || s.Buffered != 1<<30 || s.Journal != 10_000 {
		t.Errorf("gateway: %+v", s.Console)
	}
	h := one(echo+"remoteHosts: {chat: {host: chat.internal}}\n").load(t, options(t, nil), nil)
	def := ConfigOf(h).RemoteHosts["chat"]
	if !def.AllowHTTP11 || def.MaxConnections != -1 || def.ConnectTimeout != 10*time.Second || def.ActiveTimeout != 30*time.Second || def.IdleTimeout != 15*time.Second {
		t.Errorf("remote host: %+v", def)
	}
}

// Every key of DESIGN §4's table, said differently from its default.
func TestPortKeys(t *testing.T) {
	p := portWith(`
enabled: false
access: {default: deny, allow: [10.0.0.0/8, '2001:db8::1'], deny: 10.1.0.0/16}
idleTimeout: 1m
limits: {connections: 100, perClient: 5, header: 32KiB, uri: 4KiB, handshake: 3s}
`).load(t, options(t, nil), nil).Ports["public"]
	if diff := cmp.Diff(engine.PortLimits{Connections: 100, PerClient: 5, Header: 32 << 10, URI: 4 << 10, Handshake: 3 * time.Second}, p.Limits); diff != "" {
		t.Error(diff)
	}
	for addr, want := range map[string]bool{"10.2.0.1": true, "10.1.0.1": false, "192.0.2.1": false, "2001:db8::1": true, "2001:db8::2": false} {
		if got := p.Access.Allows(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s may connect: %v", addr, got)
		}
	}
	if !p.Disabled || p.Websockets[0].Idle != time.Minute {
		t.Errorf("disabled %v, idle %s", p.Disabled, p.Websockets[0].Idle)
	}
	list := one(strings.Replace(echo, "listen: 127.0.0.1:8080", "listen: ['127.0.0.1:8080', '[::1]:8080']", 1)).load(t, options(t, nil), nil)
	if diff := cmp.Diff([]string{"127.0.0.1:8080", "[::1]:8080"}, list.Ports["public"].Listen); diff != "" {
		t.Error(diff)
	}
}

func TestWebsocketKeys(t *testing.T) {
	w := websocketWith(`
match: exact
host: chat.example.test
enabled: false
origins: ['https://app.example.test', 'http://127.0.0.1:*']
subprotocols: chat.v1
subprotocolRequired: true
contentType: text/plain
limits: {message: 64KiB, messageTime: 5s, total: 10, perClient: 2, perSubject: 1}
idleTimeout: 0
expire: 8h
ping: {every: 30s, timeout: 5s}
onFrameFault: {fail: drop, abort: 'reply {"error":"later"}'}
onChange: migrate
onRemove: keep
mode: message
log: {enabled: false, frames: false, payloads: 10KiB, trails: 7}
`).load(t, options(t, nil), nil).Ports["public"].Websockets[0]
	if diff := cmp.Diff(engine.Limits{Message: 64 << 10, MessageTime: 5 * time.Second, Total: 10, PerClient: 2, PerSubject: 1}, w.Limits); diff != "" {
		t.Error(diff)
	}
	switch {
	case !w.Exact || w.Host != "chat.example.test" || !w.Disabled || !w.NeedSub || w.ContentType != "text/plain":
		t.Errorf("%+v", w)
	case len(w.Origins) != 2 || len(w.Subprotocols) != 1:
		t.Errorf("origins %v, subprotocols %v", w.Origins, w.Subprotocols)
	case w.Idle != 0 || w.Expire != 8*time.Hour || w.Ping != (engine.Ping{Every: 30 * time.Second, Timeout: 5 * time.Second}):
		t.Errorf("idle %s, expire %s, ping %+v", w.Idle, w.Expire, w.Ping)
	case w.OnFail.Verdict != engine.Drop || w.OnAbort.Verdict != engine.Reply || w.OnAbort.Body != `{"error":"later"}`:
		t.Errorf("%+v %+v", w.OnFail, w.OnAbort)
	case w.OnChange != engine.Migrate || !w.KeepRemoved || !w.MessageMode:
		t.Errorf("onChange %d, keep %v, message mode %v", w.OnChange, w.KeepRemoved, w.MessageMode)
	case w.Log != engine.LogRules{Off: true, NoFrames: true, Payload: 10 << 10, Trails: 7}:
		t.Errorf("log %+v", w.Log)
	}
}

func TestGatewayKeys(t *testing.T) {
	g := one(`
faultHandler: refuse
showReason: true
console: {listen: off}
trafficLog: {records: 500, payloads: 1KiB}
limits: {buffered: 2MiB}
scripts: {timeout: 20ms}
` + echo + "  refuse: {filters: [{type: json-error}]}\n")
	s := g.load(t, options(t, nil), nil)
	if s.FaultHandler != s.Policies["refuse"] || !s.ShowReason || s.Console.Listen != "" || s.Journal != 500 || s.Buffered != 2<<20 {
		t.Errorf("%+v", s)
	}
	if got := s.Ports["public"].Websockets[0].Log.Payload; got != 1<<10 {
		t.Errorf("payloads of %d bytes are logged", got)
	}
	if got := ConfigOf(s).Scripts.limits().Call; got != 20*time.Millisecond {
		t.Errorf("scripts may run for %s", got)
	}
}

// The command's word about payloads counts where the author says nothing.
func TestPayloadsOfTheCommand(t *testing.T) {
	o := options(t, nil)
	o.Payloads, o.Trails = 10<<10, 1
	if got := one(echo).load(t, o, nil).Ports["public"].Websockets[0].Log; got != (engine.LogRules{Payload: 10 << 10, Trails: 1}) {
		t.Errorf("%+v", got)
	}
	if got := websocketWith("log: {payloads: 0}").load(t, o, nil).Ports["public"].Websockets[0].Log; got.Payload != 0 {
		t.Errorf("%+v", got)
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

func TestScriptLimits(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "gateway.yaml"), []byte("scripts: {timeout: 20ms, errorsPerMinute: 3}\n"+echo), 0o600); err != nil {
		t.Fatal(err)
	}
	want := scripts.Limits{Call: 20 * time.Millisecond, Load: 2 * time.Second, Depth: 200, Bytes: 16 << 20, Elements: 1_000_000, Sends: 100, Errors: 3}
	if diff := cmp.Diff(want, ScriptLimits(dir, Options{})); diff != "" {
		t.Error(diff)
	}
	if got := ScriptLimits(filepath.Join(dir, "nothing"), Options{}); got != (scripts.Limits{}) {
		t.Errorf("%+v", got)
	}
}

func TestLoadEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if s, problems := load(ctx, one(echo).files(), options(t, nil), tableOfFilters(), nil); s != nil || len(problems) != 1 {
		t.Errorf("%v %v", s, problems)
	}
}

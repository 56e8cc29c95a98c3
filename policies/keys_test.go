package policies

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"framegate/engine"
)

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
	case w.Exact || w.Hosts != nil || w.Disabled || w.NeedSub || w.KeepRemoved || w.MessageMode || w.Origins != nil || w.Subprotocols != nil:
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
compression: {client: off, minSize: 1KiB, context: 0, peerContext: 4KiB}
log: {enabled: false, frames: false, payloads: 10KiB, trails: 7}
`).load(t, options(t, nil), nil).Ports["public"].Websockets[0]
	if diff := cmp.Diff(engine.Limits{Message: 64 << 10, MessageTime: 5 * time.Second, Total: 10, PerClient: 2, PerSubject: 1}, w.Limits); diff != "" {
		t.Error(diff)
	}
	switch {
	case !w.Exact || len(w.Hosts) != 1 || w.Hosts[0] != "chat.example.test" || !w.Disabled || !w.NeedSub || w.ContentType != "text/plain":
		t.Errorf("%+v", w)
	case len(w.Origins) != 2 || len(w.Subprotocols) != 1:
		t.Errorf("origins %v, subprotocols %v", w.Origins, w.Subprotocols)
	case w.Idle != 0 || w.Expire != 8*time.Hour || w.Ping != (engine.Ping{Every: 30 * time.Second, Timeout: 5 * time.Second}):
		t.Errorf("idle %s, expire %s, ping %+v", w.Idle, w.Expire, w.Ping)
	case w.OnFail.Verdict != engine.Drop || w.OnAbort.Verdict != engine.Reply || w.OnAbort.Body != `{"error":"later"}`:
		t.Errorf("%+v %+v", w.OnFail, w.OnAbort)
	case w.OnChange != engine.Migrate || !w.KeepRemoved || !w.MessageMode:
		t.Errorf("onChange %d, keep %v, message mode %v", w.OnChange, w.KeepRemoved, w.MessageMode)
	case w.Compression != engine.Compression{Host: true, MinSize: 1 << 10, PeerContext: 4 << 10}:
		t.Errorf("compression %+v", w.Compression)
	case w.Log != engine.LogRules{Off: true, NoFrames: true, Payload: 10 << 10, Trails: 7}:
		t.Errorf("log %+v", w.Log)
	}
}

func TestCompressionInAWord(t *testing.T) {
	for word, want := range map[string]engine.Compression{
		"off":         {MinSize: 128, Context: 2 << 10},
		"on":          {Client: true, Host: true, MinSize: 128, Context: 2 << 10},
		"{}":          {Client: true, Host: true, MinSize: 128, Context: 2 << 10},
		"{host: off}": {Client: true, MinSize: 128, Context: 2 << 10},
	} {
		w := websocketWith("mode: message\ncompression: "+word+"\n").load(t, options(t, nil), nil).Ports["public"].Websockets[0]
		if w.Compression != want {
			t.Errorf("%s: %+v", word, w.Compression)
		}
	}
	if w := websocketWith("").load(t, options(t, nil), nil).Ports["public"].Websockets[0]; w.Compression.Client || w.Compression.Host {
		t.Errorf("without a word: %+v", w.Compression)
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

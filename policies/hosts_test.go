package policies

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"framegate/engine"
	"framegate/remotehosts"
)

// withHost is a gateway with one remote host, chat, that has these keys too.
func withHost(keys string) gateway {
	text := strings.Replace(echo, "ws://127.0.0.1:9001/", "ws://chat/", 1)
	return gateway{"gateway.yaml": text + "remoteHosts:\n  chat:\n    host: chat.internal\n    port: 9001\n" + keys}
}

// Addresses are a list, or groups, or both; what is left out has its default.
func TestRemoteHostIsDecoded(t *testing.T) {
	g := withHost(`
    addresses: [10.0.0.1, {priority: highest, list: ['10.0.0.2:9002', '[::1]:9003'], weight: 3}, {priority: 7, list: backup.internal}]
    watchdog: {ok: [200, 300-399]}
    proxy: {url: 'http://proxy.internal:3128'}
`)
	def := ConfigOf(g.load(t, options(t, nil), nil)).RemoteHosts["chat"]
	if diff := cmp.Diff([]remotehosts.Addresses{
		{Priority: 3, List: []string{"10.0.0.1"}, Weight: 1},
		{Priority: 1, List: []string{"10.0.0.2:9002", "[::1]:9003"}, Weight: 3},
		{Priority: 7, List: []string{"backup.internal"}, Weight: 1},
	}, def.Addresses); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(&remotehosts.Watchdog{Method: "OPTIONS", URI: "*", OK: []remotehosts.StatusRange{{From: 200, To: 200}, {From: 300, To: 399}}, Every: time.Minute, Timeout: 10 * time.Second}, def.Watchdog); diff != "" {
		t.Error(diff)
	}
	if def.Balancing != "round-robin" || def.HalfLife != 10*time.Second || def.Retries != nil || def.CorrelationHeader != "X-CorrelationID" || def.AddressCacheTime != 5*time.Minute ||
		def.Ejection != (remotehosts.Ejection{First: 5 * time.Second, Most: 5 * time.Minute}) || def.Breaker != (remotehosts.Breaker{Failures: 5, First: 2 * time.Second, Most: time.Minute}) {
		t.Errorf("%+v", def)
	}
	plain := ConfigOf(withHost("").load(t, options(t, nil), nil)).RemoteHosts["chat"]
	if plain.Watchdog != nil || plain.Proxy != nil || plain.Addresses != nil {
		t.Errorf("%+v", plain)
	}
}

// A snapshot starts and closes its remote hosts, tells how they are, and keeps
// those of its predecessor that are the same.
func TestSnapshotOwnsItsRemoteHosts(t *testing.T) {
	o := options(t, nil)
	g := withHost("    addresses: ['10.0.0.1:9001', {priority: low, list: ['10.0.0.2:9001']}]\n    watchdog: {}\n")
	first := g.load(t, o, nil)
	if len(first.Starters) != 2 || len(first.Closers) == 0 {
		t.Fatalf("%d starters, %d closers", len(first.Starters), len(first.Closers))
	}
	states := first.RemoteHosts()
	if len(states) != 1 || states[0].Name != "chat" || len(states[0].Addresses) != 2 || states[0].Addresses[1].Priority != "low" || !states[0].Addresses[0].In {
		t.Errorf("state is %+v", states)
	}
	second := g.change(t, "gateway.yaml", "path: /chat", "path: /talk").load(t, o, first)
	third := g.change(t, "gateway.yaml", "watchdog: {}", "watchdog: {every: 5s}").load(t, o, second)
	chat := func(s *engine.Snapshot) *remotehosts.Host {
		h, _ := originOf(s).hosts.Named("chat")
		return h
	}
	if chat(first) != chat(second) || chat(second) == chat(third) {
		t.Error("the host is the same with another definition, or another with the same")
	}
}

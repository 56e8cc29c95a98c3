package policies

import (
	"strings"
	"testing"

	"framegate/engine"
	"framegate/filters"
)

// full is a gateway in which everything depends on something.
func full() gateway {
	g := gateway{}
	for name, text := range design {
		g[name] = text
	}
	g["gateway.yaml"] += `
  identify: {filters: [{type: true-filter}]}
`
	g["policies/frames.yaml"] = strings.Replace(g["policies/frames.yaml"], "hide: {filters: [{type: true-filter}]}", "hide: {filters: [{type: policy, policy: identify}]}", 1)
	return g
}

// change replaces text in one file of the gateway.
func (g gateway) change(t *testing.T, file, old, new string) gateway {
	t.Helper()
	if !strings.Contains(g[file], old) {
		t.Fatalf("%s has no %q", file, old)
	}
	next := gateway{}
	for name, text := range g {
		next[name] = text
	}
	next[file] = strings.Replace(g[file], old, new, 1)
	return next
}

// A hash changes when what it stands for does another thing, and only then.
func TestHashes(t *testing.T) {
	o := options(t, nil)
	before := full().load(t, o, nil)
	cases := []struct {
		name, file, old, new string
		policies             string // whose hash changes
		websocket            bool
	}{
		{"a comment", "gateway.yaml", "version: 1", "version: 1 # the first", "", false},
		{"a default written out", "gateway.yaml", "        onUpgrade: admit", "        onUpgrade: admit\n        match: longest", "", false},
		{"order of keys", "gateway.yaml", "{required: true, match: '^[a-z0-9-]{8,64}$'}", "{match: '^[a-z0-9-]{8,64}$', required: true}", "", false},
		{"a remote host", "gateway.yaml", "port: 9001", "port: 9002", "", false},
		{"a field of a filter", "gateway.yaml", "{8,64}", "{8,65}", "admit", true},
		{"an arrow", "gateway.yaml", "        success: headers", "        success: script", "admit", true},
		{"a script", "scripts/admit.js", "lobby", "ops", "admit", true},
		{"a store", "stores/clients.yaml", "alice", "bob", "admit", true},
		{"a called policy", "gateway.yaml", "identify: {filters: [{type: true-filter}]}", "identify: {filters: [{type: false-filter}]}", "hide identify", true},
		{"a limit", "gateway.yaml", "message: 1MiB", "message: 2MiB", "", true},
		{"the port's idle timeout", "gateway.yaml", "    websockets:", "    idleTimeout: 1m\n    websockets:", "", true},
		{"the fault handler", "gateway.yaml", "version: 1", "faultHandler: identify", "", true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			after := full().change(t, c.file, c.old, c.new).load(t, o, before)
			for name, p := range after.Policies {
				changed := p.Hash != before.Policies[name].Hash
				if want := strings.Contains(" "+c.policies+" ", " "+name+" "); changed != want {
					t.Errorf("hash of policy %s changed: %v, want %v", name, changed, want)
				}
			}
			if changed := after.Ports["public"].Websockets[0].Hash != before.Ports["public"].Websockets[0].Hash; changed != c.websocket {
				t.Errorf("hash of the websocket changed: %v, want %v", changed, c.websocket)
			}
			if after.Revision == before.Revision {
				t.Error("the revision is the same")
			}
		})
	}
}

func TestUnchangedRemoteHostsStay(t *testing.T) {
	o := options(t, nil)
	g := one(echo + "remoteHosts: {chat: {host: chat.internal, port: 9001}, other: {host: other.internal}}\n")
	first := g.load(t, o, nil)
	second := g.change(t, "gateway.yaml", "9001}", "9002}").load(t, o, first)
	same := func(name string) bool {
		a, _ := originOf(first).hosts.Named(name)
		b, _ := originOf(second).hosts.Named(name)
		return a == b
	}
	if !same("other") {
		t.Error("a remote host that did not change is another object")
	}
	if same("chat") {
		t.Error("a remote host that changed is the same object")
	}
}

// heir is a filter that inherits.
type heir struct {
	Limit int `yaml:"limit"`
	from  *heir
}

func (h *heir) Run(*engine.Message) (bool, error) { return true, nil }
func (h *heir) Inherit(old engine.Filter)         { h.from = old.(*heir) }

func TestFiltersInheritFromTheSameSettings(t *testing.T) {
	kinds := tableOfFilters()
	lookup := kinds.lookup
	kinds.lookup = func(name string) (*filters.Kind, bool) {
		if name == "heir" {
			return &filters.Kind{Type: "heir", Hooks: engine.OnAny, New: func() engine.Filter { return new(heir) }}, true
		}
		return lookup(name)
	}
	o := options(t, nil)
	g := one(echo + "  other: {filters: [{name: a, type: heir, limit: 1}, {name: b, type: heir, limit: 1}]}\n")
	first, problems := load(t.Context(), g.files(), o, kinds, nil)
	if first == nil {
		t.Fatal(text(problems))
	}
	second, problems := load(t.Context(), g.change(t, "gateway.yaml", "b, type: heir, limit: 1", "b, type: heir, limit: 2").files(), o, kinds, first)
	if second == nil {
		t.Fatal(text(problems))
	}
	was, is := first.Policies["other"].Nodes, second.Policies["other"].Nodes
	if is[0].Filter.(*heir).from != was[0].Filter {
		t.Error("a did not inherit from its predecessor")
	}
	if is[1].Filter.(*heir).from != nil {
		t.Error("b inherited although its settings are others")
	}
	broken, _ := load(t.Context(), g.change(t, "gateway.yaml", "onUpgrade", "onUpgrad").files(), o, kinds, first)
	if broken != nil {
		t.Error("a broken gateway was loaded")
	}
}

// A broken configuration gives no snapshot, so that the running one stays; a
// half-written file is one.
func TestBrokenReloadGivesNothing(t *testing.T) {
	o := options(t, nil)
	first := one(echo).load(t, o, nil)
	for cut := 1; cut < len(echo); cut += 7 {
		s, problems := load(t.Context(), one(echo[:cut]).files(), o, tableOfFilters(), first)
		if s == nil && !engine.Broken(problems) {
			t.Fatalf("cut at %d: no snapshot, and no problem", cut)
		}
		if s != nil && engine.Broken(problems) {
			t.Fatalf("cut at %d: a snapshot in spite of\n%s", cut, text(problems))
		}
	}
}

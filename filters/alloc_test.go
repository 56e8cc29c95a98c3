package filters

import (
	"strings"
	"testing"

	"framegate/engine"
	"framegate/engine/state"
	"framegate/engine/wire"
)

func TestNativeFiltersAllocateNothingPerMessage(t *testing.T) {
	if racing {
		t.Skip("the race detector makes pooled values count as allocations")
	}
	body := []byte(`{"type":"order","text":"` + strings.Repeat("x", 400) + `"}`)
	rules := []compareRule{
		rule("${content.body}", "contains", `"order"`), rule("${websock.opcode}", "is", "text"), rule("${websock.message.length}", "at-most", "4096"),
		rule("${content.body}", "does-not-match", "[0-9]{5}"), rule("${chat.room ?: \"lobby\"}", "is-not", ""),
	}
	loud := rule("${content.body}", "contains", "ORDER")
	loud.IgnoreCase = true
	env := withPolicies(runs("yes", &trueFilter{}))
	filters := map[string]engine.Filter{
		"true-filter":       build[trueFilter](t, nil, nil),
		"message-size":      build(t, nil, func(f *messageSize) { f.AtMost = 1 << 20 }),
		"compare-attribute": build(t, nil, func(f *compareAttribute) { f.Rules = append(rules, loud) }),
		"switch": build(t, env, func(f *switchFilter) {
			f.Value, f.Cases = sel("${websock.opcode}"), []switchCase{{comparison{Op: "is", With: sel("text")}, "yes", nil}}
		}),
		"set-attribute, literal":  build(t, nil, func(f *setAttribute) { f.Attribute, f.Value = "chat.room", sel("lobby") }),
		"set-attribute, a number": build(t, nil, func(f *setAttribute) { f.Attribute, f.Value = "chat.size", sel("${websock.message.length}") }),
		"set-message, literal":    build(t, nil, func(f *setMessage) { f.Body = sel("[removed]") }),
		"throttling, literal key": build(t, nil, func(f *throttling) { f.Allow, f.Key = 1<<20, sel("all") }),
		"throttling, default key": build(t, nil, func(f *throttling) { f.Allow = 1 << 20 }),
		"throttling, selected key": build(t, nil, func(f *throttling) {
			f.Allow, f.Key, f.Algorithm = 1<<20, sel("${id}/${websock.opcode}"), "token-bucket"
		}),
		"json-add-node": build(t, nil, func(f *jsonAddNode) {
			f.Nodes = []jsonNode{{Path: paths("/seen")[0], Op: "set", Value: true}, {Path: paths("/id")[0], Op: "set", Value: "<${id}>"}, {Path: paths("/n")[0], Op: "set", JSON: sel("${websock.message.length}")}}
		}),
		"json-remove-node, nothing there": build(t, nil, func(f *jsonRemoveNode) { f.Nodes = paths("**.password") }),
		"json-mask":                       build(t, nil, func(f *jsonMask) { f.Nodes, f.KeepLast = paths("/text", "**.type"), 4 }),
		"ip-address":                      build(t, nil, func(f *ipAddress) { f.Allow = networks("192.0.2.0/24") }),
		"drop-frame":                      build[dropFrame](t, nil, nil),
		"close-websocket":                 build(t, nil, func(f *closeWebsocket) { f.Reason = sel("bye") }),
		"reply-frame, literal":            build(t, nil, func(f *replyFrame) { f.Body = sel("no") }),
		"policy":                          build(t, env, func(f *policy) { f.Policy = "yes" }),
		"log-message, level off":          build(t, nil, func(f *logMessage) { f.Level, f.Body = "debug", true }),
		"throttling, bytes of several limits": build(t, nil, func(f *throttling) {
			f.Count, f.Limits = "bytes", []throttlingLimit{{Allow: 1 << 40, Every: second}, {Allow: 1 << 40, Every: 60 * second}}
		}),
		"quota": build(t, &Env{State: state.NewMemory(1<<20, nil)}, func(f *quota) { f.Allow, f.Per, f.Key = sel("1000000"), "day", sel("${id}") }),
		"quota over a span": build(t, &Env{State: state.NewMemory(1<<20, nil)}, func(f *quota) {
			f.Allow, f.Every = sel("1000000"), 3600*second
		}),
		"cost": build(t, nil, func(f *cost) { f.Kind, f.Costs = sel("${websock.opcode}"), map[string]int64{"text": 1} }),
	}
	m := frame("")
	for name, f := range filters {
		run := func() {
			m.Receive(wire.Text, body)
			m.Follow(false)
			if pass, err := f.Run(m); !pass || err != nil {
				t.Fatalf("%s: %v, %v", name, pass, err)
			}
		}
		if allocs := testing.AllocsPerRun(200, run); allocs != 0 {
			t.Errorf("%s: %.1f allocations a message", name, allocs)
		}
	}
}

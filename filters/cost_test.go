package filters

import (
	"strings"
	"testing"

	"framegate/engine"
)

func TestWhatAMessageCosts(t *testing.T) {
	table := map[string]int64{"search": 10, "ping": 0}
	for _, c := range []struct {
		what     string
		settings func(f *cost)
		kind     string
		size     int
		want     string
	}{
		{"nothing said", func(*cost) {}, "", 5000, "1"},
		{"an empty one by size", func(f *cost) { f.Base, f.PerKiB = 0, 3 }, "", 0, "0"},
		{"a byte by size", func(f *cost) { f.PerKiB = 3 }, "", 1, "4"},
		{"a KiB", func(f *cost) { f.PerKiB = 3 }, "", 1024, "4"},
		{"a KiB and a byte", func(f *cost) { f.PerKiB = 3 }, "", 1025, "7"},
		{"a kind", func(f *cost) { f.Kind, f.Costs = sel("${kind}"), table }, "search", 0, "11"},
		{"a free kind", func(f *cost) { f.Base, f.Kind, f.Costs = 0, sel("${kind}"), table }, "ping", 0, "0"},
		{"another kind", func(f *cost) { f.Kind, f.Costs, f.Other = sel("${kind}"), table, 5 }, "else", 0, "6"},
		{"some times", func(f *cost) { f.Kind, f.Costs, f.Times = sel("${kind}"), table, sel("3") }, "search", 0, "33"},
		{"no times", func(f *cost) { f.Times = sel("0") }, "", 0, "0"},
		{"one and a half times", func(f *cost) { f.Base, f.Times = 10, sel("1.5") }, "", 0, "20"},
	} {
		m := frame(strings.Repeat("x", c.size))
		if err := m.Set(engine.AttrOf("kind"), engine.StringValue(c.kind)); err != nil {
			t.Fatal(err)
		}
		passes(t, build(t, nil, c.settings), m)
		if got := attribute(m, "message.cost"); got != c.want {
			t.Errorf("%s: costs %s, want %s", c.what, got, c.want)
		}
	}
}

func TestCostsThatAbort(t *testing.T) {
	aborts(t, build(t, nil, func(f *cost) { f.Times = sel("${items}") }), frame(""), "items")
	aborts(t, build(t, nil, func(f *cost) { f.Kind, f.Costs = sel("${kind}"), map[string]int64{"a": 1} }), frame(""), "kind")
	many := func(n engine.Value) *engine.Message {
		m := frame("")
		if err := m.Set(engine.AttrOf("items"), n); err != nil {
			t.Fatal(err)
		}
		return m
	}
	f := build(t, nil, func(f *cost) { f.Base, f.Times = 1_000_000_000, sel("${items}") })
	aborts(t, f, many(engine.IntValue(-1)), "less than 0")
	aborts(t, f, many(engine.StringValue("some")), "not a number")
	aborts(t, f, many(engine.IntValue(1e15)), "more than can be counted")
	aborts(t, f, many(engine.IntValue(1_000_001)), "more than can be counted")
	passes(t, f, many(engine.IntValue(1_000_000)))
}

func TestCostSettingsThatAreRefused(t *testing.T) {
	for field, settings := range map[string]func(f *cost){
		"costs":   func(f *cost) { f.Costs = map[string]int64{"a": 1} },
		"kind":    func(f *cost) { f.Kind = sel("${kind}") },
		"costs.a": func(f *cost) { f.Kind, f.Costs = sel("${kind}"), map[string]int64{"a": -1} },
		"times":   func(f *cost) { f.Times = sel("often") },
	} {
		_, err := try(nil, settings)
		refused(t, err, field)
	}
}

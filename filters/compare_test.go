package filters

import (
	"fmt"
	"testing"

	"framegate/engine"
)

func rule(value, op, with string) compareRule {
	return compareRule{Value: sel(value), comparison: comparison{Op: op, With: sel(with)}}
}

func TestCompareAttribute(t *testing.T) {
	cases := []struct {
		value, op, with string
		ignoreCase      bool
		holds           bool
	}{
		{"${content.body}", "is", "Hello World", false, true},
		{"${content.body}", "is", "hello world", false, false},
		{"${content.body}", "is", "hello world", true, true},
		{"${content.body}", "is", "hello", true, false},
		{"${content.body}", "is-not", "Hello World", false, false},
		{"${content.body}", "is-not", "", false, true},
		{"${x ?: \"\"}", "is", "", false, true},
		{"${content.body}", "contains", "lo Wo", false, true},
		{"${content.body}", "contains", "LO WO", false, false},
		{"${content.body}", "contains", "LO WO", true, true},
		{"${content.body}", "contains", "l.", true, false},
		{"${content.body}", "does-not-contain", "xyz", false, true},
		{"${content.body}", "does-not-contain", "WORLD", true, false},
		{"${content.body}", "starts-with", "Hello", false, true},
		{"${content.body}", "starts-with", "World", false, false},
		{"${content.body}", "starts-with", "hELLO", true, true},
		{"${content.body}", "ends-with", "World", false, true},
		{"${content.body}", "ends-with", "WORLD", true, true},
		{"${content.body}", "ends-with", "Hello", true, false},
		{"${content.body}", "matches", "^H.*d$", false, true},
		{"${content.body}", "matches", "^h.*d$", false, false},
		{"${content.body}", "matches", "^h.*d$", true, true},
		{"${content.body}", "does-not-match", "[0-9]", false, true},
		{"${content.body}", "contains", "${word}", false, true},
		{"${content.body}", "contains", "${shout}", false, false},
		{"${content.body}", "contains", "${shout}", true, true},
		{"${websock.message.length}", "is", "11", false, true},
		{"${websock.message.length}", "at-least", "11", false, true},
		{"${websock.message.length}", "at-least", "12", false, false},
		{"${websock.message.length}", "at-most", "11", false, true},
		{"${websock.message.length}", "at-most", "10.5", false, false},
		{"-3", "at-most", "${limit}", false, true},
		{"9", "at-least", "10", false, false}, // as numbers, not as texts
	}
	for _, c := range cases {
		t.Run(fmt.Sprintf("%s %s %q %v", c.value, c.op, c.with, c.ignoreCase), func(t *testing.T) {
			r := rule(c.value, c.op, c.with)
			r.IgnoreCase = c.ignoreCase
			f := build(t, nil, func(f *compareAttribute) { f.Rules = []compareRule{r} })
			m := frame("Hello World")
			for name, value := range map[string]string{"word": "World", "shout": "WORLD", "limit": "-2.5"} {
				if err := m.Set(engine.AttrOf(name), engine.StringValue(value)); err != nil {
					t.Fatal(err)
				}
			}
			if c.holds {
				passes(t, f, m)
				return
			}
			fails(t, f, m, 403)
		})
	}
}

func TestCompareAttributeAllOrAny(t *testing.T) {
	yes, no := rule("a", "is", "a"), rule("a", "is", "b")
	cases := []struct {
		match string
		rules []compareRule
		pass  bool
	}{
		{"all", []compareRule{yes, yes}, true},
		{"all", []compareRule{yes, no}, false},
		{"any", []compareRule{no, yes}, true},
		{"any", []compareRule{no, no}, false},
	}
	for _, c := range cases {
		f := build(t, nil, func(f *compareAttribute) { f.Match, f.Rules = c.match, c.rules })
		if pass, err := f.Run(frame("")); pass != c.pass || err != nil {
			t.Errorf("%s of %d: %v, %v", c.match, len(c.rules), pass, err)
		}
	}
}

func TestCompareAttributeAbortsWhereItCannotCompare(t *testing.T) {
	for value, r := range map[string]compareRule{
		`"nothing" is not set`: rule("${nothing}", "is", "x"),
		`rule 1: with`:         rule("x", "is", "${nothing}"),
		`"hello" is not a n`:   rule("${content.body}", "at-least", "1"),
		`with: "hello" is not`: rule("1", "at-least", "${content.body}"),
		`"NaN" is not a n`:     rule("NaN", "at-most", "1"),
	} {
		f := build(t, nil, func(f *compareAttribute) { f.Rules = []compareRule{r} })
		aborts(t, f, frame("hello"), value)
	}
}

func TestCompareAttributeRefusesRulesThatCannotWork(t *testing.T) {
	numberWithCase := rule("1", "at-least", "2")
	numberWithCase.IgnoreCase = true
	for field, r := range map[string]compareRule{
		"rules.0.with":       rule("x", "matches", "("),
		"rules.0.ignoreCase": numberWithCase,
	} {
		_, err := try(nil, func(f *compareAttribute) { f.Rules = []compareRule{r} })
		refused(t, err, field)
	}
	for _, r := range []compareRule{rule("x", "contains", ""), rule("x", "matches", "${y}"), rule("x", "at-most", "ten")} {
		_, err := try(nil, func(f *compareAttribute) { f.Rules = []compareRule{rule("x", "is", "x"), r} })
		refused(t, err, "rules.1.with")
	}
	_, err := try[compareAttribute](nil, nil)
	refused(t, err, "rules")
}

func TestTheReasonOfAComparisonShowsNoValue(t *testing.T) {
	f := build(t, nil, func(f *compareAttribute) { f.Rules = []compareRule{rule("${content.body}", "is", "x")} })
	m := frame("my password")
	f.Run(m)
	if _, _, reason := m.Refusal(); reason != `${content.body}: not is "x"` {
		t.Error(reason)
	}
}

func TestSwitch(t *testing.T) {
	env := withPolicies(runs("yes", &trueFilter{}), runs("no", &falseFilter{}), runs("broken", build[abort](t, nil, nil)))
	choose := func(otherwise string, cases ...switchCase) *switchFilter {
		return build(t, env, func(f *switchFilter) { f.Value, f.Cases, f.Default = sel("${content.body}"), cases, otherwise })
	}
	when := func(op, with, policy string) switchCase {
		return switchCase{comparison: comparison{Op: op, With: sel(with)}, Policy: policy}
	}
	passes(t, choose("fail", when("is", "a", "no"), when("is", "b", "yes")), frame("b"))
	passes(t, choose("fail", when("starts-with", "b", "yes"), when("is", "bc", "no")), frame("bc")) // the first decides
	fails(t, choose("pass", when("is", "a", "no")), frame("a"), 403)
	aborts(t, choose("pass", when("is", "a", "broken")), frame("a"), "aborted by the policy")
	passes(t, choose("pass", when("is", "a", "no")), frame("A"))
	fails(t, choose("fail", when("is", "a", "yes")), frame("A"), 403)
	passes(t, choose("yes", when("is", "a", "no")), frame("x"))
	fails(t, choose("no", when("is", "a", "yes")), frame("x"), 403)
	loud := when("is", "a", "yes")
	loud.IgnoreCase = true
	passes(t, choose("fail", loud), frame("A"))

	for field, settings := range map[string]func(f *switchFilter){
		"cases":        func(f *switchFilter) {},
		"cases.0.with": func(f *switchFilter) { f.Cases = []switchCase{when("matches", "(", "yes")} },
		"cases.1.with": func(f *switchFilter) { f.Cases = []switchCase{when("is", "a", "yes"), when("contains", "", "yes")} },
	} {
		_, err := try(env, settings)
		refused(t, err, field)
	}
	for field, settings := range map[string]func(f *switchFilter){
		"cases.0.policy: no such policy": func(f *switchFilter) { f.Cases = []switchCase{when("is", "a", "nope")} },
		"default: no such policy":        func(f *switchFilter) { f.Cases, f.Default = []switchCase{when("is", "a", "yes")}, "nope" },
	} {
		if _, err := try(env, settings); err == nil || err.Error() != field {
			t.Errorf("%v, want %s", err, field)
		}
	}
}

func TestPolicyEndsAsTheCalledPolicyDoes(t *testing.T) {
	env := withPolicies(runs("yes", &trueFilter{}), runs("no", &falseFilter{}), runs("broken", build[abort](t, nil, nil)))
	call := func(name string) *policy { return build(t, env, func(f *policy) { f.Policy = name }) }
	passes(t, call("yes"), frame(""))
	fails(t, call("no"), frame(""), 403)
	aborts(t, call("broken"), frame(""), `filter "broken" of policy "broken" aborted`)
	if _, err := try(env, func(f *policy) { f.Policy = "nope" }); err == nil || err.Error() != "policy: no such policy" {
		t.Error(err)
	}
}

func TestACalledPolicyKeepsTheStatusOfTheFilterThatFailed(t *testing.T) {
	limit := build(t, nil, func(f *throttling) { f.Key = sel("all") })
	called := &engine.Policy{Name: "limit", Fault: -1, Nodes: []engine.Node{
		{Name: "count", Type: "throttling", Filter: limit, Success: engine.EndPass, Failure: 1},
		{Name: "note", Type: "true-filter", Filter: &trueFilter{}, Success: engine.EndFail, Failure: engine.EndFail},
	}}
	top := runs("admit", build(t, withPolicies(called), func(f *policy) { f.Policy = "limit" }))
	m := upgrade("/")
	top.Top(m, nil)
	out := top.Top(m, nil)
	if status, headers, _ := m.Refusal(); status != 429 || headers.Get("Retry-After") != "1" {
		t.Errorf("refused with %d %s: %s", status, headers.AppendTo(nil), out.Reason)
	}
}

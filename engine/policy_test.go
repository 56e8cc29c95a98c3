package engine

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"framegate/engine/wire"
)

// node makes a node whose filter returns what is told, and leaves its name in
// the attribute "went".
func node(name string, success, failure int, pass bool, err error) Node {
	went := AttrOf("went")
	return Node{Name: name, Type: "test", Success: success, Failure: failure, Filter: filterFunc(func(m *Message) (bool, error) {
		if e := m.Set(went, StringValue(m.Get(went).String()+name+" ")); e != nil {
			return false, e
		}
		return pass, err
	})}
}

func calls(p *Policy, name string, success, failure int) Node {
	return Node{Name: name, Type: "policy", Filter: p, Success: success, Failure: failure}
}

var errBroken = errors.New("broken")

// The rules of DESIGN §5, one row each.
func TestPolicyRules(t *testing.T) {
	fails := &Policy{Name: "inner", Fault: -1, Nodes: []Node{node("x", EndPass, EndFail, false, nil)}}
	aborts := &Policy{Name: "inner", Fault: -1, Nodes: []Node{node("x", EndPass, EndFail, false, errBroken)}}
	handled := &Policy{Name: "inner", Fault: 1, Nodes: []Node{node("x", EndPass, EndFail, false, errBroken), node("fault", EndPass, EndFail, true, nil)}}
	gateway := &Policy{Name: "gateway fault", Fault: -1, Nodes: []Node{node("gateway", EndPass, EndFail, true, nil)}}
	brokenFault := &Policy{Name: "gateway fault", Fault: -1, Nodes: []Node{node("gateway", EndPass, EndFail, false, errBroken)}}

	for _, c := range []struct {
		name    string
		nodes   []Node
		fault   int
		gateway *Policy
		went    string
		result  Result
		reason  string
	}{
		{"success without an arrow goes to the next, the last passes", []Node{node("a", 1, EndFail, true, nil), node("b", EndPass, EndFail, true, nil)}, -1, nil, "a b ", Passed, ""},
		{"failure without an arrow fails and names the filter", []Node{node("a", 1, EndFail, false, nil), node("b", EndPass, EndFail, true, nil)}, -1, nil, "a ", Failed, `filter "a" failed`},
		{"a failure arrow goes on", []Node{node("a", EndPass, 1, false, nil), node("b", EndPass, EndFail, true, nil)}, -1, nil, "a b ", Passed, ""},
		{"an arrow to pass", []Node{node("a", EndFail, EndPass, false, nil)}, -1, nil, "a ", Passed, ""},
		{"an arrow to fail", []Node{node("a", EndFail, EndPass, true, nil)}, -1, nil, "a ", Failed, ""},
		{"an abort takes no arrow", []Node{node("a", 1, 1, false, errBroken), node("b", EndPass, EndFail, true, nil)}, -1, nil, "a ", Aborted, `filter "a" of policy "p" aborted: broken`},
		{"an abort goes to the policy's fault handler", []Node{node("a", EndPass, EndFail, false, errBroken), node("h", EndPass, EndFail, true, nil)}, 1, gateway, "a h ", Aborted, "broken"},
		{"else to the gateway's", []Node{node("a", EndPass, EndFail, false, errBroken)}, -1, gateway, "a gateway ", Aborted, "broken"},
		{"a failure at top level goes the same way", []Node{node("a", EndPass, EndFail, false, nil), node("h", EndPass, EndFail, true, nil)}, 1, gateway, "a h ", Failed, `filter "a" failed`},
		{"an abort in a fault handler ends there", []Node{node("a", EndPass, EndFail, false, nil)}, -1, brokenFault, "a gateway ", Failed, `filter "a" failed`},
		{"a called policy that fails is a failure of its caller", []Node{calls(fails, "call", EndPass, 1), node("b", EndPass, EndFail, true, nil)}, -1, nil, "x b ", Passed, ""},
		{"a called policy that aborts aborts its caller", []Node{calls(aborts, "call", EndPass, 1), node("b", EndPass, EndFail, true, nil)}, -1, nil, "x ", Aborted, `filter "x" of policy "inner" aborted: broken`},
		{"after its own fault handler it has failed", []Node{calls(handled, "call", EndPass, 1), node("b", EndPass, EndFail, true, nil)}, -1, nil, "x fault b ", Passed, ""},
		{"the caller's fault handler deals with a called policy's abort", []Node{calls(aborts, "call", EndPass, EndFail), node("h", EndPass, EndFail, true, nil)}, 1, nil, "x h ", Aborted, "broken"},
		{"a loop aborts", []Node{node("a", 0, EndFail, true, nil)}, -1, nil, "", Aborted, "loop"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &Policy{Name: "p", Nodes: c.nodes, Fault: c.fault}
			m := NewMessage(OnClientFrame, nil, wire.Text, []byte("x"))
			out := p.Top(m, c.gateway)
			went := m.Get(AttrOf("went")).String()
			if out.Result != c.result || !strings.Contains(out.Reason, c.reason) || c.went != "" && went != c.went {
				t.Errorf("went %q, %s: %q; want %q, %s: %q", went, out.Result, out.Reason, c.went, c.result, c.reason)
			}
		})
	}
}

func TestPanicInAFilterIsAnAbort(t *testing.T) {
	p := policyOf("p", filterFunc(func(*Message) (bool, error) { panic("boom") }))
	out := p.Top(NewMessage(OnClientFrame, nil, wire.Text, nil), nil)
	if out.Result != Aborted || !strings.Contains(out.Reason, "boom") {
		t.Errorf("%s %q", out.Result, out.Reason)
	}
}

func TestTrailTellsArrowsLogsAndChanges(t *testing.T) {
	inner := &Policy{Name: "inner", Fault: -1, Nodes: []Node{{Name: "check", Type: "t", Success: EndPass, Failure: EndFail, Filter: filterFunc(func(m *Message) (bool, error) {
		m.Fail(401, "no key")
		m.Logf(0, "looked for %s", "a key")
		return false, nil
	})}}}
	p := &Policy{Name: "p", Fault: -1, Nodes: []Node{
		calls(inner, "call", EndPass, 1),
		{Name: "edit", Type: "t", Success: EndPass, Failure: EndFail, Filter: filterFunc(func(m *Message) (bool, error) {
			m.SetBody([]byte("after"))
			return true, m.Set(AttrOf("a.b"), IntValue(7))
		})},
	}}
	m := NewMessage(OnClientFrame, nil, wire.Text, []byte("before"))
	p.Top(m, nil)
	var got []string
	for _, s := range m.Trail() {
		got = append(got, fmt.Sprint(s.Policy, "/", s.Filter, " ", s.Depth, " ", s.Result, " | ", s.Arrow, " | ", s.Reason, " | ", s.Log))
		for _, c := range s.Changes {
			got = append(got, fmt.Sprintf("  %s: %q → %q", c.Name, c.Before, c.After))
		}
	}
	want := []string{
		`p/call 0 fail | failure → edit | filter "check" failed: no key | []`,
		`inner/check 1 fail | end: fail | filter "check" failed: no key | [looked for a key]`,
		`p/edit 0 pass | end: pass |  | []`,
		`  content.body: "before" → "after"`,
		`  a.b: "" → "7"`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestNativeFiltersDoNotAllocate(t *testing.T) {
	length := Selector{}
	if err := length.UnmarshalText([]byte("${websock.message.length}/${websock.opcode}")); err != nil {
		t.Fatal(err)
	}
	var buf [64]byte
	attr := AttrOf("seen")
	p := policyOf("p",
		filterFunc(func(m *Message) (bool, error) { return len(m.Body()) < 100, nil }),
		filterFunc(func(m *Message) (bool, error) {
			text, err := length.Append(buf[:0], m)
			return len(text) > 0, err
		}),
		filterFunc(func(m *Message) (bool, error) { return true, m.Set(attr, IntValue(1)) }),
	)
	m := NewMessage(OnClientFrame, nil, wire.Text, nil)
	body := []byte("hello")
	m.run.following = false
	if n := testing.AllocsPerRun(100, func() {
		m.reset(wire.Text, body, 1)
		if out := p.Top(m, nil); out.Result != Passed {
			t.Fatal(out)
		}
	}); n != 0 {
		t.Errorf("%v allocations a message", n)
	}
}

func BenchmarkPolicyOfFiveFilters(b *testing.B) {
	pass := filterFunc(func(*Message) (bool, error) { return true, nil })
	p := policyOf("p", pass, pass, pass, pass, pass)
	m := NewMessage(OnClientFrame, nil, wire.Text, nil)
	m.run.following = false
	b.ReportAllocs()
	for b.Loop() {
		m.reset(wire.Text, nil, 1)
		p.Top(m, nil)
	}
}

func TestAFailureWithoutAReasonHasNothingOfTheOneBefore(t *testing.T) {
	throttled := filterFunc(func(m *Message) (bool, error) {
		m.Fail(429, "too many")
		return false, m.Challenge("Retry-After", "9")
	})
	no := filterFunc(func(m *Message) (bool, error) { return false, nil })
	p := policyOf("p", throttled, no)
	p.Nodes[0].Failure = 1
	m := NewMessage(OnUpgrade, &Request{Headers: &Headers{}}, 0, nil)
	p.Top(m, nil)
	if status, headers, reason := m.Refusal(); status != 403 || headers.Len() != 0 || strings.Contains(reason, "too many") {
		t.Errorf("refused with %d %s: %s", status, headers.AppendTo(nil), reason)
	}
}

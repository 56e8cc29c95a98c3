package policies

import (
	"fmt"
	"slices"
	"strings"

	"framegate/engine"
)

// grapher makes the graph of a policy: nodes in the order of the list, and arrows.
type grapher struct {
	*report
	policy *Policy
	index  map[string]int
	nodes  []engine.Node
	fault  int
	loose  bool // an arrow leads nowhere
}

// graph compiles the list and the arrows of a policy. With problems the graph
// is whole enough to be checked on, but not to be run.
func (r *report) graph(p *Policy) (nodes []engine.Node, fault int) {
	g := grapher{report: r, policy: p, index: make(map[string]int, len(p.Filters)), fault: -1}
	if len(p.Filters) == 0 {
		if len(r.problems) == 0 || !r.broken() {
			r.errorf(p.place, "add a filter, such as `- type: connect-to-url` with a `url`", "policy %q has no filters", p.name)
		}
		return nil, -1
	}
	g.number()
	g.arrows()
	if p.Fault.Name != "" {
		g.fault = g.target(p.Fault, "fault")
		if g.fault < 0 {
			if p.Fault.Name == "pass" || p.Fault.Name == "fail" {
				r.errorf(p.Fault.place, choice(g.names(), "filters of this policy"), "a fault handler is a filter, not %q", p.Fault.Name)
			}
			g.fault = -1
		}
	}
	g.fallThrough()
	g.unreachable()
	g.circles()
	return g.nodes, g.fault
}

// number gives every filter its index by its name.
func (g *grapher) number() {
	for i, s := range g.policy.Filters {
		g.nodes = append(g.nodes, engine.Node{Name: s.Name, Type: s.Type, Filter: s.filter, At: s.place.position()})
		switch first, twice := g.index[s.Name]; {
		case s.Name == "":
		case s.Name == "pass" || s.Name == "fail":
			g.errorf(s.at("name"), "choose another name", "a filter cannot be called %q: that is where arrows end", s.Name)
		case twice:
			g.errorf(s.at("name"), fmt.Sprintf("give one of them another name: `name: %s-2`", s.Name), "two filters of policy %q are called %q; the first is at %s", g.policy.name, s.Name, g.policy.Filters[first].place.position())
		default:
			g.index[s.Name] = i
		}
	}
}

func (g *grapher) names() []string {
	var names []string
	for _, s := range g.policy.Filters {
		names = append(names, s.Name)
	}
	return names
}

// target is the node that an arrow leads to. A dangling arrow is reported, and leads to the end.
func (g *grapher) target(arrow reference, what string) int {
	switch arrow.Name {
	case "pass":
		return engine.EndPass
	case "fail":
		return engine.EndFail
	}
	if i, ok := g.index[arrow.Name]; ok {
		return i
	}
	g.loose = true
	names := g.names()
	if what != "fault" {
		names = append(names, "pass", "fail")
	}
	g.errorf(arrow.place, g.didYouMean(arrow.Name, names, "filters of this policy"), "%q leads to %q, which is no filter of policy %q", what, arrow.Name, g.policy.name)
	return engine.EndFail
}

// arrows draws both arrows of every filter.
func (g *grapher) arrows() {
	last := len(g.nodes) - 1
	for i, s := range g.policy.Filters {
		n := &g.nodes[i]
		n.Success, n.Failure = i+1, engine.EndFail
		if i == last || s.kind != nil && s.kind.Ends {
			n.Success = engine.EndPass
		}
		if s.Success.Name != "" {
			n.Success = g.target(s.Success, "success")
		}
		if s.Failure.Name != "" {
			n.Failure = g.target(s.Failure, "failure")
		}
	}
}

// fallThrough finds filters that end a policy and are entered from the filter
// above only because that one has no success arrow: most often it should have
// ended the policy itself. connect-to-url and its like, which belong at the end
// of a list, are meant to be entered so.
func (g *grapher) fallThrough() {
	for i := 1; i < len(g.nodes); i++ {
		s, above := g.policy.Filters[i], g.policy.Filters[i-1]
		if s.kind == nil || !s.kind.Ends || s.kind.Closing || above.kind == nil || above.kind.Ends || above.Success.Name != "" {
			continue
		}
		g.errorf(s.place, fmt.Sprintf("write `success: pass` in %q if the policy should pass there, or `success: %s` if it is meant to come here", above.Name, s.Name),
			"%s ends the policy, and is entered whenever %q passes", s.label(), above.Name)
	}
}

// unreachable finds filters that no arrow leads to, from the start or the fault handler on.
func (g *grapher) unreachable() {
	if g.loose {
		return // the arrow may have been meant for it
	}
	reached := make([]bool, len(g.nodes))
	var visit func(i int)
	visit = func(i int) {
		for i >= 0 && i < len(reached) && !reached[i] {
			reached[i] = true
			visit(g.nodes[i].Failure)
			i = g.nodes[i].Success
		}
	}
	visit(0)
	visit(g.fault)
	for i, s := range g.policy.Filters {
		if reached[i] || s.Name == "" || i > 0 && g.policy.Filters[i-1].kind == nil {
			continue
		}
		g.errorf(s.place, fmt.Sprintf("lead an arrow to it (`success: %s` or `failure: %s`), or delete it", s.Name, s.Name), "%s is never reached: no arrow leads to it, and the filter above does not go on", s.label())
		visit(i) // what follows it is not worth a problem of its own
	}
}

// circles warns of arrows that go round for ever: success arrows alone, or
// failure arrows alone.
func (g *grapher) circles() {
	g.circle("passes", func(i int) int { return g.nodes[i].Success })
	g.circle("fails", func(i int) int { return g.nodes[i].Failure })
}

func (g *grapher) circle(how string, next func(int) int) {
	done := make([]bool, len(g.nodes))
	for start := range g.nodes {
		var way []int
		at := start
		for at >= 0 && !done[at] {
			done[at] = true
			way = append(way, at)
			at = next(at)
		}
		from := slices.Index(way, at)
		if at < 0 || from < 0 {
			continue
		}
		g.warnf(g.policy.Filters[at].place, "lead one of the arrows out of the circle: a policy aborts after 1000 filters", "filters go round in a circle as long as each %s: %s", how, g.route(append(way[from:], at)))
	}
}

func (g *grapher) route(way []int) string {
	var words []string
	for _, i := range way {
		words = append(words, g.nodes[i].Name)
	}
	return strings.Join(words, " → ")
}

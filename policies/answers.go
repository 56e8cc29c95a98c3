package policies

import (
	"slices"

	"framegate/engine"
)

// checkAnswers warns of policies of upgrades and requests that can pass although
// no filter has connected or answered: at run time that is a 500.
func (c *compiler) checkAnswers() {
	for _, port := range names(c.config.Ports) {
		for _, at := range c.config.Ports[port].attached() {
			if len(at.hooks) == 0 || at.hooks[0].hook&engine.OnHTTP == 0 || c.facts[at.hooks[0].ref.Name] == nil {
				continue
			}
			name := at.hooks[0].ref.Name
			if way := c.silent(name); way != nil {
				c.warnf(way.place, "end the way with connect-to-url, or with reflect and what else answers", "policy %q can pass after %s without having connected or answered; the client then gets 500", name, way.label())
			}
		}
	}
}

// silent finds the filter after which a policy can pass although nothing on the
// way has answered; nil where there is no such way.
func (c *compiler) silent(name string) *Step {
	p, graph := c.config.Policies[name], c.policies[name]
	if p == nil || len(graph.Nodes) == 0 {
		return nil
	}
	if known, ok := c.silences[name]; ok {
		return known
	}
	seen := make([]bool, len(graph.Nodes))
	var found *Step
	var visit func(i int)
	visit = func(i int) {
		if i < 0 || seen[i] || found != nil {
			return
		}
		seen[i] = true
		s, n := p.Filters[i], &graph.Nodes[i]
		if n.Failure == engine.EndPass || n.Success == engine.EndPass && !c.answersOnSuccess(s) {
			found = s
			return
		}
		if !c.answersOnSuccess(s) {
			visit(n.Success)
		}
		visit(n.Failure)
	}
	visit(0)
	c.silences[name] = found
	return found
}

// answersOnSuccess tells whether the filter, when it passes, has connected or
// answered: those that end a policy, and calls of policies that do.
func (c *compiler) answersOnSuccess(s *Step) bool {
	if s.kind == nil || s.kind.Ends || slices.Contains(writes(s), "http.response.status") {
		return true
	}
	if chain, ok := s.filter.(interface{ Always() []string }); ok { // one answer on the way is enough
		return slices.ContainsFunc(chain.Always(), func(name string) bool { return c.facts[name] != nil && c.silent(name) == nil })
	}
	called := calledBy(s)
	for _, name := range called {
		if c.facts[name] != nil && c.silent(name) != nil {
			return false
		}
	}
	return len(called) > 0
}

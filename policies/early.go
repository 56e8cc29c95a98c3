package policies

import "framegate/engine"

// markEarly tells the websockets whose upgrade policy may answer the client
// before it has connected.
func (c *compiler) markEarly(out *engine.Snapshot) {
	for _, port := range out.Ports {
		for _, w := range port.Websockets {
			w.FirstMessage = w.Upgrade != nil && c.early(w.Upgrade.Name, make(map[string]bool))
		}
	}
}

// early tells whether a policy, or one that it calls, has a filter that answers early.
func (c *compiler) early(name string, seen map[string]bool) bool {
	if seen[name] || c.facts[name] == nil {
		return false
	}
	seen[name] = true
	for _, s := range c.config.Policies[name].Filters {
		if s != nil && s.kind != nil && s.kind.Early {
			return true
		}
	}
	for called := range c.facts[name].calls {
		if c.early(called, seen) {
			return true
		}
	}
	return false
}

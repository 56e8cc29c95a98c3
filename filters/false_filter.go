package filters

import "framegate/engine"

func init() { register[falseFilter](Kind{Type: "false-filter", Family: Flow, Hooks: engine.OnAny}) }

// Fails, whatever the message is. At the end of a success path it turns the
// success into a failure: what was found is what must not be. As in Axway's False
// filter. A refused upgrade gets 403.
//
//	filters:
//	  - type: compare-attribute
//	    rules:
//	      - {value: '${http.header.User-Agent ?: ""}', op: contains, with: BadBot}
//	    failure: pass
//	  - type: false-filter
type falseFilter struct{}

func (f *falseFilter) Run(m *engine.Message) (bool, error) {
	m.Fail(0, "the policy says no")
	return false, nil
}

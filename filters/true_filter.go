package filters

import "framegate/engine"

func init() { register[trueFilter](Kind{Type: "true-filter", Family: Flow, Hooks: engine.OnAny}) }

// Passes, whatever the message is. At the end of a failure path it says that the
// failure has been dealt with: the policy passes. As in Axway's True filter.
//
//	filters:
//	  - type: ip-address
//	    allow: [10.0.0.0/8]
//	    failure: note
//	    success: pass
//	  - name: note
//	    type: log-message
//	    format: ${http.request.clientaddr} is from outside
//	  - type: true-filter
type trueFilter struct{}

func (f *trueFilter) Run(*engine.Message) (bool, error) { return true, nil }

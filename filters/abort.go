package filters

import (
	"errors"
	"fmt"

	"framegate/engine"
)

func init() { register[abort](Kind{Type: "abort", Family: Flow, Hooks: engine.OnAny, Ends: true}) }

// Aborts the policy: the fault handler runs, and no arrow is followed. Use it
// where the policy cannot decide; where the answer is no, use false-filter. As in
// Axway's Abort filter. A refused upgrade gets 500.
//
//	filters:
//	  - type: compare-attribute
//	    rules:
//	      - {value: '${chat.room ?: ""}', op: is-not, with: ''}
//	    failure: lost
//	    success: pass
//	  - name: lost
//	    type: abort
//	    reason: no room was chosen for ${http.request.path}
type abort struct {
	// Reason says why; it is logged, and sent to the client only with showReason.
	Reason engine.Selector `yaml:"reason" default:"aborted by the policy"`
}

func (f *abort) Run(m *engine.Message) (bool, error) {
	reason, err := f.Reason.String(m)
	if err != nil {
		return false, fmt.Errorf("reason: %w", err)
	}
	return false, errors.New(reason)
}

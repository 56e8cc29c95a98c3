package filters

import (
	"fmt"

	"framegate/engine"
)

func init() {
	register[evaluateSelector](Kind{Type: "evaluate-selector", Family: Flow, Aliases: []string{"SelectorFilter"}, Hooks: engine.OnAny})
}

// Passes when a selector yields true, and fails when it yields false: a flag that
// a store, a script or another filter has set. As in Axway's Evaluate Selector, but
// selectors here have no operators: comparisons are the work of compare-attribute.
//
// True, yes, on and 1 are true; false, no, off, 0 and an empty text are false;
// upper and lower case are the same. Anything else aborts, and so does an attribute
// that is not set, unless the selector has a default.
//
//	filters:
//	  - type: evaluate-selector
//	    value: '${authentication.subject.attributes["beta"] ?: "false"}'
type evaluateSelector struct {
	// Value is what is evaluated.
	Value engine.Selector `yaml:"value" required:"true"`
}

func (f *evaluateSelector) Run(m *engine.Message) (bool, error) {
	held, err := truth(m, f.Value)
	switch {
	case err != nil:
		return false, fmt.Errorf("value: %w", err)
	case !held:
		m.Fail(0, "%s is false", f.Value.Text())
	}
	return held, nil
}

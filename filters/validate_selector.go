package filters

import (
	"errors"
	"fmt"

	"framegate/engine"
)

func init() {
	register[validateSelector](Kind{Type: "validate-selector", Family: Access, Aliases: []string{"MessageAttrContentFilter"}, Hooks: engine.OnAny})
}

// Passes when every value that it names is as it should be: attributes, or texts made
// of them. A refused upgrade gets 400; the reason shows the selector, never the value. As in
// Axway's Validate Selector Expression filter: all rules must hold.
//
// An attribute that is not set, and has no default in its selector, is missing: that fails where the
// rule says required, and passes else. An empty text counts as missing too.
//
//	filters:
//	  - type: validate-selector
//	    rules:
//	      - {value: '${authentication.subject.id}', required: true, maxLength: 64}
//	      - {value: '${params.query.room ?: "lobby"}', in: [lobby, staff]}
type validateSelector struct {
	// Rules are what is to hold, in the order in which it is looked at.
	Rules []selectorRule `yaml:"rules" required:"true"`
}

// selectorRule says what a value must be like.
type selectorRule struct {
	// Value is what is looked at: ${…}, or a text with selectors in it.
	Value engine.Selector `yaml:"value" required:"true"`

	valueRule `yaml:",inline"`
}

func (f *validateSelector) Prepare(*Env) error {
	if len(f.Rules) == 0 {
		return wrong("rules", "write a rule such as {value: '${params.query.room}', required: true}", "there are no rules")
	}
	for i := range f.Rules {
		if err := f.Rules[i].prepare(indexed("rules", i) + "."); err != nil {
			return err
		}
	}
	return nil
}

func (f *validateSelector) Run(m *engine.Message) (bool, error) {
	for i := range f.Rules {
		rule := &f.Rules[i]
		value, err := rule.Value.String(m)
		var missing *engine.MissingAttribute
		switch {
		case errors.As(err, &missing):
			value = ""
		case err != nil:
			return false, fmt.Errorf("rule %d: value: %w", i+1, err)
		}
		if why := rule.check(someText(value)); why != "" {
			m.Fail(400, "%s %s", rule.Value.Text(), why)
			return false, nil
		}
	}
	return true, nil
}

// someText gives a text, unless it is empty.
func someText(text string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		if text != "" {
			yield(text)
		}
	}
}

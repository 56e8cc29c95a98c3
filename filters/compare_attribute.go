package filters

import (
	"fmt"

	"framegate/engine"
)

func init() {
	register[compareAttribute](Kind{Type: "compare-attribute", Family: Flow, Aliases: []string{"CompareAttributeFilter"}, Hooks: engine.OnAny})
}

// Passes when its rules hold: all of them, or any. As in Axway's Compare
// Attribute filter, with numbers besides.
//
// An attribute that is not set aborts the policy, unless its selector has a
// default: ${chat.room ?: ""}.
//
//	filters:
//	  - type: compare-attribute
//	    match: any
//	    rules:
//	      - {value: '${http.header.User-Agent ?: ""}', op: contains, with: curl, ignoreCase: true}
//	      - {value: '${params.query.room ?: ""}', op: matches, with: '^[a-z0-9-]{1,40}$'}
type compareAttribute struct {
	// Match says how many of the rules must hold.
	Match string `yaml:"match" default:"all" oneof:"all any"`

	// Rules are the comparisons, in the order in which they are made.
	Rules []compareRule `yaml:"rules" required:"true"`
}

// compareRule is one comparison.
type compareRule struct {
	// Value is what is compared: ${…}, or a text with selectors in it.
	Value engine.Selector `yaml:"value" required:"true"`

	comparison `yaml:",inline"`
}

func (f *compareAttribute) Prepare(*Env) error {
	if len(f.Rules) == 0 {
		return wrong("rules", "write a rule such as {value: '${websock.opcode}', op: is, with: text}", "there are no rules")
	}
	for i := range f.Rules {
		if err := f.Rules[i].prepare(indexed("rules", i) + "."); err != nil {
			return err
		}
	}
	return nil
}

func (f *compareAttribute) Run(m *engine.Message) (bool, error) {
	for i := range f.Rules {
		held, err := f.Rules[i].run(m)
		switch {
		case err != nil:
			return false, fmt.Errorf("rule %d: %w", i+1, err)
		case held && f.Match == "any":
			return true, nil
		case !held && f.Match != "any":
			m.Fail(0, "%s: not %s", f.Rules[i].Value.Text(), f.Rules[i].words())
			return false, nil
		}
	}
	if f.Match == "any" {
		m.Fail(0, "none of %d rules holds", len(f.Rules))
		return false, nil
	}
	return true, nil
}

func (r *compareRule) run(m *engine.Message) (bool, error) {
	value, err := r.Value.Value(m)
	if err != nil {
		return false, fmt.Errorf("value: %w", err)
	}
	return r.holds(m, value)
}

// words says the rule in a reason: as it was written, without any value of the message.
func (c *comparison) words() string { return fmt.Sprintf("%s %q", c.Op, c.With.Text()) }

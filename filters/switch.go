package filters

import (
	"fmt"

	"framegate/engine"
)

func init() {
	register[switchFilter](Kind{Type: "switch", Family: Flow, Aliases: []string{"SwitchFilter"}, Hooks: engine.OnAny})
}

// Runs the policy of the first case that a value meets, and ends as that policy
// does. As in Axway's Switch on Attribute Value filter; there, cases do not mind
// upper and lower case, so say ignoreCase where you come from there.
//
//	filters:
//	  - type: switch
//	    value: ${authentication.subject.attributes["plan"]}
//	    cases:
//	      - {with: free, policy: free-plan}
//	      - {op: starts-with, with: gold, policy: gold-plan}
//	    default: fail
type switchFilter struct {
	// Value is what the cases are compared with: ${…}, or a text with selectors in it.
	Value engine.Selector `yaml:"value" required:"true"`

	// Cases are tried in their order; the first that holds decides.
	Cases []switchCase `yaml:"cases" required:"true"`

	// Default is what happens when no case holds: pass, fail, or the name of a policy to run.
	Default string `yaml:"default" default:"fail"`

	otherwise *engine.Policy // nil: pass or fail
}

// switchCase is a comparison and the policy that it chooses.
type switchCase struct {
	comparison `yaml:",inline"`

	// Policy is the name of the policy to run.
	Policy string `yaml:"policy" required:"true"`

	called *engine.Policy
}

func (f *switchFilter) Prepare(env *Env) (err error) {
	if len(f.Cases) == 0 {
		return wrong("cases", "write a case such as {with: chat, policy: chat}", "there are no cases")
	}
	for i := range f.Cases {
		path := indexed("cases", i) + "."
		if err := f.Cases[i].prepare(path); err != nil {
			return err
		}
		if f.Cases[i].called, err = callee(env, path+"policy", f.Cases[i].Policy); err != nil {
			return err
		}
	}
	if f.Default != "pass" && f.Default != "fail" {
		f.otherwise, err = callee(env, "default", f.Default)
	}
	return err
}

func (f *switchFilter) Run(m *engine.Message) (bool, error) {
	value, err := f.Value.Value(m)
	if err != nil {
		return false, fmt.Errorf("value: %w", err)
	}
	for i := range f.Cases {
		held, err := f.Cases[i].holds(m, value)
		switch {
		case err != nil:
			return false, fmt.Errorf("case %d: %w", i+1, err)
		case held:
			return f.Cases[i].called.Run(m)
		}
	}
	switch {
	case f.otherwise != nil:
		return f.otherwise.Run(m)
	case f.Default == "pass":
		return true, nil
	}
	m.Fail(0, "no case holds for %s", f.Value.Text())
	return false, nil
}

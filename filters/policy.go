package filters

import "framegate/engine"

func init() {
	register[policy](Kind{Type: "policy", Family: Flow, Aliases: []string{"policy-shortcut"}, Hooks: engine.OnAny})
}

// Runs another policy on the message. It passes when that policy passes and
// fails when it fails; when it aborts and has no fault handler of its own, this
// policy aborts too. As in Axway's Policy Shortcut.
//
//	filters:
//	  - type: policy
//	    policy: identify
type policy struct {
	// Policy is the name of the policy to run.
	Policy string `yaml:"policy" required:"true"`

	called *engine.Policy
}

func (f *policy) Prepare(env *Env) (err error) {
	f.called, err = callee(env, "policy", f.Policy)
	return err
}

func (f *policy) Run(m *engine.Message) (bool, error) { return f.called.Run(m) }

// callee finds the policy that a field names.
func callee(env *Env, field, name string) (*engine.Policy, error) {
	p, err := env.Call(name)
	if err != nil {
		return nil, &FieldError{Field: field, Err: err}
	}
	return p, nil
}

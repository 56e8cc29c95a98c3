package filters

import (
	"fmt"

	"framegate/engine"
)

func init() {
	register[policyChain](Kind{Type: "policy-chain", Family: Flow, Aliases: []string{"policy-shortcut-chain"}, Hooks: engine.OnAny})
}

// Runs several policies on the message, one after the other. It stops at the
// first that fails, and fails with it; it passes when none has failed. When one
// aborts and has no fault handler of its own, this policy aborts too. As in Axway's
// Policy Shortcut Chain, whose unset labels are links that are not `enabled`.
//
//	filters:
//	  - type: policy-chain
//	    policies:
//	      - identify
//	      - {policy: free-plan, when: '${authentication.subject.attributes["free"] ?: "false"}'}
type policyChain struct {
	// Policies are the links of the chain, in their order: names, or maps with more about a link.
	Policies []chainLink `yaml:"policies" required:"true"`
}

// chainLink is a policy of the chain.
type chainLink struct {
	// Policy is the name of the policy to run.
	Policy string `yaml:"policy" required:"true"`
	// When says whether the link is run for a message: what must be true, as in evaluate-selector. Left out, it always is.
	When engine.Selector `yaml:"when"`
	// Enabled leaves the link out where it is false.
	Enabled bool `yaml:"enabled" default:"true"`

	called *engine.Policy
}

// ShortForm names the field that one scalar in place of the map is.
func (*chainLink) ShortForm() string { return "policy" }

func (f *policyChain) Prepare(env *Env) (err error) {
	if len(f.Policies) == 0 {
		return wrong("policies", "write the names of policies, in their order", "there are no policies")
	}
	for i := range f.Policies {
		link := &f.Policies[i]
		if link.called, err = callee(env, indexed("policies", i)+".policy", link.Policy); err != nil {
			return err
		}
	}
	return nil
}

// Always lists the policies that have all run when the filter has passed.
func (f *policyChain) Always() (names []string) {
	for _, link := range f.Policies {
		if link.Enabled && link.When.IsZero() {
			names = append(names, link.Policy)
		}
	}
	return names
}

func (f *policyChain) Run(m *engine.Message) (bool, error) {
	for i := range f.Policies {
		link := &f.Policies[i]
		if !link.Enabled {
			continue
		}
		if !link.When.IsZero() {
			wanted, err := truth(m, link.When)
			switch {
			case err != nil:
				return false, fmt.Errorf("%s.when: %w", indexed("policies", i), err)
			case !wanted:
				continue
			}
		}
		if pass, err := link.called.Run(m); !pass || err != nil {
			return pass, err
		}
	}
	return true, nil
}

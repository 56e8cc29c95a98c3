package filters

import (
	"fmt"
	"math"
	"strings"

	"framegate/engine"
)

func init() {
	register[cost](Kind{Type: "cost", Family: Limits, Hooks: engine.OnFrame | engine.OnRequest, Reads: []string{"content.body"}, Writes: []string{"message.cost"}})
}

// Says what a message costs: it sets message.cost, which throttling and quota count
// with cost: ${message.cost}. It always passes.
//
// The cost is base, and perKiB for each KiB that content.body has begun, and what costs has for
// the text of kind; all of that times the number in times. What the tables cannot say, a
// script can: it sets an attribute to a number, and throttling counts that. A selector whose attribute is
// missing, a times that is no number of 0 or more, and a cost above 10^15 abort.
//
//	filters:
//	  - type: cost
//	    base: 1
//	    perKiB: 1
//	    kind: ${websock.opcode}
//	    costs: {binary: 5}
//	  - type: throttling
//	    cost: ${message.cost}
//	    allow: 1000
//	    every: 1m
type cost struct {
	// Base is what each message costs.
	Base int64 `yaml:"base" default:"1" min:"0" max:"1000000000"`

	// PerKiB is what each begun KiB of content.body costs beside it.
	PerKiB int64 `yaml:"perKiB" min:"0" max:"1000000000"`

	// Kind is a text that says what sort of message it is, such as an attribute that was taken from its JSON.
	Kind engine.Selector `yaml:"kind"`

	// Costs is what messages of each kind cost beside it.
	Costs map[string]int64 `yaml:"costs"`

	// Other is what messages of a kind that costs does not have cost beside it.
	Other int64 `yaml:"other" min:"0" max:"1000000000"`

	// Times is a number that all of it is multiplied with, such as how many orders a message has: of 0
	// or more, rounded up.
	Times engine.Selector `yaml:"times"`
}

var messageCost = engine.AttrOf("message.cost")

func (f *cost) Prepare(*Env) error {
	switch {
	case f.Kind.IsZero() && len(f.Costs) > 0:
		return wrong("costs", "write kind: with the selector that tells them apart, such as ${websock.opcode}", "nothing says which of them a message costs")
	case !f.Kind.IsZero() && len(f.Costs) == 0:
		return wrong("kind", "write costs: with what each kind costs, such as {binary: 5}", "no costs are given for it")
	}
	for kind, n := range f.Costs {
		if n < 0 || n > 1e9 {
			return wrong("costs."+kind, "write a number from 0 to 1000000000", "%d is no cost", n)
		}
	}
	if text, ok := f.Times.Literal(); ok && text != "" {
		if _, err := countOf(engine.StringValue(text)); err != nil {
			return wrong("times", "write a selector, or a number", "%w", err)
		}
	}
	return nil
}

func (f *cost) Run(m *engine.Message) (bool, error) {
	total := f.Base + f.PerKiB*((int64(len(m.Body()))+1023)/1024)
	if !f.Kind.IsZero() {
		kind, err := f.Kind.Value(m)
		if err != nil {
			return false, fmt.Errorf("kind: %w", err)
		}
		n, known := f.Costs[strings.TrimSpace(kind.String())]
		if !known {
			n = f.Other
		}
		total += n
	}
	if !f.Times.IsZero() {
		times, err := f.Times.Value(m)
		if err != nil {
			return false, fmt.Errorf("times: %w", err)
		}
		n, err := countOf(times)
		if err != nil {
			return false, fmt.Errorf("times: %w", err)
		}
		if n > 0 && total > math.MaxInt64/n {
			total, n = math.MaxInt64, 1
		}
		total *= n
	}
	if total > maxQuantity {
		return false, fmt.Errorf("the message costs %d, more than can be counted", total)
	}
	return true, m.Set(messageCost, engine.IntValue(total))
}

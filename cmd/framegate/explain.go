package main

import (
	"errors"
	"fmt"

	"framegate/filters"
	"framegate/policies"
)

type explainCommand struct {
	Filter string `arg:"" placeholder:"FILTER" help:"A filter type."`
}

func (explainCommand) Help() string {
	return `
The manual of a filter type, made from its own source: what it does, where it makes sense, its fields with defaults and
limits, the attributes it reads and sets, and an example. framegate list filters shows all types.

    framegate explain api-key`
}

// Run prints the manual.
func (c *explainCommand) Run(std stdio) error {
	err := filters.Explain(std.out, c.Filter)
	var unknown *filters.UnknownType
	if errors.As(err, &unknown) {
		if near, ok := policies.Nearest(unknown.Name, unknown.Types); ok {
			return fmt.Errorf("%w: did you mean %q?", err, near)
		}
		return fmt.Errorf("%w: framegate list filters shows all", err)
	}
	return err
}

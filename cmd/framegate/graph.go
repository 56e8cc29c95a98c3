package main

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"framegate/policies"
)

type graphCommand struct {
	Dir    string `arg:"" placeholder:"DIR" default:"." help:"The gateway's directory (${default})."`
	Policy string `placeholder:"NAME" help:"Only this policy."`
}

func (graphCommand) Help() string {
	return `
Draws policies as Mermaid flow charts, which code hosts show in Markdown between three backticks and "mermaid".

    framegate graph my-gateway --policy admit`
}

// Run prints the charts.
func (c *graphCommand) Run(ctx context.Context, std stdio) error {
	snapshot, problems, end, err := loadOnce(ctx, c.Dir)
	defer end()
	if err != nil {
		writeProblems(std.err, problems)
		return err
	}
	all := slices.Sorted(maps.Keys(snapshot.Policies))
	if c.Policy != "" {
		if snapshot.Policies[c.Policy] == nil {
			return fmt.Errorf("there is no policy %q; there are %q", c.Policy, all)
		}
		all = []string{c.Policy}
	}
	for _, name := range all {
		p := snapshot.Policies[name]
		fmt.Fprint(std.out, policies.Mermaid(p, policies.Uses(snapshot, p)))
	}
	return nil
}

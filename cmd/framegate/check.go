package main

import (
	"context"
	"fmt"

	"framegate/engine"
	"framegate/engine/state"
	"framegate/policies"
	"framegate/scripts"
)

type checkCommand struct {
	Dir string `arg:"" placeholder:"DIR" default:"." help:"The gateway's directory (${default})."`
}

func (checkCommand) Help() string {
	return `
Finds what is wrong with a configuration, all of it at once, without opening a port or dialling anything: unknown keys,
dangling arrows, unreachable filters, filters in the wrong hook, attributes that nobody sets, missing files, scripts that do
not compile. Exit code 1 when there are errors; warnings alone are 0.

    framegate check my-gateway`
}

// Run prints the problems.
func (c *checkCommand) Run(ctx context.Context, std stdio) error {
	snapshot, problems, err := loadOnce(ctx, c.Dir)
	writeProblems(std.err, problems)
	if err != nil {
		return err
	}
	websockets, filters := 0, 0
	for _, p := range snapshot.Ports {
		websockets += len(p.Websockets)
	}
	for _, p := range snapshot.Policies {
		filters += len(p.Nodes)
	}
	fmt.Fprintf(std.out, "%s is fine: %d ports, %d websockets, %d policies with %d filters\n", c.Dir, len(snapshot.Ports), websockets, len(snapshot.Policies), filters)
	return nil
}

// loadOnce loads a configuration that nobody is going to serve.
func loadOnce(ctx context.Context, dir string) (*engine.Snapshot, []engine.Problem, error) {
	memory := state.NewMemory(stateSize, nil)
	library := scripts.NewLibrary(scripts.Limits{}, memory, nil)
	defer library.Close()
	snapshot, problems := policies.Load(ctx, dir, policies.Options{Scripts: library, State: memory}, nil)
	if engine.Broken(problems) || snapshot == nil {
		return nil, problems, configurationError(dir, engine.ErrConfiguration, problems)
	}
	return snapshot, problems, nil
}

package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"

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
not compile. It also says which scripts cost each session a copy of its own, and why. Exit code 1 when there are errors; warnings alone are 0.

    framegate check my-gateway`
}

// Run prints the problems.
func (c *checkCommand) Run(ctx context.Context, std stdio) error {
	snapshot, problems, end, err := loadOnce(ctx, c.Dir)
	defer end()
	writeProblems(std.err, problems)
	if err != nil {
		return err
	}
	websockets, routes, filters := 0, 0, 0
	for _, p := range snapshot.Ports {
		websockets += len(p.Websockets)
		routes += len(p.Routes)
	}
	for _, p := range snapshot.Policies {
		filters += len(p.Nodes)
	}
	fmt.Fprintf(std.out, "%s is fine: %d ports, %d websockets, %s%d policies with %d filters\n", c.Dir, len(snapshot.Ports), websockets, counted(routes, "routes"), len(snapshot.Policies), filters)
	return writeCopies(std.out, snapshot)
}

// counted is how many there are of something, if there are any.
func counted(n int, what string) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%d %s, ", n, what)
}

// copied is a filter of which a session may have a copy of its own: a script.
type copied interface {
	Copies() (shared bool, keeps string, bytes int, err error)
}

// writeCopies says what the scripts cost a session.
func writeCopies(w io.Writer, snapshot *engine.Snapshot) error {
	for _, name := range slices.Sorted(maps.Keys(snapshot.Policies)) {
		for i := range snapshot.Policies[name].Nodes {
			node := &snapshot.Policies[name].Nodes[i]
			script, ok := node.Filter.(copied)
			if !ok {
				continue
			}
			shared, keeps, bytes, err := script.Copies()
			switch {
			case err != nil:
				return err
			case shared:
				fmt.Fprintf(w, "  script %q of policy %q: sessions share copies\n", node.Name, name)
			default:
				fmt.Fprintf(w, "  script %q of policy %q: each session has a copy of about %d KB in each direction that it runs in: %s\n", node.Name, name, max(1, bytes>>10), keeps)
			}
		}
	}
	return nil
}

// loadOnce loads a configuration that nobody is going to serve. What it loads can
// be used until end is called, which has to be done also after an error.
func loadOnce(ctx context.Context, dir string) (snapshot *engine.Snapshot, problems []engine.Problem, end func(), err error) {
	memory := state.NewMemory(stateSize, nil)
	library := scripts.NewLibrary(scripts.Limits{}, memory, nil)
	end = func() { library.Close() }
	snapshot, problems = policies.Load(ctx, dir, policies.Options{Scripts: library, State: memory}, nil)
	if engine.Broken(problems) || snapshot == nil {
		return nil, problems, end, configurationError(dir, engine.ErrConfiguration, problems)
	}
	return snapshot, problems, end, nil
}

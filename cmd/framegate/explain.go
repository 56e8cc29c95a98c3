package main

import (
	"errors"
	"fmt"
	"io"

	"framegate/filters"
	"framegate/policies"
)

type explainCommand struct {
	What     string `arg:"" placeholder:"WHAT" help:"A filter type, or port, websocket, route or remote-host."`
	Markdown bool   `help:"Print the keys as a Markdown table."`
}

func (explainCommand) Help() string {
	return `
The manual of a filter type, made from its own source: what it does, where it makes sense, its fields with defaults and
limits, the attributes it reads and sets, and an example. framegate list filters shows all types. port, websocket, route and
remote-host are the manuals of those parts of a configuration.

    framegate explain api-key
    framegate explain port`
}

// Run prints the manual.
func (c *explainCommand) Run(std stdio) error {
	doc, ok, err := policies.Reference(c.What)
	switch {
	case err != nil:
		return err
	case ok && c.Markdown:
		_, err = io.WriteString(std.out, doc.Markdown())
		return err
	case ok:
		_, err = io.WriteString(std.out, doc.String())
		return err
	case c.Markdown:
		return usagef("--markdown is for port, websocket, route and remote-host")
	}
	err = filters.Explain(std.out, c.What)
	var unknown *filters.UnknownType
	if errors.As(err, &unknown) {
		if near, ok := policies.Nearest(unknown.Name, unknown.Types); ok {
			return fmt.Errorf("%w: did you mean %q?", err, near)
		}
		return fmt.Errorf("%w: framegate list filters shows all", err)
	}
	return err
}

package main

import "context"

type runCommand struct {
	Dir   string `arg:"" placeholder:"DIR" default:"." help:"The gateway's directory (${default})."`
	Watch bool   `help:"Reload when a file of the directory changes."`
}

func (runCommand) Help() string {
	return `
Serves until it gets SIGTERM or an interrupt; then it stops accepting, closes every session with 1001 and waits for them.
SIGHUP and POST /api/v1/reload on the console load the configuration anew. A broken configuration is refused with all its
problems, and the running one stays.

    framegate run my-gateway
    framegate run --watch my-gateway`
}

// Run serves until the context ends.
func (c *runCommand) Run(ctx context.Context, std stdio) error {
	s, err := newServer(c.Dir, std, false, c.Watch)
	if err != nil {
		return err
	}
	return s.run(ctx)
}

package main

import (
	"bufio"
	"context"
	"os"
	"path/filepath"
	"strings"
)

type devCommand struct {
	Dir string `arg:"" placeholder:"DIR" default:"." help:"The gateway's directory (${default})."`
}

func (devCommand) Help() string {
	return `
The way to write policies: run --watch, with an echo back end in place of every remote host marked "dev: echo", and with
trails and the first 10 KB of every payload in the traffic log.

    framegate dev examples/secure
    framegate tail`
}

// Run serves until the context ends.
func (c *devCommand) Run(ctx context.Context, std stdio) error {
	s, err := newServer(c.Dir, std, true, true)
	if err != nil {
		return err
	}
	return s.run(ctx)
}

// hintFor is what a gateway needs after the URL of the first command to try: the
// line "# try: …" at the top of its gateway.yaml.
func hintFor(dir string) string {
	f, err := os.Open(filepath.Join(dir, "gateway.yaml"))
	if err != nil {
		return ""
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() && strings.HasPrefix(lines.Text(), "#") {
		if hint, ok := strings.CutPrefix(lines.Text(), "# try:"); ok {
			return " " + strings.ReplaceAll(strings.TrimSpace(hint), "$(framegate ", "$("+self()+" ")
		}
	}
	return ""
}

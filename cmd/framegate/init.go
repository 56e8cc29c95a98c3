package main

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

//go:embed all:template
var template embed.FS

type initCommand struct {
	Dir string `arg:"" placeholder:"DIR" help:"The directory to make."`
}

func (initCommand) Help() string {
	return `
Makes an empty gateway: one port, one websocket, a policy that connects to a remote host (which framegate dev stands in
for), a script to start from, and what editors need for completion. Nothing that exists is overwritten.

    framegate init my-gateway
    framegate dev my-gateway`
}

// Run makes the directory.
func (c *initCommand) Run(std stdio) error {
	if _, err := os.Stat(filepath.Join(c.Dir, "gateway.yaml")); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is a gateway already (it has a gateway.yaml)", c.Dir)
	}
	files, err := fs.Sub(template, "template")
	if err != nil {
		return err
	}
	err = fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		return writeNew(filepath.Join(c.Dir, filepath.FromSlash(name)), files, name)
	})
	if err == nil {
		err = writeEditorFiles(c.Dir)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(std.out, "made %s\nnext:  %s dev %s\n", c.Dir, self(), c.Dir)
	return err
}

// writeNew writes a file of the template, unless there is one already.
func writeNew(path string, files fs.FS, name string) error {
	content, err := fs.ReadFile(files, name)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil
	case err != nil:
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Close())
}

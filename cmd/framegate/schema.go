package main

import (
	"fmt"
	"os"
	"path/filepath"

	"framegate/policies"
	"framegate/scripts"
)

type schemaCommand struct {
	Write bool   `help:"Write it, and the types for scripts, into DIR/.framegate instead of printing it."`
	Dir   string `arg:"" placeholder:"DIR" default:"." help:"The gateway's directory, for --write (${default})."`
}

func (schemaCommand) Help() string {
	return `
The JSON Schema (draft-07) of the configuration. Editors with the YAML language server find it by the first line of a file:

    # yaml-language-server: $schema=.framegate/schema.json

    framegate schema > schema.json
    framegate schema --write my-gateway`
}

// Run prints or writes the schema.
func (c *schemaCommand) Run(std stdio) error {
	if !c.Write {
		schema, err := policies.Schema()
		if err != nil {
			return err
		}
		_, err = std.out.Write(schema)
		return err
	}
	if err := writeEditorFiles(c.Dir); err != nil {
		return err
	}
	_, err := fmt.Fprintf(std.out, "wrote %s\n", filepath.Join(c.Dir, ".framegate"))
	return err
}

// writeEditorFiles writes what editors want to know of a gateway's files.
func writeEditorFiles(dir string) error {
	schema, err := policies.Schema()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, ".framegate"), 0o755); err != nil {
		return fmt.Errorf("write the schema: %w", err)
	}
	for name, content := range map[string][]byte{"schema.json": schema, "framegate.d.ts": []byte(scripts.Types)} {
		if err := os.WriteFile(filepath.Join(dir, ".framegate", name), content, 0o644); err != nil {
			return fmt.Errorf("write the schema: %w", err)
		}
	}
	return nil
}

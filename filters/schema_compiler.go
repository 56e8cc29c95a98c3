package filters

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"framegate/engine/jsonbytes"
)

// schemaRoot is where the gateway's directory is, for references between schemas.
const schemaRoot = "gateway:///"

// schemaDrafts are the drafts by their names in YAML.
var schemaDrafts = map[string]*jsonschema.Draft{
	"4": jsonschema.Draft4, "6": jsonschema.Draft6, "7": jsonschema.Draft7, "2019-09": jsonschema.Draft2019, "2020-12": jsonschema.Draft2020,
}

// schemaFiles loads what a schema refers to: files of the gateway's directory, and nothing else.
type schemaFiles struct{ files fs.FS }

var errNotLocal = errors.New("only files of the gateway's directory can be referred to, nothing is fetched: list the file under resources")

// Load is for the compiler.
func (s schemaFiles) Load(address string) (any, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return nil, err
	case u.Scheme != "gateway" || s.files == nil:
		return nil, errNotLocal
	}
	return readSchema(s.files, strings.TrimPrefix(path.Clean(u.Path), "/"))
}

// readSchema reads a schema's file.
func readSchema(files fs.FS, name string) (any, error) {
	if files == nil {
		return nil, fmt.Errorf("read %s: %w", name, fs.ErrNotExist)
	}
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, err
	}
	tree, err := jsonbytes.Decode(text, maxTreeValues)
	if syntax, ok := errors.AsType[*jsonbytes.SyntaxError](err); ok {
		before := text[:syntax.Offset]
		line := bytes.Count(before, []byte("\n")) + 1
		column := syntax.Offset - bytes.LastIndexByte(before, '\n')
		return nil, fmt.Errorf("%s:%d:%d: %s", name, line, column, syntax.What)
	}
	return tree, err
}

// compileSchema compiles the schema of a filter.
func compileSchema(files fs.FS, f *jsonSchema) (*jsonschema.Schema, error) {
	c := jsonschema.NewCompiler()
	c.UseLoader(schemaFiles{files})
	c.DefaultDraft(schemaDrafts[f.Draft])
	if f.Formats {
		c.AssertFormat()
	}
	for i, name := range f.Resources {
		if err := addResource(c, files, name); err != nil {
			return nil, wrong(indexed("resources", i), "write the name of a JSON file in the gateway's directory", "%w", err)
		}
	}
	field, address := "file", schemaRoot+path.Clean(f.File)
	tree, err := readSchema(files, path.Clean(f.File))
	if f.File == "" {
		field, address = "schema", schemaRoot+"schema"
		tree, err = plainJSON(f.Schema)
	}
	if err == nil {
		err = c.AddResource(address, tree)
	}
	if err != nil {
		return nil, wrong(field, "a schema is JSON such as {\"type\": \"object\"}", "%w", err)
	}
	compiled, err := c.Compile(address)
	if err != nil {
		return nil, wrong(field, schemaHint(err), "%s", schemaProblem(err))
	}
	return compiled, nil
}

// addResource makes a file known under its $id.
func addResource(c *jsonschema.Compiler, files fs.FS, name string) error {
	tree, err := readSchema(files, path.Clean(name))
	if err != nil {
		return err
	}
	object, _ := tree.(map[string]any)
	id, _ := object["$id"].(string)
	if id == "" {
		id, _ = object["id"].(string) // draft 4
	}
	if id == "" {
		return fmt.Errorf("%s has no $id to refer to", name)
	}
	return c.AddResource(id, tree)
}

// plainJSON makes of a tree of YAML what reading it as JSON makes.
func plainJSON(v any) (any, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return jsonbytes.Decode(text, maxTreeValues)
}

// goPrefix takes out what means nothing to the author of a schema.
var goPrefix = strings.NewReplacer(schemaRoot, "", "error parsing regexp: ", "")

// schemaProblem is what the compiler says, without the addresses that only we know.
func schemaProblem(err error) string {
	text := goPrefix.Replace(err.Error())
	if invalid, ok := errors.AsType[*jsonschema.SchemaValidationError](err); ok {
		text = invalid.Err.Error()
		if mismatch, ok := errors.AsType[*jsonschema.ValidationError](invalid.Err); ok {
			var all []string
			for _, m := range mismatches(mismatch, 3, nil) {
				all = append(all, fmt.Sprintf("%s: %s", orRoot(m.(map[string]any)["at"].(string)), m.(map[string]any)["error"]))
			}
			text = goPrefix.Replace(strings.Join(all, "; "))
		}
		return "the schema is not right at " + text
	}
	return cutText(text, 500)
}

func orRoot(pointer string) string {
	if pointer == "" {
		return "its root"
	}
	return pointer
}

func schemaHint(err error) string {
	if strings.Contains(err.Error(), errNotLocal.Error()) {
		return "put a copy of what it refers to into the gateway's directory, and name it under resources"
	}
	if strings.Contains(err.Error(), "regex") {
		return "the syntax of regular expressions is RE2: no look-ahead, no back references"
	}
	return "json-schema.org shows what can be written"
}

// Numbers are compared exactly, which costs as much as they have digits.
const (
	maxDigits   = 1000
	maxExponent = 1000
)

// tameNumbers refuses a tree with a number that is too long to count with.
func tameNumbers(v any) error {
	switch v := v.(type) {
	case json.Number:
		mantissa, exponent, found := strings.Cut(strings.ToLower(string(v)), "e")
		n, err := strconv.Atoi(exponent)
		if len(mantissa) > maxDigits || found && (err != nil || n > maxExponent || n < -maxExponent) {
			return fmt.Errorf("number %s is too long to count with", cutText(string(v), 40))
		}
	case []any:
		for _, item := range v {
			if err := tameNumbers(item); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, item := range v {
			if err := tameNumbers(item); err != nil {
				return err
			}
		}
	}
	return nil
}

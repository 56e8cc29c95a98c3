package filters

import (
	"errors"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"framegate/engine"
)

func init() {
	register[jsonSchema](Kind{
		Type: "json-schema", Family: Access, Hooks: engine.OnHTTP | engine.OnFrame, Reads: []string{"content.body"}, Writes: []string{"json.errors"},
	})
}

// Passes when the content is JSON that a JSON Schema allows, and fails when it is not allowed. What is no JSON at all aborts. As
// in Axway's JSON Schema filter. Each direction has a schema of its own: use the filter in the policy of that direction.
//
// When it fails it sets json.errors, a list such as [{"at": "/text", "schema": "/properties/text/maxLength", "error":
// "maxLength: got 5, want 4"}]: where in the content, where in the schema, and why. In the text of a reply-frame ${json.errors}
// is that list as JSON.
//
// Drafts 4, 6, 7, 2019-09 and 2020-12 are known. $ref leads to the same schema, to files of the gateway's directory, relative to
// the schema's, and to what resources lists; never to the network. Regular expressions are RE2: no look-around, and time that
// grows with the length of the content only. Content of more than 100,000 values, or with a number of more than 1,000 digits or
// an exponent beyond 1,000, is taken for no JSON.
//
//	filters:
//	  - type: json-schema
//	    schema:
//	      type: object
//	      required: [text]
//	      properties: {text: {type: string, maxLength: 500}}
//	    failure: refuse
//	    success: pass
//	  - name: refuse
//	    type: reply-frame
//	    body: '{"error":"bad message","errors":${json.errors}}'
type jsonSchema struct {
	// File is the file with the schema, as JSON, in the gateway's directory.
	File string `yaml:"file"`

	// Schema is the schema itself, instead of a file.
	Schema any `yaml:"schema"`

	// Resources are more files with schemas, to which $ref may refer by their $id.
	Resources []string `yaml:"resources"`

	// Draft is the draft of a schema that has no $schema.
	Draft string `yaml:"draft" default:"2020-12" oneof:"4 6 7 2019-09 2020-12"`

	// Formats makes format a rule, such as email or date-time. Without it, it is one in drafts 4 to 7 only.
	Formats bool `yaml:"formats"`

	// MaxErrors is how many errors json.errors lists at most.
	MaxErrors int `yaml:"maxErrors" default:"10" min:"1" max:"100"`

	jsonDocument `yaml:",inline"`

	compiled *jsonschema.Schema
}

func (f *jsonSchema) Prepare(env *Env) (err error) {
	switch {
	case f.File == "" && f.Schema == nil:
		return wrong("file", "write file: schemas/NAME.json, or schema: with the schema itself", "no schema is given")
	case f.File != "" && f.Schema != nil:
		return wrong("schema", "keep one of them", "a schema is either in a file or in schema")
	}
	f.compiled, err = compileSchema(env.Files, f)
	return err
}

// schemaErrors is the attribute with what is wrong.
var schemaErrors = engine.AttrOf("json.errors")

func (f *jsonSchema) Run(m *engine.Message) (bool, error) {
	tree, err := f.tree(m)
	if err == nil {
		err = tameNumbers(tree)
	}
	if err != nil {
		return f.invalid(m, err)
	}
	err = f.compiled.Validate(tree)
	mismatch, ok := errors.AsType[*jsonschema.ValidationError](err)
	switch {
	case err == nil:
		return true, nil
	case !ok:
		return false, fmt.Errorf("validate content.body: %w", err)
	}
	found := mismatches(mismatch, f.MaxErrors, nil)
	if err := m.Set(schemaErrors, engine.TreeValue(found)); err != nil {
		return false, err
	}
	first := found[0].(map[string]any)
	m.Fail(400, "content.body is not what the schema allows: %q: %s", first["at"], first["error"])
	return false, nil
}

// maxMismatch is where the texts of an error are cut: they may repeat the content.
const maxMismatch = 200

// mismatches appends the errors of which others are made, so many at most.
func mismatches(e *jsonschema.ValidationError, limit int, found []any) []any {
	for _, cause := range e.Causes {
		if len(found) < limit {
			found = mismatches(cause, limit, found)
		}
	}
	if len(e.Causes) > 0 || len(found) == limit {
		return found
	}
	unit := e.BasicOutput()
	if len(unit.Errors) > 0 { // the error is told as the only one of its list
		unit = &unit.Errors[len(unit.Errors)-1]
	}
	text := "does not match"
	if unit.Error != nil {
		text = unit.Error.String()
	}
	_, place, _ := strings.Cut(e.SchemaURL, "#")
	for _, keyword := range e.ErrorKind.KeywordPath() {
		place += "/" + strings.ReplaceAll(strings.ReplaceAll(keyword, "~", "~0"), "/", "~1")
	}
	return append(found, map[string]any{
		"at": cutText(unit.InstanceLocation, maxMismatch), "schema": cutText(place, maxMismatch), "error": cutText(text, maxMismatch),
	})
}

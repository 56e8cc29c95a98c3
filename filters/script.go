package filters

import (
	"slices"
	"time"

	"framegate/engine"
	"framegate/scripts"
)

func init() {
	register[script](Kind{Type: "script", Family: Flow, Aliases: []string{"JavaScriptFilter"}, Hooks: engine.OnAny})
}

// Calls a function of a script with the message: true passes, false fails, and a
// throw aborts, as does any other result. JavaScript modules, classic scripts and
// TypeScript are bundled with what they import when the configuration loads. As in
// Axway's Scripting Language filter.
//
// Each session has a copy of the script of its own for each direction, so that what
// it keeps in variables is that session's. A call that takes too long, or uses too
// much, aborts; `framegate.d.ts` has all that a script may touch.
//
//	filters:
//	  - type: script
//	    file: scripts/admit.js
//	    generates: [chat.room]
type script struct {
	// File is the script, in the gateway's directory: .js, .mjs, .cjs or .ts.
	File string `yaml:"file"`

	// Code is the script itself, instead of a file.
	Code string `yaml:"code"`

	// Function is the function to call.
	Function string `yaml:"function" default:"invoke"`

	// Timeout is the longest that one call may take, counted while the script runs. Without it:
	// the gateway's scripts.timeout, 50ms.
	Timeout engine.Duration `yaml:"timeout" max:"10s"`

	// Sets lists attributes that the script sets under names it works out, so that check knows
	// them. Those that stand in the script as text are found without it.
	Sets []string `yaml:"generates"`

	// Shared is your word that the script keeps nothing between calls, where check cannot prove
	// it: copies then come from a pool, and sessions cost less. What a script does keep in spite
	// of it, other sessions see.
	Shared bool `yaml:"shared"`

	program *scripts.Program
}

func (f *script) Prepare(env *Env) (err error) {
	field := "file"
	switch {
	case f.File == "" && f.Code == "":
		return wrong("file", "write file: scripts/NAME.js, or code: with the script itself", "no script is given")
	case f.File != "" && f.Code != "":
		return wrong("code", "keep one of them", "a script is either in a file or in code")
	case f.Code != "":
		field = "code"
	}
	for i, name := range f.Sets {
		if !dottedName(name) {
			return wrong(indexed("generates", i), "write a dotted name such as chat.room, without ${…}", "%q is not the name of an attribute", name)
		}
	}
	source := scripts.Source{
		Name: f.File, File: f.File, Text: f.Code, Function: f.Function, Timeout: time.Duration(f.Timeout), Shared: f.Shared,
		Store: env.Store, Call: env.Call,
	}
	if f.Code != "" {
		source.At = env.At("code")
	}
	if f.program, err = env.Scripts.Compile(env.Files, source); err != nil {
		return &FieldError{Field: field, Err: err}
	}
	return nil
}

// Generates names the attributes that the script sets, for the check of what is
// read and never set.
func (f *script) Generates() []string {
	if f.program == nil {
		return f.Sets
	}
	return slices.Concat(f.Sets, f.program.Writes())
}

// Copies tells, for check, whether sessions share copies of the script; if not,
// what it may keep between messages, and how many bytes a copy takes.
func (f *script) Copies() (shared bool, keeps string, bytes int, err error) {
	if shared, keeps = f.program.Poolable(); !shared {
		bytes, err = f.program.CopyBytes()
	}
	return shared, keeps, bytes, err
}

func (f *script) Run(m *engine.Message) (bool, error) { return f.program.Run(m) }

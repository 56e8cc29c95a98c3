package scripts

import (
	_ "embed"

	"github.com/dop251/goja"
)

// freezeSource freezes everything that can be reached from its arguments and from the global object.
//
//go:embed freeze.js
var freezeSource string

var freezeProgram = goja.MustCompile(guardsFile, freezeSource, true)

// freeze is called at the end of a proven script's top level, with all that the script has there.
func (c *machine) freeze(call goja.FunctionCall) goja.Value {
	f, err := c.rt.RunProgram(freezeProgram)
	c.must(err)
	run, _ := goja.AssertFunction(f)
	facts := c.code.facts
	named := func(call goja.FunctionCall) goja.Value {
		return c.rt.ToValue(facts.everything || facts.names[call.Argument(0).String()])
	}
	roots := append([]goja.Value{c.rt.ToValue(named)}, call.Arguments...)
	for _, name := range c.code.params {
		roots = append(roots, c.made[name])
	}
	return rethrow(run(undefined, roots...))
}

// freezeFunction freezes a method of a view of a frozen copy.
func (c *machine) freezeFunction(f *goja.Object) {
	freeze, _ := goja.AssertFunction(c.rt.Get("Object").(*goja.Object).Get("freeze"))
	rethrow(freeze(undefined, f))
}

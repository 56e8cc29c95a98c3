package filters

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/itchyny/gojq"

	"framegate/engine"
)

func init() {
	register[jq](Kind{Type: "jq", Family: Transform, Hooks: engine.OnHTTP | engine.OnFrame, Reads: []string{"content.body"}})
}

// Runs a jq program over content.body, which must be JSON; what comes out is the new content, or an attribute. With test it is a
// condition instead, and changes nothing.
//
// No output, as of select(false), fails; so does false, null or no output with test. An error of the program aborts, and so does
// one that takes too long. Members of objects come out sorted by their names. Programs reach nothing outside: no environment, no
// files, no modules, no further input. Their time is bounded, the memory that they use in it is not: let no number of the message
// say how much a program makes.
//
//	filters:
//	  - name: is-order
//	    type: jq
//	    program: .type == "order" and (.items | length) < 100
//	    test: true
//	  - name: total
//	    type: jq
//	    program: 'del(.internal) | .total = ([.items[].price] | add) | .by = $subject'
//	    variables: {subject: '${websock.context.authentication.subject.id ?: "nobody"}'}
type jq struct {
	// Program is the jq program. The dialect is gojq's: whole numbers of any size, RE2 regular expressions.
	Program string `yaml:"program" required:"true"`

	// Test makes the program a condition: the filter passes unless it gives false, null or nothing. Of several outputs the last counts.
	Test bool `yaml:"test"`

	// To is the attribute that is set to the output.
	To string `yaml:"to" default:"content.body"`

	// Several says what happens when the program has more than one output: abort, take the first, or make a list of all.
	Several string `yaml:"several" default:"abort" oneof:"abort first list"`

	// Variables are values for the program, by their names without the $. A value that is nothing but one ${…} keeps its kind.
	Variables map[string]engine.Selector `yaml:"variables"`

	// Timeout is the longest that the program may take for one message.
	Timeout engine.Duration `yaml:"timeout" default:"50ms" min:"1ms" max:"10s"`

	jsonDocument `yaml:",inline"`

	code  *gojq.Code
	names []string
	attr  engine.Attr
}

func (f *jq) Prepare(*Env) error {
	f.attr = engine.AttrOf(f.To)
	switch {
	case f.Test && f.To != "content.body":
		return wrong("to", "leave it out", "a condition sets nothing")
	case f.Test && f.Several != "abort":
		return wrong("several", "leave it out: the last output counts", "a condition has one answer")
	case !dottedName(f.To):
		return wrong("to", "write a dotted name such as order.total", "%q is not the name of an attribute", f.To)
	case !engine.Writable(f.To):
		return wrong("to", "choose a name of your own, or websock.session.NAME to keep it for the session", "attribute %s is read-only", f.To)
	}
	f.names = slices.Sorted(maps.Keys(f.Variables))
	var err error
	f.code, err = compileJQ(f.Program, f.names)
	return err
}

// compileJQ compiles a program with variables of the names.
func compileJQ(program string, names []string) (*gojq.Code, error) {
	query, err := gojq.Parse(program)
	if err != nil {
		hint := "jqlang.org/manual shows the language"
		if at, ok := errors.AsType[*gojq.ParseError](err); ok {
			hint = fmt.Sprintf("after %q", cutEnd(program[:min(at.Offset, len(program))], 40))
		}
		return nil, wrong("program", hint, "no jq: %w", err)
	}
	variables := make([]string, len(names))
	for i, name := range names {
		variables[i] = "$" + name
	}
	code, err := gojq.Compile(query, gojq.WithVariables(variables))
	if err != nil {
		return nil, wrong("program", "values from the message are given under variables; there are no modules and no input", "%w", err)
	}
	return code, nil
}

// cutEnd is the end of a text.
func cutEnd(text string, n int) string { return text[max(0, len(text)-n):] }

// Generates names the attribute for the check of what is read and never set.
func (f *jq) Generates() []string {
	if f.Test {
		return nil
	}
	return []string{f.To}
}

func (f *jq) Run(m *engine.Message) (bool, error) {
	input, err := f.tree(m)
	if err != nil {
		return f.invalid(m, err)
	}
	outputs, err := f.outputs(m, input)
	switch {
	case err != nil:
		return false, fmt.Errorf("program: %w", err)
	case len(outputs) == 0:
		m.Fail(400, "the program had no output")
		return false, nil
	case f.Test:
		return f.holds(m, outputs[len(outputs)-1]), nil
	case f.Several == "list":
		err = f.put(m, outputs)
	case len(outputs) > 1 && f.Several == "abort":
		err = errors.New("program: more than one output; say several: first, or several: list")
	default:
		err = f.put(m, outputs[0])
	}
	return err == nil, err
}

func (f *jq) holds(m *engine.Message, output any) bool {
	if output == nil || output == false {
		m.Fail(400, "the condition does not hold")
		return false
	}
	return true
}

// maxOutputs is how many outputs a program may have.
const maxOutputs = 10_000

// outputs runs the program; with test it keeps the last output only, with several: first the first.
func (f *jq) outputs(m *engine.Message, input any) ([]any, error) {
	values, err := f.values(m)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(m.Context(), time.Duration(f.Timeout), fmt.Errorf("took longer than %s", f.Timeout))
	defer cancel()
	var outputs []any
	run := f.code.RunWithContext(ctx, input, values...)
	for {
		v, more := run.Next()
		if !more {
			return outputs, nil
		}
		if err, failed := v.(error); failed {
			if halt, ok := errors.AsType[*gojq.HaltError](err); ok && halt.Value() == nil && halt.ExitCode() == 0 {
				return outputs, nil
			}
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			return nil, err
		}
		if f.Test {
			outputs = outputs[:0]
		}
		if outputs = append(outputs, v); f.Several == "first" {
			return outputs, nil
		}
		if len(outputs) > maxOutputs {
			return nil, fmt.Errorf("more than %d outputs", maxOutputs)
		}
	}
}

// values are the variables' values for this message.
func (f *jq) values(m *engine.Message) ([]any, error) {
	values := make([]any, len(f.names))
	for i, name := range f.names {
		v, err := f.Variables[name].Value(m)
		if err != nil {
			return nil, fmt.Errorf("variable %s: %w", name, err)
		}
		switch plain := v.Any().(type) {
		case int64:
			values[i] = int(plain)
		case []byte, *engine.Headers:
			values[i] = v.String()
		default:
			values[i] = plain
		}
	}
	return values, nil
}

// put sets the attribute to an output.
func (f *jq) put(m *engine.Message, output any) error {
	if f.To == "content.body" {
		body, err := appendJSON(m.Buffer(len(m.Body())+64), output, 0)
		if err != nil {
			return fmt.Errorf("output: %w", err)
		}
		if !bytes.Equal(body, m.Body()) {
			m.SetBody(body)
		}
		return nil
	}
	tree, err := plainOutput(output, 0)
	if err != nil {
		return fmt.Errorf("output: %w", err)
	}
	if err := m.Set(f.attr, engine.TreeValue(tree)); err != nil {
		return fmt.Errorf("set %s: %w", f.To, err)
	}
	return nil
}

package scripts

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/dop251/goja"

	"framegate/engine"
)

// maxShown is how much of a thrown value an error shows, in bytes.
const maxShown = 300

// explain makes an [Error] of what a call returned. It may run code of the script, such as a toString, so it runs while
// the call is still watched.
func (c *machine) explain(err error) (explained error) {
	defer func() {
		if r := recover(); r != nil {
			c.broken = true
			explained = &Error{Position: c.code.start(), What: "the script threw something that cannot be shown"}
		}
	}()
	var interrupted *goja.InterruptedError
	var overflow *goja.StackOverflowError
	var exception *goja.Exception
	var own *Error
	switch {
	case errors.As(err, &interrupted):
		return &Error{Position: c.where(interrupted.Stack()), What: "stopped"}
	case errors.As(err, &overflow):
		c.broken = true
		bound := &Bound{What: fmt.Sprintf("more than %d nested calls", c.library.limits.Depth)}
		return &Error{Position: c.where(overflow.Stack()), What: bound.What, Err: bound}
	case errors.As(err, &own) && !errors.As(err, &exception):
		return own
	case errors.As(err, &exception):
		return c.thrown(exception.Value(), exception)
	}
	return &Error{Position: c.code.start(), What: err.Error(), Err: err}
}

// thrown makes an error of a value that the script threw or rejected with.
func (c *machine) thrown(value goja.Value, exception *goja.Exception) error {
	e := &Error{Position: c.code.start()}
	if exception != nil {
		e.Position = c.where(exception.Stack())
	}
	object, ok := value.(*goja.Object)
	if !ok {
		e.What = "threw " + describe(value)
		return e
	}
	if object.ClassName() != "Error" {
		e.What = "threw " + describe(value)
		return e
	}
	if c.natives.hosts[object] != nil {
		e.Err = c.natives.hosts[object]
	}
	e.What = oneLine(cut(c.textOf(object)))
	if exception == nil {
		e.Position = c.errorPlace(object)
	}
	return e
}

// textOf is what an error object says; getters and the like of the script may run.
func (c *machine) textOf(object *goja.Object) (text string) {
	if ex := c.rt.Try(func() { text = object.String() }); ex != nil {
		return "threw an error that cannot be shown"
	}
	return text
}

// errorPlace takes the place out of an error's stack property, where that is all there is: "at f (file:1:2(3))".
func (c *machine) errorPlace(object *goja.Object) engine.Position {
	var stack string
	if ex := c.rt.Try(func() { stack = object.Get("stack").String() }); ex != nil {
		return c.code.start()
	}
	for line := range strings.Lines(stack) {
		place := strings.TrimSpace(line)
		if i := strings.LastIndexByte(place, ' '); i >= 0 {
			place = strings.TrimLeft(place[i+1:], "(")
		}
		var file string
		var row, col int
		first := strings.IndexByte(place, ':')
		if first < 0 {
			continue
		}
		file = place[:first]
		if n, _ := fmt.Sscanf(place[first+1:], "%d:%d", &row, &col); n == 2 && file != "script" {
			return c.code.bundle.position(file, row, col)
		}
	}
	return c.code.start()
}

// where is the innermost place of the script on a call stack.
func (c *machine) where(stack []goja.StackFrame) engine.Position {
	for i := range stack {
		p := stack[i].Position()
		if p.Line > 0 && p.Filename != "" && p.Filename != "script" && p.Filename != guardsFile {
			return c.code.position(p)
		}
	}
	return c.code.start()
}

// oneLine takes line breaks out of a message.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// cut shortens a message at a character.
func cut(s string) string {
	if len(s) <= maxShown {
		return s
	}
	s = s[:maxShown]
	for !utf8.ValidString(s) && len(s) > maxShown-utf8.UTFMax {
		s = s[:len(s)-1]
	}
	return s + "…"
}

// throw throws a TypeError in the script.
func (c *machine) throw(format string, args ...any) {
	panic(c.rt.NewTypeError(fmt.Sprintf(format, args...)))
}

// throwError throws what a host function returned, and remembers it for the abort.
func (c *machine) throwError(err error) {
	object := c.rt.NewTypeError(oneLine(err.Error()))
	if c.natives.hosts == nil {
		c.natives.hosts = make(map[*goja.Object]error)
	}
	if len(c.natives.hosts) > 16 {
		clear(c.natives.hosts)
	}
	c.natives.hosts[object] = err
	panic(object)
}

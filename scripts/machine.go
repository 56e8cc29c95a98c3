package scripts

import (
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"
	"time"

	"github.com/dop251/goja"

	"framegate/engine"
)

// machine is one copy of a script: a JavaScript runtime in which the script's top level has run. It is used by one
// goroutine at a time.
type machine struct {
	turn    turn
	rt      *goja.Runtime
	code    *code
	library *Library
	invoke  goja.Callable
	args    []goja.Value
	made    map[string]goja.Value // the bindings, while the script loads
	broken  bool                  // crossed a bound: not to be used again

	program *Program        // of the running call
	m       *engine.Message // of the running call; nil while the script loads
	sends   int             // of the running call
	waited  time.Duration   // in host functions of the running call, where a call is timed
	bound   *Error          // why a native gave up
	joined  int             // bytes that nested joins have made
	depth   int             // of nested natives
	scratch []byte          // of JSON.stringify
	indexed []lazyMember    // of JSON.parse

	prototypes [2]*goja.Object // of objects and arrays, once they were asked for
	attrs      map[string]engine.Attr
	selectors  map[string]engine.Selector
	msg        *messageObject
	natives    natives
}

var (
	undefined = goja.Undefined()
	yes, no   = booleans()
)

func booleans() (goja.Value, goja.Value) {
	rt := goja.New()
	return rt.ToValue(true), rt.ToValue(false)
}

// load makes a copy: the bounds are armed before anything of the script runs.
func (p *Program) load() (c *machine, err error) {
	c = &machine{rt: goja.New(), code: p.code, library: p.library, program: p}
	c.turn.interrupt = c.interrupt
	c.rt.SetMaxCallStackSize(p.library.limits.Depth)
	defer func() {
		if r := recover(); r != nil {
			c, err = nil, c.panicked(r)
		}
	}()
	var began time.Time
	if !c.code.declares {
		began = c.clock()
	}
	p.library.dog.begin(&c.turn, p.library.limits.Load)
	err = c.start()
	if err != nil {
		err = c.explain(err)
	}
	if !p.library.dog.end(&c.turn) || c.bound != nil || c.gaveUp(began) {
		return nil, c.overrun(err, fmt.Sprintf("loading took longer than %s", p.library.limits.Load))
	}
	if err != nil {
		return nil, err
	}
	c.program = nil
	return c, nil
}

func (c *machine) interrupt() { c.rt.Interrupt(errInterrupted) }

var errInterrupted = errors.New("took too long")

// start installs what the script needs and runs its top level.
func (c *machine) start() error {
	c.installGuards()
	wrapper, err := c.rt.RunProgram(c.code.program)
	if err != nil {
		return err
	}
	run, _ := goja.AssertFunction(wrapper)
	c.made = make(map[string]goja.Value, len(c.code.params))
	values := make([]goja.Value, len(c.code.params))
	for i, name := range c.code.params {
		values[i] = c.binding(name)
		c.made[name] = values[i]
	}
	if _, err := run(undefined, values...); err != nil {
		return err
	}
	c.made = nil
	if c.invoke == nil {
		return &Error{Position: c.code.start(), What: fmt.Sprintf("%s is no function", c.code.function)}
	}
	c.msg = newMessageObject(c)
	c.args = []goja.Value{c.msg.object}
	return nil
}

// busy tells whether a call is running.
func (c *machine) busy() bool { return c.m != nil }

// export takes the script's function: the bundle ends with a call of it.
func (c *machine) export(call goja.FunctionCall) goja.Value {
	c.invoke, _ = goja.AssertFunction(call.Argument(0))
	return undefined
}

// start is the beginning of the script.
func (c *code) start() engine.Position {
	return engine.Position{File: c.bundle.entry}
}

// run calls the script with a message.
func (c *machine) run(p *Program, m *engine.Message) (pass bool, err error) {
	c.program, c.m, c.sends, c.waited = p, m, 0, 0
	defer func() {
		if r := recover(); r != nil {
			pass, err = false, c.panicked(r)
		}
		c.program, c.m = nil, nil
		c.msg.release()
	}()
	began := c.clock()
	p.library.dog.begin(&c.turn, p.limit)
	result, err := c.invoke(undefined, c.args...)
	if err != nil {
		err = c.explain(err)
	} else if result != yes && result != no {
		pass, err = c.settle(result)
	} else {
		pass = result == yes
	}
	if !p.library.dog.end(&c.turn) || c.bound != nil || c.gaveUp(began) {
		return false, c.overrun(err, fmt.Sprintf("%s took longer than %s", c.code.function, p.limit))
	}
	return pass && err == nil, err
}

// clock is the time, for a script whose regular expressions may be given up.
func (c *machine) clock() time.Time {
	if c.code.facts.timed() {
		return time.Now()
	}
	return time.Time{}
}

// gaveUp tells whether a regular expression may have been given up since began.
func (c *machine) gaveUp(began time.Time) bool {
	return !began.IsZero() && time.Since(began)-c.waited >= gaveUp
}

// settle looks at a result that is neither true nor false: a promise that an async function returned, or a mistake.
func (c *machine) settle(result goja.Value) (bool, error) {
	if object, ok := result.(*goja.Object); ok {
		if object.ExportType() == promiseType {
			promise := object.Export().(*goja.Promise)
			switch promise.State() {
			case goja.PromiseStateRejected:
				return false, c.thrown(promise.Result(), nil)
			case goja.PromiseStatePending:
				return false, &Error{Position: c.code.start(), What: fmt.Sprintf("%s returned a promise that nothing settles", c.code.function), Hint: "await only what ends by itself: there are no timers in scripts"}
			}
			result = promise.Result()
		}
	}
	if result == yes || result == no {
		return result == yes, nil
	}
	return false, &Error{
		Position: c.code.start(), What: fmt.Sprintf("%s returned %s instead of true or false", c.code.function, describe(result)),
		Hint: "return true for the success arrow, false for the failure arrow; throw to abort",
	}
}

var promiseType = reflect.TypeFor[*goja.Promise]()

// describe says what a value is, without running anything of the script.
func describe(v goja.Value) string {
	switch v := v.(type) {
	case nil:
		return "undefined"
	case *goja.Object:
		return "an object of class " + v.ClassName()
	case *goja.Symbol:
		return "a symbol"
	default:
		if s, ok := v.(goja.String); ok && s.Length() > maxShown {
			return "a long string"
		} else if ok {
			return fmt.Sprintf("%q", s.String())
		}
		return v.String()
	}
}

// exceed ends the call for a bound that a native has found crossed. Scripts cannot catch it.
func (c *machine) exceed(format string, args ...any) {
	bound := &Bound{What: fmt.Sprintf(format, args...)}
	c.bound = &Error{Position: c.where(c.rt.CaptureCallStack(0, nil)), What: bound.What, Err: bound}
	c.broken = true
	panic(&goja.InterruptedError{})
}

// yield ends the call when the watchdog has already stopped it: natives that run long ask now and then.
func (c *machine) yield() {
	if c.turn.stopped() {
		panic(&goja.InterruptedError{})
	}
}

// overrun is the error of a call that crossed a bound. What the script made of it does not count.
func (c *machine) overrun(err error, what string) error {
	c.broken = true
	if c.bound != nil {
		return c.bound
	}
	e := &Error{Position: c.code.start(), What: what, Err: &Bound{What: what}}
	var known *Error
	if errors.As(err, &known) && known.Line > 0 {
		e.Position = known.Position
	}
	return e
}

// panicked is the error of a call that a bug of a native ended.
func (c *machine) panicked(reason any) error {
	c.broken = true
	c.library.dog.end(&c.turn)
	c.library.log.Error("panic in a script", "script", c.code.name, "panic", fmt.Sprint(reason), "stack", string(debug.Stack()))
	return &Error{Position: c.code.start(), What: fmt.Sprintf("panic in a native function: %v", reason)}
}

package scripts

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/dop251/goja"
)

// storesObject is stores: records that the configuration brings.
func (c *machine) storesObject() goja.Value {
	return c.namespace(map[string]any{"get": func(call goja.FunctionCall) goja.Value {
		name, key := c.word(call.Argument(0), "a store's name"), c.word(call.Argument(1), "a key")
		if c.program.store == nil {
			c.throwError(errors.New("this gateway has no stores"))
		}
		store, err := c.program.store(name)
		if err != nil {
			c.throwError(fmt.Errorf("store %q: %w", name, err))
		}
		return c.toScript(store.Get(key))
	}})
}

// stateBucket is where scripts keep their values in the gateway's state.
const stateBucket = "scripts"

// stateObject is state: what outlives sessions. Values are kept as JSON, so they come back as they would from another
// process.
func (c *machine) stateObject() goja.Value {
	return c.namespace(map[string]any{"get": c.stateGet, "put": c.statePut, "delete": c.stateDelete})
}

func (c *machine) stateGet(call goja.FunctionCall) goja.Value {
	key := c.stateKey(call)
	var value []byte
	var ok bool
	var err error
	c.wait(func() { value, ok, err = c.library.state.Get(stateBucket, key) })
	if err != nil {
		c.throwError(fmt.Errorf("state get %q: %w", key, err))
	}
	if !ok {
		return undefined
	}
	p := jsonParser{c: c, text: string(value)}
	return p.document()
}

// statePut is state.put(key, value, ttl): ttl in seconds; without one the value stays until it is deleted.
func (c *machine) statePut(call goja.FunctionCall) goja.Value {
	key := c.stateKey(call)
	w := jsonWriter{c: c}
	if !w.write(nil, "", call.Argument(1)) {
		c.throw("state keeps what JSON can say, not %s", describe(call.Argument(1)))
	}
	var ttl time.Duration
	if arg := call.Argument(2); !goja.IsUndefined(arg) {
		seconds := number(arg)
		if !(seconds > 0) || seconds > math.MaxInt32 {
			panic(c.rangeError("the ttl of state.put is a number of seconds above 0"))
		}
		ttl = time.Duration(seconds * float64(time.Second))
	}
	var err error
	c.wait(func() { err = c.library.state.Put(stateBucket, key, w.out, ttl) })
	if err != nil {
		c.throwError(fmt.Errorf("state put %q: %w", key, err))
	}
	return undefined
}

func (c *machine) stateDelete(call goja.FunctionCall) goja.Value {
	key := c.stateKey(call)
	var err error
	c.wait(func() { err = c.library.state.Delete(stateBucket, key) })
	if err != nil {
		c.throwError(fmt.Errorf("state delete %q: %w", key, err))
	}
	return undefined
}

func (c *machine) stateKey(call goja.FunctionCall) string {
	if c.library.state == nil {
		c.throwError(errors.New("this gateway keeps no state"))
	}
	return c.word(call.Argument(0), "a key")
}

// word is a text argument of a host function.
func (c *machine) word(v goja.Value, what string) string {
	s, ok := v.(goja.String)
	if !ok || s.Length() == 0 || s.Length() > 1024 {
		c.throw("%s is a text of 1 to 1024 characters, not %s", what, describe(v))
	}
	return s.String()
}

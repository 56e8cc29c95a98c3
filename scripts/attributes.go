package scripts

import (
	"fmt"

	"github.com/dop251/goja"

	"framegate/engine"
)

// attr finds an attribute by its name, once for each copy.
func (c *machine) attr(name string) engine.Attr {
	if a, ok := c.attrs[name]; ok {
		return a
	}
	if c.attrs == nil || len(c.attrs) >= 256 {
		c.attrs = make(map[string]engine.Attr)
	}
	a := engine.AttrOf(name)
	c.attrs[name] = a
	return a
}

// attributeName reads the name in msg.get(name).
func (c *machine) attributeName(v goja.Value) string {
	s, ok := v.(goja.String)
	if !ok || s.Length() == 0 || s.Length() > 512 {
		c.throw("an attribute's name is a text such as \"content.body\", not %s", describe(v))
	}
	return s.String()
}

// getAttribute is msg.get(name); undefined when the attribute is not set.
func (c *machine) getAttribute(v goja.Value) goja.Value {
	m := c.current()
	switch name := c.attributeName(v); name {
	case "content.body":
		return c.body()
	case "websock.context":
		return c.context()
	case "http.headers":
		return c.requestHeaders()
	default:
		return c.toScript(m.Get(c.attr(name)))
	}
}

func (c *machine) hasAttribute(v goja.Value) goja.Value {
	m := c.current()
	switch name := c.attributeName(v); name {
	case "content.body":
		return yes
	case "websock.context":
		return c.rt.ToValue(!goja.IsUndefined(c.context()))
	default:
		return c.rt.ToValue(!m.Get(c.attr(name)).IsMissing())
	}
}

// putAttribute is msg.put(name, value); null and undefined remove the attribute.
func (c *machine) putAttribute(call goja.FunctionCall) goja.Value {
	m := c.current()
	name, value := c.attributeName(call.Argument(0)), call.Argument(1)
	if name == "content.body" {
		c.setBody(value)
		return undefined
	}
	if goja.IsUndefined(value) || goja.IsNull(value) {
		return c.removeAttribute(call.Argument(0))
	}
	if err := m.Set(c.attr(name), c.fromScript(value)); err != nil {
		c.throwError(err)
	}
	return undefined
}

func (c *machine) removeAttribute(v goja.Value) goja.Value {
	if err := c.current().Remove(c.attr(c.attributeName(v))); err != nil {
		c.throwError(err)
	}
	return undefined
}

// selectText is msg.select("${…}").
func (c *machine) selectText(v goja.Value) goja.Value {
	m := c.current()
	s, ok := v.(goja.String)
	if !ok {
		c.throw("select takes a text such as \"${http.request.path}\", not %s", describe(v))
	}
	text := s.String()
	selector, ok := c.selectors[text]
	if !ok {
		var err error
		if selector, err = engine.ParseSelector(text); err != nil {
			c.throwError(err)
		}
		if c.selectors == nil || len(c.selectors) >= 256 {
			c.selectors = make(map[string]engine.Selector)
		}
		c.selectors[text] = selector
	}
	value, err := selector.Value(m)
	if err != nil {
		c.throwError(err)
	}
	return c.toScript(value)
}

// callPolicy is msg.call(policy): true when the policy passes, false when it fails; its abort is thrown.
func (c *machine) callPolicy(v goja.Value) goja.Value {
	m := c.current()
	s, ok := v.(goja.String)
	if !ok || c.program.call == nil {
		c.throw("call takes the name of a policy, not %s", describe(v))
	}
	policy, err := c.program.call(s.String())
	if err != nil {
		c.throwError(fmt.Errorf("call policy %q: %w", s.String(), err))
	}
	var passed bool
	c.wait(func() { passed, err = policy.Run(m) })
	c.msg.body = nil
	if err != nil {
		c.throwError(err)
	}
	return c.rt.ToValue(passed)
}

package scripts

import (
	"sort"
	"unicode/utf8"

	"github.com/dop251/goja"

	"framegate/engine"
)

// messageObject is msg. A copy has one, which stands for the message of each call.
type messageObject struct {
	*view
	body    goja.Value // msg.body, once it has been asked for
	context *view
	headers *view
	request *view
	session *view
}

func newMessageObject(c *machine) *messageObject {
	o := &messageObject{}
	o.view = c.newView(view{
		what: "msg", keys: []string{"body", "kind", "context", "headers", "request", "session"},
		read: o.get, write: o.set, methods: messageMethods,
	})
	return o
}

// release ends what belongs to one call.
func (o *messageObject) release() { o.body = nil }

// messageMethods is the functions of msg.
var messageMethods = map[string]func(v *view, call goja.FunctionCall) goja.Value{
	"get":         func(v *view, call goja.FunctionCall) goja.Value { return v.c.getAttribute(call.Argument(0)) },
	"put":         func(v *view, call goja.FunctionCall) goja.Value { return v.c.putAttribute(call) },
	"has":         func(v *view, call goja.FunctionCall) goja.Value { return v.c.hasAttribute(call.Argument(0)) },
	"containsKey": func(v *view, call goja.FunctionCall) goja.Value { return v.c.hasAttribute(call.Argument(0)) },
	"remove":      func(v *view, call goja.FunctionCall) goja.Value { return v.c.removeAttribute(call.Argument(0)) },
	"drop":        func(v *view, call goja.FunctionCall) goja.Value { v.c.current().Drop(); return undefined },
	"reply":       func(v *view, call goja.FunctionCall) goja.Value { return v.c.reply(call) },
	"send":        func(v *view, call goja.FunctionCall) goja.Value { return v.c.send(call) },
	"close":       func(v *view, call goja.FunctionCall) goja.Value { return v.c.closeSession(call) },
	"select":      func(v *view, call goja.FunctionCall) goja.Value { return v.c.selectText(call.Argument(0)) },
	"call":        func(v *view, call goja.FunctionCall) goja.Value { return v.c.callPolicy(call.Argument(0)) },
}

// current is the message of the running call. A script that has kept msg finds none later.
func (c *machine) current() *engine.Message {
	if c.m == nil {
		c.throw("there is no message now: msg is of use only while %s runs", c.code.function)
	}
	return c.m
}

func (o *messageObject) get(key string) goja.Value {
	switch key {
	case "body":
		o.c.current()
		return o.c.body()
	case "kind":
		return o.c.rt.ToValue(kindOf(o.c.current()))
	case "context":
		return o.c.context()
	case "headers":
		return o.c.requestHeaders()
	case "request":
		return o.c.request()
	case "session":
		return o.c.session()
	}
	return nil
}

func (o *messageObject) set(key string, v goja.Value) bool {
	if key != "body" {
		return false
	}
	o.c.current()
	o.c.setBody(v)
	return true
}

// kindOf is msg.kind.
func kindOf(m *engine.Message) string {
	switch {
	case m.Hook&engine.OnFrame != 0:
		return m.Op.String()
	case m.Hook == engine.OnUpgrade:
		return "upgrade"
	case m.Hook == engine.OnClose:
		return "close"
	}
	return "request"
}

// validText tells whether a payload may be that of a text message; a string always may.
func validText(v goja.Value, p []byte) bool {
	_, isString := v.(goja.String)
	return isString || utf8.Valid(p)
}

// session is msg.session.
func (c *machine) session() goja.Value {
	c.current()
	if c.msg.session == nil {
		vars := c.sessionVars()
		c.msg.session = c.newView(view{what: "msg.session", keys: []string{"id", "vars"}, read: func(key string) goja.Value {
			switch key {
			case "id":
				return c.rt.ToValue(c.current().Session.ID)
			case "vars":
				return vars
			}
			return nil
		}})
	}
	return c.msg.session.object
}

// vars is msg.session.vars: what both directions of a session share.
type vars struct{ c *machine }

func (c *machine) sessionVars() goja.Value { return c.rt.NewDynamicObject(vars{c}) }

func (v vars) Get(key string) goja.Value {
	if value := v.c.current().Session.Var(key); !value.IsMissing() {
		return v.c.toScript(value)
	}
	return nil
}

func (v vars) Set(key string, value goja.Value) bool {
	if err := v.c.current().Session.SetVar(key, v.c.fromScript(value)); err != nil {
		v.c.throwError(err)
	}
	return true
}

func (v vars) Has(key string) bool { return !v.c.current().Session.Var(key).IsMissing() }

func (v vars) Delete(key string) bool {
	return v.c.current().Session.SetVar(key, engine.Value{}) == nil
}

func (v vars) Keys() []string {
	var keys []string
	for key := range v.c.current().Session.Vars() {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}

package scripts

import (
	"github.com/dop251/goja"

	"framegate/engine"
)

// headersView makes the object of a header set: names without regard to case, values as they came.
func (c *machine) headersView(what string, fields func() headerFields) *view {
	return c.newView(view{what: what, methods: headerMethods, fields: fields, read: func(string) goja.Value { return nil }})
}

// newHeaders makes the object of a header set that is an attribute's value.
func (c *machine) newHeaders(h *engine.Headers) goja.Value {
	return c.headersView("headers", func() headerFields { return headerFields{Headers: h} }).object
}

var headerMethods map[string]func(v *view, call goja.FunctionCall) goja.Value

func init() {
	headerMethods = map[string]func(v *view, call goja.FunctionCall) goja.Value{
		"get": func(v *view, call goja.FunctionCall) goja.Value {
			name := v.c.attributeName(call.Argument(0))
			if h := v.fields(); h.Has(name) {
				return v.c.rt.ToValue(h.Get(name))
			}
			return goja.Null()
		},
		"has": func(v *view, call goja.FunctionCall) goja.Value {
			return v.c.rt.ToValue(v.fields().Has(v.c.attributeName(call.Argument(0))))
		},
		"getAll": func(v *view, call goja.FunctionCall) goja.Value {
			var values []any
			for value := range v.fields().Values(v.c.attributeName(call.Argument(0))) {
				values = append(values, value)
			}
			return v.c.rt.NewArray(values...)
		},
		"entries": func(v *view, _ goja.FunctionCall) goja.Value {
			return v.list(func(name, value string) any { return v.c.rt.NewArray(name, value) })
		},
		"keys": func(v *view, _ goja.FunctionCall) goja.Value { return v.list(func(name, _ string) any { return name }) },
		"values": func(v *view, _ goja.FunctionCall) goja.Value {
			return v.list(func(_, value string) any { return value })
		},
		"forEach": func(v *view, call goja.FunctionCall) goja.Value {
			f, ok := goja.AssertFunction(call.Argument(0))
			if !ok {
				v.c.throw("forEach takes a function, not %s", describe(call.Argument(0)))
			}
			for name, value := range v.fields().Clone().All() {
				rethrow(f(undefined, v.c.rt.ToValue(value), v.c.rt.ToValue(name), v.object))
			}
			return undefined
		},
		"set": func(v *view, call goja.FunctionCall) goja.Value { return v.change(call, (*engine.Headers).Set) },
		"append": func(v *view, call goja.FunctionCall) goja.Value {
			return v.change(call, (*engine.Headers).Add)
		},
		"delete": func(v *view, call goja.FunctionCall) goja.Value {
			v.writable().Del(v.c.attributeName(call.Argument(0)))
			return undefined
		},
	}
}

// list makes an array of all header lines, in order.
func (v *view) list(item func(name, value string) any) goja.Value {
	var items []any
	for name, value := range v.fields().All() {
		items = append(items, item(name, value))
	}
	return v.c.rt.NewArray(items...)
}

// change sets or adds a header line; what cannot stand in one throws.
func (v *view) change(call goja.FunctionCall, how func(h *engine.Headers, name, value string) error) goja.Value {
	h := v.writable()
	s := v.c.text(call.Argument(1))
	if s == nil {
		v.c.throw("a header's value is a text, not %s", describe(call.Argument(1)))
	}
	if err := how(h, v.c.attributeName(call.Argument(0)), v.c.bounded(s)); err != nil {
		v.c.throwError(err)
	}
	return undefined
}

// writable is the header set where a script may change it: that of the request, while it is an upgrade or HTTP request.
func (v *view) writable() *engine.Headers {
	h := v.fields()
	if !h.writable || h.Headers == nil {
		v.c.throwError(&engine.ReadOnly{Name: v.what})
	}
	return h.Headers
}

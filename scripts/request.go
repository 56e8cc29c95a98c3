package scripts

import (
	"github.com/dop251/goja"

	"framegate/engine"
)

// headerFields is a header set as a script sees it, and whether it may change it.
type headerFields struct {
	*engine.Headers
	writable bool
}

// context is websock.context: the attributes of the upgrade, read-only. It is undefined before there is a session.
func (c *machine) context() goja.Value {
	if c.current().Hook&engine.OnHTTP != 0 {
		return undefined
	}
	if c.msg.context == nil {
		headers := c.headersView("websock.context.headers", func() headerFields {
			return headerFields{Headers: c.current().Get(c.attr("websock.context.http.headers")).Headers()}
		})
		c.msg.context = c.newView(view{
			what: "websock.context", keys: []string{"headers"}, methods: contextMethods,
			read: func(key string) goja.Value {
				if key == "headers" {
					return headers.object
				}
				return nil
			},
		})
	}
	return c.msg.context.object
}

var contextMethods = map[string]func(v *view, call goja.FunctionCall) goja.Value{
	"get": func(v *view, call goja.FunctionCall) goja.Value {
		name := v.c.attributeName(call.Argument(0))
		if name == "http.headers" {
			return v.read("headers")
		}
		return v.c.toScript(v.c.current().Get(v.c.attr("websock.context." + name)))
	},
	"has":         contextHas,
	"containsKey": contextHas,
	"put":         readOnly, "set": readOnly, "remove": readOnly,
}

func contextHas(v *view, call goja.FunctionCall) goja.Value {
	name := v.c.attributeName(call.Argument(0))
	return v.c.rt.ToValue(!v.c.current().Get(v.c.attr("websock.context." + name)).IsMissing())
}

// readOnly stands where Axway's messages have a put: websock.context has none that works.
func readOnly(v *view, _ goja.FunctionCall) goja.Value {
	v.c.throwError(&engine.ReadOnly{Name: v.what})
	return nil
}

// requestHeaders is msg.headers, the header set of the HTTP request; undefined when there is none.
func (c *machine) requestHeaders() goja.Value {
	if c.current().Request == nil {
		return undefined
	}
	if c.msg.headers == nil {
		c.msg.headers = c.headersView("msg.headers", func() headerFields {
			if r := c.current().Request; r != nil {
				return headerFields{Headers: r.Headers, writable: true}
			}
			return headerFields{}
		})
	}
	return c.msg.headers.object
}

// request is msg.request, the HTTP request; undefined when there is none.
func (c *machine) request() goja.Value {
	if c.current().Request == nil {
		return undefined
	}
	if c.msg.request == nil {
		query := c.newView(view{what: "msg.request.query", methods: queryMethods, read: func(string) goja.Value { return nil }})
		c.msg.request = c.newView(view{
			what: "msg.request", keys: []string{"method", "uri", "path", "host", "client", "query"},
			read: func(key string) goja.Value { return c.requestMember(key, query) },
		})
	}
	return c.msg.request.object
}

func (c *machine) requestMember(key string, query *view) goja.Value {
	r := c.current().Request
	if r == nil {
		return nil
	}
	switch key {
	case "method":
		return c.rt.ToValue(r.Method)
	case "uri":
		return c.rt.ToValue(r.URI)
	case "path":
		return c.rt.ToValue(r.Path)
	case "host":
		return c.rt.ToValue(r.Host)
	case "client":
		return c.rt.ToValue(r.Client.Addr().String())
	case "query":
		return query.object
	}
	return nil
}

var queryMethods = map[string]func(v *view, call goja.FunctionCall) goja.Value{
	"get": func(v *view, call goja.FunctionCall) goja.Value {
		if r := v.c.current().Request; r != nil {
			if text, ok := r.QueryValue(v.c.attributeName(call.Argument(0))); ok {
				return v.c.rt.ToValue(text)
			}
		}
		return goja.Null()
	},
	"has": func(v *view, call goja.FunctionCall) goja.Value {
		r := v.c.current().Request
		if r == nil {
			return no
		}
		_, ok := r.QueryValue(v.c.attributeName(call.Argument(0)))
		return v.c.rt.ToValue(ok)
	},
}

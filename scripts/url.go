package scripts

import (
	"net/url"
	"strings"

	"github.com/dop251/goja"
)

// urlClass is URL: new URL(text, base) parses an absolute URL and its parts can be read. It cannot be written to; that
// is what URLSearchParams and template texts are for.
func (c *machine) urlClass() goja.Value {
	toText := func(call goja.FunctionCall) goja.Value { return call.This.(*goja.Object).Get("href") }
	return c.class("URL", map[string]any{"toString": toText, "toJSON": toText}, func(object *goja.Object, args []goja.Value) {
		var text, base goja.Value = undefined, undefined
		if len(args) > 0 {
			text = args[0]
		}
		if len(args) > 1 {
			base = args[1]
		}
		u := c.parseURL(text, base)
		for name, value := range urlParts(u) {
			c.must(object.DefineDataProperty(name, c.rt.ToValue(value), goja.FLAG_FALSE, goja.FLAG_FALSE, goja.FLAG_TRUE))
		}
		params := c.searchParams(parseQuery(u.RawQuery))
		c.must(object.DefineDataProperty("searchParams", params, goja.FLAG_FALSE, goja.FLAG_FALSE, goja.FLAG_TRUE))
	})
}

func (c *machine) parseURL(text, base goja.Value) *url.URL {
	u, err := url.Parse(strings.TrimSpace(text.String()))
	if err == nil && !goja.IsUndefined(base) {
		var b *url.URL
		if b, err = url.Parse(strings.TrimSpace(base.String())); err == nil {
			u = b.ResolveReference(u)
		}
	}
	if err != nil || u.Scheme == "" {
		c.throw("Invalid URL: %s", cut(oneLine(describe(text))))
	}
	u.Scheme, u.Host = strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	if special[u.Scheme] != "" {
		if u.Host == "" {
			c.throw("Invalid URL: %s", cut(oneLine(describe(text))))
		}
		u.Host = strings.TrimSuffix(u.Host, ":"+special[u.Scheme])
		if u.Path == "" {
			u.Path = "/"
		}
	}
	return u
}

// special is the schemes with a default port, WHATWG URL §3.1.
var special = map[string]string{"http": "80", "https": "443", "ws": "80", "wss": "443"}

func urlParts(u *url.URL) map[string]string {
	password, _ := u.User.Password()
	origin, search, hash := "null", "", ""
	if special[u.Scheme] != "" {
		origin = u.Scheme + "://" + u.Host
	}
	if u.RawQuery != "" {
		search = "?" + u.RawQuery
	}
	if f := u.EscapedFragment(); f != "" {
		hash = "#" + f
	}
	path := u.EscapedPath()
	if u.Opaque != "" {
		path = u.Opaque
	}
	return map[string]string{
		"href": u.String(), "protocol": u.Scheme + ":", "username": u.User.Username(), "password": password, "host": u.Host,
		"hostname": strings.TrimSuffix(u.Host, ":"+u.Port()), "port": u.Port(), "pathname": path, "search": search, "hash": hash, "origin": origin,
	}
}

// pair is one name and value of a query.
type pair struct{ name, value string }

// parseQuery is the application/x-www-form-urlencoded parser, WHATWG URL §5.1.
func parseQuery(query string) []pair {
	var pairs []pair
	for part := range strings.SplitSeq(strings.TrimPrefix(query, "?"), "&") {
		if part != "" {
			name, value, _ := strings.Cut(part, "=")
			pairs = append(pairs, pair{unescapeForm(name), unescapeForm(value)})
		}
	}
	return pairs
}

// unescapeForm decodes what can be decoded and leaves the rest.
func unescapeForm(s string) string {
	var out []byte
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '+':
			out = append(out, ' ')
		case s[i] == '%' && i+2 < len(s) && strings.IndexByte(hexDigits, s[i+1]|0x20) >= 0 && strings.IndexByte(hexDigits, s[i+2]|0x20) >= 0:
			out = append(out, byte(strings.IndexByte(hexDigits, s[i+1]|0x20)<<4|strings.IndexByte(hexDigits, s[i+2]|0x20)))
			i += 2
		default:
			out = append(out, s[i])
		}
	}
	return strings.ToValidUTF8(string(out), "\ufffd")
}

// urlSearchParamsClass is URLSearchParams, made of a query or of an object.
func (c *machine) urlSearchParamsClass() goja.Value {
	f := c.rt.ToValue(func(call goja.ConstructorCall) *goja.Object {
		var pairs []pair
		switch v := call.Argument(0).(type) {
		case *goja.Object:
			for _, key := range v.Keys() {
				pairs = append(pairs, pair{key, v.Get(key).String()})
			}
		case goja.String:
			pairs = parseQuery(c.bounded(v))
		}
		return c.searchParams(pairs)
	}).(*goja.Object)
	c.must(f.DefineDataProperty("name", c.rt.ToValue("URLSearchParams"), goja.FLAG_FALSE, goja.FLAG_TRUE, goja.FLAG_FALSE))
	return f
}

// searchParams makes the object. Each holds its own pairs.
func (c *machine) searchParams(pairs []pair) *goja.Object {
	p := &params{pairs: pairs}
	v := c.newView(view{what: "URLSearchParams", read: func(string) goja.Value { return nil }})
	v.methods = paramMethods(p)
	return v.object
}

type params struct{ pairs []pair }

func (p *params) find(name string) (values []any) {
	for _, pair := range p.pairs {
		if pair.name == name {
			values = append(values, pair.value)
		}
	}
	return values
}

func (p *params) remove(name string) {
	kept := p.pairs[:0]
	for _, pair := range p.pairs {
		if pair.name != name {
			kept = append(kept, pair)
		}
	}
	p.pairs = kept
}

// query is the application/x-www-form-urlencoded serializer, WHATWG URL §5.2.
func (p *params) query() string {
	var out strings.Builder
	for i, pair := range p.pairs {
		if i > 0 {
			out.WriteByte('&')
		}
		out.WriteString(url.QueryEscape(pair.name) + "=" + url.QueryEscape(pair.value))
	}
	return out.String()
}

func paramMethods(p *params) map[string]func(v *view, call goja.FunctionCall) goja.Value {
	text := func(v *view, call goja.FunctionCall, i int) string {
		s := v.c.text(call.Argument(i))
		if s == nil {
			return describe(call.Argument(i))
		}
		return v.c.bounded(s)
	}
	return map[string]func(v *view, call goja.FunctionCall) goja.Value{
		"get": func(v *view, call goja.FunctionCall) goja.Value {
			if found := p.find(text(v, call, 0)); len(found) > 0 {
				return v.c.rt.ToValue(found[0])
			}
			return goja.Null()
		},
		"getAll": func(v *view, call goja.FunctionCall) goja.Value { return v.c.rt.NewArray(p.find(text(v, call, 0))...) },
		"has": func(v *view, call goja.FunctionCall) goja.Value {
			return v.c.rt.ToValue(len(p.find(text(v, call, 0))) > 0)
		},
		"append": func(v *view, call goja.FunctionCall) goja.Value {
			p.pairs = append(p.pairs, pair{text(v, call, 0), text(v, call, 1)})
			return undefined
		},
		"set": func(v *view, call goja.FunctionCall) goja.Value {
			p.remove(text(v, call, 0))
			p.pairs = append(p.pairs, pair{text(v, call, 0), text(v, call, 1)})
			return undefined
		},
		"delete": func(v *view, call goja.FunctionCall) goja.Value { p.remove(text(v, call, 0)); return undefined },
		"entries": func(v *view, _ goja.FunctionCall) goja.Value {
			var items []any
			for _, pair := range p.pairs {
				items = append(items, v.c.rt.NewArray(pair.name, pair.value))
			}
			return v.c.rt.NewArray(items...)
		},
		"toString": func(v *view, _ goja.FunctionCall) goja.Value { return v.c.rt.ToValue(p.query()) },
	}
}

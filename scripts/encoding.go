package scripts

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"

	"github.com/dop251/goja"
)

// textEncoderClass is TextEncoder: texts to UTF-8.
func (c *machine) textEncoderClass() goja.Value {
	return c.class("TextEncoder", map[string]any{
		"encode": func(call goja.FunctionCall) goja.Value {
			if goja.IsUndefined(call.Argument(0)) {
				return c.bytes(nil)
			}
			s := c.text(call.Argument(0))
			if s == nil {
				s = c.rt.ToValue("null").(goja.String)
			}
			return c.bytes([]byte(c.bounded(s)))
		},
		"encoding": "utf-8",
	}, nil)
}

// textDecoderClass is TextDecoder for UTF-8: new TextDecoder("utf-8", {fatal: true}) throws at what is none.
func (c *machine) textDecoderClass() goja.Value {
	return c.class("TextDecoder", map[string]any{
		"decode": func(call goja.FunctionCall) goja.Value {
			var p []byte
			if arg := call.Argument(0); !goja.IsUndefined(arg) {
				p = c.data(arg)
			}
			text := strings.TrimPrefix(string(p), "\ufeff")
			if fatal := call.This.(*goja.Object).Get("fatal"); fatal == yes && !utf8.ValidString(text) {
				c.throw("the data is not UTF-8")
			}
			return c.rt.ToValue(strings.ToValidUTF8(text, "\ufffd"))
		},
		"encoding": "utf-8",
	}, func(object *goja.Object, args []goja.Value) {
		if len(args) > 0 && !goja.IsUndefined(args[0]) {
			if label := strings.ToLower(args[0].String()); label != "utf-8" && label != "utf8" {
				panic(c.rangeError("TextDecoder knows utf-8 only"))
			}
		}
		fatal := no
		if len(args) > 1 {
			if options, ok := args[1].(*goja.Object); ok && options.Get("fatal") != nil && options.Get("fatal").ToBoolean() {
				fatal = yes
			}
		}
		c.must(object.DefineDataProperty("fatal", fatal, goja.FLAG_FALSE, goja.FLAG_FALSE, goja.FLAG_TRUE))
	})
}

// class makes a constructor whose objects have the members through their prototype.
func (c *machine) class(name string, members map[string]any, construct func(object *goja.Object, args []goja.Value)) goja.Value {
	f := c.rt.ToValue(func(call goja.ConstructorCall) *goja.Object {
		if construct != nil {
			construct(call.This, call.Arguments)
		}
		return nil
	}).(*goja.Object)
	c.must(f.DefineDataProperty("name", c.rt.ToValue(name), goja.FLAG_FALSE, goja.FLAG_TRUE, goja.FLAG_FALSE))
	proto := f.Get("prototype").(*goja.Object)
	for member, value := range members {
		c.must(proto.DefineDataProperty(member, c.rt.ToValue(value), goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE))
	}
	return f
}

// atobFunction is atob: base64 to a text of characters below 256. White space does not count and padding may be missing
// (Infra §7).
func (c *machine) atobFunction() goja.Value {
	return c.rt.ToValue(func(call goja.FunctionCall) goja.Value {
		text := strings.Map(func(r rune) rune {
			if strings.ContainsRune(" \t\n\f\r", r) {
				return -1
			}
			return r
		}, c.bounded(c.toText(call.Argument(0))))
		if len(text)%4 == 0 {
			text = strings.TrimSuffix(strings.TrimSuffix(text, "="), "=")
		}
		p, err := base64.RawStdEncoding.DecodeString(text)
		if err != nil {
			c.throw("atob: the text is not base64")
		}
		runes := make([]rune, len(p))
		for i, b := range p {
			runes[i] = rune(b)
		}
		return c.rt.ToValue(string(runes))
	})
}

// btoaFunction is btoa: a text of characters below 256 to base64.
func (c *machine) btoaFunction() goja.Value {
	return c.rt.ToValue(func(call goja.FunctionCall) goja.Value {
		text := c.bounded(c.toText(call.Argument(0)))
		p := make([]byte, 0, len(text))
		for _, r := range text {
			if r > 255 {
				c.throw("btoa: the text has characters above U+00FF; encode it with TextEncoder first")
			}
			p = append(p, byte(r))
		}
		return c.rt.ToValue(base64.StdEncoding.EncodeToString(p))
	})
}

package scripts

import (
	"context"
	"encoding/hex"
	"log/slog"
	"strings"

	"github.com/dop251/goja"
)

// maxLogged is the most of one console line that is kept, in bytes.
const maxLogged = 2 << 10

// consoleObject is console: its lines go to the trail of the message, and to the gateway's log while the script loads.
func (c *machine) consoleObject() goja.Value {
	levels := map[string]slog.Level{
		"log": slog.LevelInfo, "info": slog.LevelInfo, "debug": slog.LevelDebug, "warn": slog.LevelWarn, "error": slog.LevelError,
		"trace": slog.LevelDebug,
	}
	members := make(map[string]any)
	for name, level := range levels {
		members[name] = func(call goja.FunctionCall) goja.Value {
			c.print(level, call.Arguments)
			return undefined
		}
	}
	return c.namespace(members)
}

func (c *machine) print(level slog.Level, args []goja.Value) {
	var line strings.Builder
	for i, arg := range args {
		if i > 0 {
			line.WriteByte(' ')
		}
		line.WriteString(c.shown(arg))
		if line.Len() > maxLogged {
			break
		}
	}
	text := line.String()
	if len(text) > maxLogged {
		text = strings.ToValidUTF8(text[:maxLogged], "") + "…"
	}
	if c.m == nil {
		c.library.log.Log(context.Background(), level, text, "script", c.code.name)
		return
	}
	c.m.Logf(level, "%s", text)
}

// shown is a value as console shows it: texts as they are, objects as JSON, errors as they say.
func (c *machine) shown(v goja.Value) string {
	switch v := v.(type) {
	case goja.String:
		if v.Length() > maxLogged {
			return v.Substring(0, maxLogged).String()
		}
		return v.String()
	case *goja.Object:
		if v.ClassName() == "Error" {
			return v.String()
		}
		if p, ok := c.bytesOf(v); ok {
			return hex.EncodeToString(p)
		}
		w := jsonWriter{c: c}
		written := false
		if ex := c.rt.Try(func() { written = w.write(nil, "", v) }); ex != nil || !written {
			return "[" + describe(v) + "]"
		}
		return string(w.out)
	case nil:
		return "undefined"
	}
	return v.String()
}

package wire

import (
	"fmt"
	"strings"
)

// Extension is one offer or answer in Sec-WebSocket-Extensions, RFC 6455 §9.1.
type Extension struct {
	Name   string
	Params []Param
}

// Param is a parameter of an [Extension]. Value is "" where it has none.
type Param struct{ Name, Value string }

// ParseExtensions parses all Sec-WebSocket-Extensions lines of h, in order. It is strict: names and values are tokens, a
// quoted value is one after unquoting (§9.1). Of anything else the section says "the recipient of such malformed data MUST
// immediately _Fail the WebSocket Connection_".
func ParseExtensions(h *Headers) ([]Extension, error) {
	var list []Extension
	for element := range h.Tokens("Sec-WebSocket-Extensions") {
		e, err := parseExtension(element)
		if err != nil {
			return nil, fmt.Errorf("parse Sec-WebSocket-Extensions: %w", err)
		}
		list = append(list, e)
	}
	return list, nil
}

func parseExtension(s string) (Extension, error) {
	name, rest, more := strings.Cut(s, ";")
	e := Extension{Name: trimSpace(name)}
	if !isToken(e.Name) {
		return e, fmt.Errorf("extension name %q is not a token", e.Name)
	}
	for more {
		var param string
		param, rest, more = strings.Cut(rest, ";")
		p, err := parseParam(trimSpace(param))
		if err != nil {
			return e, fmt.Errorf("extension %s: %w", e.Name, err)
		}
		e.Params = append(e.Params, p)
	}
	return e, nil
}

// parseParam may rely on ";" standing in no valid value: a quoted one is a token too.
func parseParam(s string) (Param, error) {
	name, value, valued := strings.Cut(s, "=")
	name, value = trimSpace(name), trimSpace(value)
	if !isToken(name) {
		return Param{}, fmt.Errorf("parameter name %q is not a token", name)
	}
	if !valued {
		return Param{Name: name}, nil
	}
	if token := unquote(value); isToken(token) {
		return Param{name, token}, nil
	}
	return Param{}, fmt.Errorf("value %q of parameter %s is not a token", value, name)
}

// unquote takes the quotes and backslashes off a quoted string, RFC 9110 §5.6.4; anything else comes back as it is.
func unquote(s string) string {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	var b strings.Builder
	for s = s[1 : len(s)-1]; s != ""; s = s[1:] {
		if s[0] == '\\' && len(s) > 1 {
			s = s[1:]
		}
		b.WriteByte(s[0])
	}
	return b.String()
}

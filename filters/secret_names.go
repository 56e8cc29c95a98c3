package filters

import (
	"strings"

	"framegate/engine"
)

// hidden stands where a secret was.
const hidden = "[hidden]"

// secretHeaders are the headers whose values are not written to trails and logs,
// by their names in lower case.
var secretHeaders = map[string]bool{
	"authorization": true, "proxy-authorization": true, "cookie": true, "set-cookie": true,
	"x-api-key": true, "sec-websocket-protocol": true,
}

// secretWords make an attribute, a header or a field of a record a secret when its name has one of them.
var secretWords = []string{"password", "passwd", "secret", "token", "apikey", "api-key", "api_key", "credential"}

// isSecret tells whether the value under a name is one that trails and logs must not show.
func isSecret(name string) bool {
	name = strings.ToLower(name)
	last := name[strings.LastIndexByte(name, '.')+1:]
	if secretHeaders[last] {
		return true
	}
	for _, word := range secretWords {
		if strings.Contains(last, word) {
			return true
		}
	}
	return false
}

// shown is the text of an attribute in trails and logs: secrets hidden, and cut to max bytes.
func shown(name string, v engine.Value, max int) string {
	if isSecret(name) {
		return hidden
	}
	if h := v.Headers(); h != nil {
		v = engine.StringValue(shownHeaders(h))
	}
	if tree, ok := v.Any().(map[string]any); ok {
		v = engine.TreeValue(withoutSecrets(tree))
	}
	return cutLong(v.String(), max)
}

func shownHeaders(h *engine.Headers) string {
	var b strings.Builder
	for name, value := range h.All() {
		if isSecret(name) {
			value = hidden
		}
		b.WriteString(name + ": " + value + "\n")
	}
	return b.String()
}

// withoutSecrets is a copy of a tree in which secrets are hidden, at any depth.
func withoutSecrets(tree map[string]any) map[string]any {
	out := make(map[string]any, len(tree))
	for name, v := range tree {
		switch inner, isTree := v.(map[string]any); {
		case isSecret(name):
			out[name] = hidden
		case isTree:
			out[name] = withoutSecrets(inner)
		default:
			out[name] = v
		}
	}
	return out
}

// cutLong cuts a text to max bytes and says so.
func cutLong(text string, max int) string {
	if len(text) <= max {
		return text
	}
	return cutText(text, max) + "…"
}

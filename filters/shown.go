package filters

import (
	"strings"

	"framegate/engine"
)

// hidden stands where a secret was.
const hidden = "[redacted]"

// shown is the text of an attribute in trails and logs: secrets hidden, and cut to max bytes.
func shown(name string, v engine.Value, max int) string {
	if engine.SecretName(name) {
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
		if engine.SecretName(name) {
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
		case engine.SecretName(name):
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

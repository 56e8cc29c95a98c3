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
	if v.Kind() == engine.Tree {
		v = engine.TreeValue(withoutSecrets(v.Any()))
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
func withoutSecrets(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, inner := range v {
			out[name] = withoutSecrets(inner)
			if engine.SecretName(name) {
				out[name] = hidden
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, inner := range v {
			out[i] = withoutSecrets(inner)
		}
		return out
	}
	return v
}

// cutLong cuts a text to max bytes and says so.
func cutLong(text string, max int) string {
	if len(text) <= max {
		return text
	}
	return cutText(text, max) + "…"
}

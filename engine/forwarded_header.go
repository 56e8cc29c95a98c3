package engine

import "strings"

// forwardedHop is an element of the header Forwarded: what one proxy says of
// whoever connected to it.
type forwardedHop struct{ from, proto, host string }

// parseForwarded reads the header Forwarded over all its lines, the nearest
// proxy's element last (RFC 7239 §4). From the first element that is malformed on
// nothing is believed, so it returns those behind the last malformed one.
func parseForwarded(h *Headers) []forwardedHop {
	var hops []forwardedHop
	for line := range h.Values("Forwarded") {
		for {
			hop, rest, ok := forwardedElement(line)
			if !ok {
				hops = hops[:0]
				break
			}
			hops = append(hops, hop)
			if rest == "" {
				break
			}
			line = rest[1:]
		}
	}
	return hops
}

// forwardedElement reads one element; the rest begins with the comma after it.
// "Each parameter MUST NOT occur more than once per field-value" element (§4).
func forwardedElement(text string) (hop forwardedHop, rest string, ok bool) {
	seen := make(map[string]bool)
	for {
		text = strings.TrimLeft(text, " \t")
		name, after, found := strings.Cut(text, "=")
		name = strings.ToLower(name)
		if !found || name == "" || strings.ContainsAny(name, " \t,;\"") || seen[name] {
			return hop, "", false
		}
		seen[name] = true
		value, after, valid := forwardedValue(after)
		if !valid {
			return hop, "", false
		}
		switch name {
		case "for":
			hop.from = value
		case "proto":
			hop.proto = strings.ToLower(value)
		case "host":
			hop.host = value
		}
		after = strings.TrimLeft(after, " \t")
		switch {
		case after == "" || after[0] == ',':
			return hop, after, true
		case after[0] != ';':
			return hop, "", false
		}
		text = after[1:]
	}
}

// forwardedValue reads a token or a quoted string (RFC 9110 §5.6.2, §5.6.4).
func forwardedValue(text string) (value, rest string, ok bool) {
	if !strings.HasPrefix(text, `"`) {
		end := strings.IndexAny(text, ",; \t\"")
		if end < 0 {
			end = len(text)
		}
		return text[:end], text[end:], end > 0
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '"':
			return b.String(), text[i+1:], true
		case '\\':
			if i++; i == len(text) {
				return "", "", false
			}
		}
		b.WriteByte(text[i])
	}
	return "", "", false
}

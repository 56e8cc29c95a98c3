package filters

import (
	"bytes"
	"fmt"
	"net/url"
	"strings"

	"framegate/engine"
	"framegate/remotehosts"
)

// newTarget is the path and query in a field.
func newTarget(field, text string) (engine.Selector, error) {
	target, err := engine.ParseSelector(text)
	if err != nil {
		return target, &FieldError{Field: field, Err: err}
	}
	if err := remotehosts.CheckTarget("/" + literals(text)); err != nil {
		return target, &FieldError{field, "write %20 for a space, %23 for #", err}
	}
	return target, nil
}

// targetFor is the path and query that a selector makes for a message; empty
// when the filter has failed, since it can be read in two ways.
func targetFor(s engine.Selector, m *engine.Message) (string, error) {
	text, err := s.AppendWith(nil, m, escape)
	if err != nil {
		return "", err
	}
	target := tidy(string(text))
	if _, literal := s.Literal(); !literal && isAmbiguous(target) {
		m.Fail(400, "path %q of the URL can be read in two ways", target)
		return "", nil
	}
	return target, nil
}

// cutAuthority cuts a URL without its scheme where the host ends: at a slash or
// question mark outside of selectors. A selector that follows the host and ends
// the path is the path.
func cutAuthority(text string) (authority, target string) {
	for i := 0; i < len(text); i++ {
		switch {
		case strings.IndexByte("/?#", text[i]) >= 0:
			return text[:i], text[i:]
		case strings.HasPrefix(text[i:], "${"):
			end := i + selectorLength(text[i:])
			if i > 0 && (end == len(text) || text[end] == '?') && !strings.Contains(text[:i], "${") {
				return text[:i], text[i:]
			}
			i = end - 1
		}
	}
	return text, ""
}

// literals is a field's text with an x in place of every selector.
func literals(text string) string {
	var b strings.Builder
	for {
		at := strings.Index(text, "${")
		if at < 0 {
			b.WriteString(text)
			return b.String()
		}
		b.WriteString(text[:at] + "x")
		text = text[at+selectorLength(text[at:]):]
	}
}

// selectorLength is how long the ${…} is that text begins with; braces in
// quotes do not end it.
func selectorLength(text string) int {
	var quote byte
	for i := len("${"); i < len(text); i++ {
		switch c := text[i]; {
		case quote != 0 && c == '\\':
			i++
		case quote == c:
			quote = 0
		case quote != 0:
		case c == '"' || c == '\'':
			quote = c
		case c == '}':
			return i + 1
		}
	}
	return len(text)
}

// escape appends what a selector yields to the path and query so far: as one
// segment or value, or, where it stands alone for the whole path or query, as
// it is but for what cannot stand there.
func escape(dst []byte, value string) []byte {
	whole := len(dst) == 0 || bytes.IndexByte(dst, '?') == len(dst)-1
	if len(dst) == 0 && !strings.HasPrefix(value, "/") {
		dst = append(dst, '/')
	}
	for i := range len(value) {
		c := value[i]
		if isUnreserved(c) || whole && strings.IndexByte("/?%:@!$&'()*+,;=", c) >= 0 {
			dst = append(dst, c)
			continue
		}
		dst = fmt.Appendf(dst, "%%%02X", c)
	}
	return dst
}

// isUnreserved follows RFC 3986 §2.3.
func isUnreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

// tidy makes a request target of path and query: the path is at least a slash,
// and a question mark without a query goes.
func tidy(target string) string {
	target = strings.TrimSuffix(target, "?")
	if !strings.HasPrefix(target, "/") {
		return "/" + target
	}
	return target
}

// isAmbiguous tells whether any server might read . or .. as a segment of the
// path (encoded slashes, backslashes and parameters after a semicolon included),
// or a host at its beginning.
func isAmbiguous(target string) bool {
	path, _, _ := strings.Cut(target, "?")
	decoded, err := url.PathUnescape(path)
	if err != nil || strings.HasPrefix(path, "//") {
		return true
	}
	for _, segment := range strings.FieldsFunc(decoded, func(r rune) bool { return r == '/' || r == '\\' }) {
		segment, _, _ = strings.Cut(segment, ";")
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}

package filters

import (
	"net/url"
	"strings"
	"unicode/utf8"
)

// maxAuthParams is the most parameters that credentials may have.
const maxAuthParams = 32

// parseAuthParams reads the parameters of credentials: name=token or name="quoted
// text", with commas between them (RFC 9110 §11.2). Names are in lower case; one
// that stands twice is an error.
func parseAuthParams(text string) (map[string]string, error) {
	params := make(map[string]string)
	for {
		text = strings.TrimLeft(text, ", \t")
		if text == "" {
			return params, nil
		}
		name, rest, ok := strings.Cut(text, "=")
		name = strings.ToLower(strings.TrimRight(name, " \t"))
		if _, twice := params[name]; !ok || twice || len(params) == maxAuthParams || checkToken("", name) != nil {
			return nil, errBadDigest
		}
		value, rest, ok := cutAuthValue(strings.TrimLeft(rest, " \t"))
		if !ok {
			return nil, errBadDigest
		}
		params[name], text = value, rest
	}
}

// cutAuthValue cuts a token or a quoted-string off the text; what follows must be a comma.
func cutAuthValue(text string) (value, rest string, ok bool) {
	if !strings.HasPrefix(text, `"`) {
		value, rest, _ = strings.Cut(text, ",")
		value = strings.TrimRight(value, " \t")
		return value, rest, value != "" && !strings.ContainsAny(value, "\" \t")
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			rest = strings.TrimLeft(text[i+1:], " \t")
			return b.String(), rest, rest == "" || rest[0] == ','
		case c == '\\' && i+1 < len(text):
			i++
			b.WriteByte(text[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", "", false
}

// decodeExtended reads UTF-8”… (RFC 8187 §3.2), the one charset that may be used.
func decodeExtended(text string) (string, error) {
	charset, rest, _ := strings.Cut(text, "'")
	_, escaped, ok := strings.Cut(rest, "'")
	decoded, err := url.PathUnescape(escaped)
	if !ok || err != nil || !strings.EqualFold(charset, "UTF-8") || !utf8.ValidString(decoded) {
		return "", errBadDigest
	}
	return decoded, nil
}

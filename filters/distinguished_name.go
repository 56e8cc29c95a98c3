package filters

import (
	"encoding/hex"
	"errors"
	"strings"
)

// formatDN is authentication.subject.format of distinguished names, as Axway has it.
const formatDN = "X509DName"

var (
	errBadDN = errors.New("malformed distinguished name")
	errNoCN  = errors.New("the distinguished name has no common name")
)

// nameOfDN is the part of a distinguished name that is the subject: all of it (dn), or its one common name (cn).
func nameOfDN(text, part string) (string, error) {
	attributes, err := parseDN(text)
	if err != nil {
		return "", err
	}
	if part == "dn" {
		return text, nil
	}
	var cn onlyOne
	for _, a := range attributes {
		if strings.EqualFold(a.kind, "CN") {
			cn.add(a.value)
		}
	}
	if name, err := cn.get(); err == nil {
		return name, nil
	}
	return "", errNoCN
}

// dnAttribute is a part of a distinguished name: CN=ann.
type dnAttribute struct{ kind, value string }

// parseDN takes a distinguished name apart (RFC 4514 §3): attributes with commas between them, or plus signs.
func parseDN(text string) ([]dnAttribute, error) {
	var all []dnAttribute
	for rest := text; ; {
		kind, after, ok := strings.Cut(rest, "=")
		kind = strings.TrimSpace(kind)
		if !ok || kind == "" || strings.ContainsAny(kind, `,+"\<>;`) {
			return nil, errBadDN
		}
		value, after, err := cutDNValue(after)
		if err != nil {
			return nil, err
		}
		all = append(all, dnAttribute{kind, value})
		if after == "" {
			return all, nil
		}
		rest = after[1:]
	}
}

// cutDNValue reads a value up to the comma or plus sign behind it; \ escapes one character, or stands before two hexadecimal digits.
func cutDNValue(text string) (value, rest string, err error) {
	var b strings.Builder
	text = strings.TrimLeft(text, " ")
	if strings.HasPrefix(text, "#") {
		return "", "", errBadDN // a value as BER is no name
	}
	end := 0 // of the value without trailing spaces
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == ',' || c == '+':
			return b.String()[:end], text[i:], nil
		case c == '\\':
			raw, n, ok := unescapeDN(text[i+1:])
			if !ok {
				return "", "", errBadDN
			}
			b.WriteByte(raw)
			i, end = i+n, b.Len()
		case c == '"' || c == ';' || c == '<' || c == '>' || c == 0:
			return "", "", errBadDN
		default:
			b.WriteByte(c)
			if c != ' ' {
				end = b.Len()
			}
		}
	}
	return b.String()[:end], "", nil
}

// unescapeDN reads what follows a backslash, and how long it is.
func unescapeDN(text string) (c byte, length int, ok bool) {
	if text == "" {
		return 0, 0, false
	}
	if strings.IndexByte(` "#+,;<=>\`, text[0]) >= 0 {
		return text[0], 1, true
	}
	if len(text) < 2 {
		return 0, 0, false
	}
	raw, err := hex.DecodeString(text[:2])
	if err != nil {
		return 0, 0, false
	}
	return raw[0], 2, true
}

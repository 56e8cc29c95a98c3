package engine

import "strings"

// secretParts make a name that of a secret wherever they stand in it, and
// secretWords where they are a word of their own: X-My-Key, but not X-Monkey.
var (
	secretParts = []string{"password", "passwd", "secret", "token", "apikey", "credential", "authorization", "cookie"}
	secretWords = []string{"key", "auth", "jwt", "signature"}
)

// SecretName tells by the name of a header, an attribute or a field whether its
// value is likely to be a secret, which records, trails and logs must not show:
// Authorization, Cookie, X-API-Key, session.token. Only the part behind the last
// dot counts. Sec-WebSocket-Key is none (RFC 6455 §10.3), and
// Sec-WebSocket-Protocol is one, since browsers have no other header for a token.
func SecretName(name string) bool {
	name = strings.ToLower(name[strings.LastIndexByte(name, '.')+1:])
	switch name {
	case "sec-websocket-key":
		return false
	case "sec-websocket-protocol":
		return true
	}
	for _, part := range secretParts {
		if strings.Contains(name, part) {
			return true
		}
	}
	for word := range strings.FieldsFuncSeq(name, func(r rune) bool { return r == '-' || r == '_' || r == ' ' }) {
		for _, secret := range secretWords {
			if word == secret {
				return true
			}
		}
	}
	return false
}

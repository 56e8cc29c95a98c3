package filters

import (
	"strings"

	"framegate/engine"
)

// handshakeHeaders belong to one connection or to the handshake: the gateway
// makes its own for each side (RFC 9110 §7.6.1, RFC 6455 §4), so that what a
// policy set there would be lost or would break the upgrade.
var handshakeHeaders = map[string]string{
	"connection":               "the gateway sets it itself",
	"upgrade":                  "the gateway sets it itself",
	"host":                     "the remote host's definition says what is sent",
	"content-length":           "the gateway sets it itself",
	"transfer-encoding":        "the gateway sets it itself",
	"te":                       "it belongs to one connection",
	"trailer":                  "it belongs to one connection",
	"keep-alive":               "it belongs to one connection",
	"proxy-connection":         "it belongs to one connection",
	"sec-websocket-key":        "the gateway makes its own for the remote host",
	"sec-websocket-accept":     "the gateway works it out",
	"sec-websocket-version":    "the gateway speaks version 13",
	"sec-websocket-extensions": "the gateway agrees on extensions with each side",
	"sec-websocket-protocol":   "list the websocket's subprotocols instead",
}

// checkHeaderName is the problem with the name of a header that a filter would change.
func checkHeaderName(name string) error {
	if why, ok := handshakeHeaders[strings.ToLower(name)]; ok {
		return wrong("header", why, "header %s cannot be changed by a policy", name)
	}
	return checkToken("header", name)
}

// checkToken is the problem with the name of a header (RFC 9110 §5.1).
func checkToken(field, name string) error {
	var h engine.Headers
	if err := h.Set(name, ""); err != nil {
		return wrong(field, "a name has letters, digits and - . _ only, such as X-Tenant", "%w", err)
	}
	return nil
}

// headersOf is the header set that a filter changes: of the request that goes to
// the remote host, or of the answer that goes to the client.
func headersOf(m *engine.Message, side string) *engine.Headers {
	if side == "answer" {
		return &m.Answer.Headers
	}
	return m.Request.Headers
}

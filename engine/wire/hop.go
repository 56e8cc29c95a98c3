package wire

import "slices"

// hopByHop are the fields that are for the next hop only although Connection need not name them: RFC 9110 §7.6.1, and
// HTTP2-Settings of the upgrade to h2c that RFC 9113 took back.
var hopByHop = [...]string{
	"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization",
	"TE", "Trailer", "Transfer-Encoding", "Upgrade", "HTTP2-Settings",
}

// DelNamedByConnection removes every field that Connection names, so that the sender cannot have removed later what a gateway
// puts in meanwhile, and leaves of Connection and Upgrade what asks for WebSocket. RFC 9110 §7.6.1: "Intermediaries MUST parse
// a received Connection header field before a message is forwarded and, for each connection-option in this field, remove any
// header or trailer field(s) from the message with the same name as the connection-option, and then remove the Connection
// header field itself (or replace it with the intermediary's own control options for the forwarded message)."
func (h *Headers) DelNamedByConnection() {
	upgrade := h.HasToken("Connection", "upgrade")
	for _, name := range slices.Collect(h.Tokens("Connection")) {
		if !equalFold(name, "upgrade") && !equalFold(name, "connection") {
			h.Del(name)
		}
	}
	if !upgrade {
		h.Del("Connection")
		return
	}
	h.Set("Connection", "Upgrade") // shorter than it was, and a token: cannot fail
}

// DelHopByHop removes all that is for the next hop only: what Connection names, Connection itself, and the fields that are
// hop-by-hop by their nature.
func (h *Headers) DelHopByHop() {
	h.DelNamedByConnection()
	for _, name := range hopByHop {
		h.Del(name)
	}
}

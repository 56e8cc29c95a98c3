package wire

import (
	crand "crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Version is the only WebSocket version there is, RFC 6455 §4.1.
const Version = "13"

// AcceptKey is the Sec-WebSocket-Accept that answers a Sec-WebSocket-Key, RFC 6455 §4.2.2.
func AcceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// NewKey is a fresh Sec-WebSocket-Key: 16 random bytes in base64 (§4.1).
func NewKey() string {
	var nonce [16]byte
	crand.Read(nonce[:]) // never fails: it ends the process instead
	return base64.StdEncoding.EncodeToString(nonce[:])
}

// Refusal says why a request is no valid upgrade, and with what to answer it.
type Refusal struct {
	Status  int     // 400, 405 or 426
	Reason  string  // for the client; holds nothing secret
	Headers Headers // to be sent with the answer
}

// Error is the status and the reason.
func (r *Refusal) Error() string {
	return "upgrade refused with " + strconv.Itoa(r.Status) + ": " + r.Reason
}

func refuse(status int, reason string, header ...string) *Refusal {
	r := &Refusal{Status: status, Reason: reason}
	for i := 0; i < len(header); i += 2 {
		r.Headers.fields = append(r.Headers.fields, field{header[i], header[i+1]})
		r.Headers.size += r.Headers.fields[i/2].size()
	}
	return r
}

// IsUpgrade reports whether a request asks for WebSocket at all: one of its Upgrade tokens is "websocket". Whether it asks
// rightly is for [CheckUpgrade].
func IsUpgrade(h *Headers) bool { return h.HasToken("Upgrade", "websocket") }

// CheckUpgrade checks the opening handshake of a client by RFC 6455 §4.2.1 and returns nil if it is right. proto is the
// request line's, such as "HTTP/1.1"; hasBody says that the request has a body, if that is known from elsewhere than h.
func CheckUpgrade(method, proto string, h *Headers, hasBody bool) *Refusal {
	switch {
	// "An HTTP/1.1 or higher GET request"
	case method != "GET":
		return refuse(405, "a WebSocket upgrade is a GET request", "Allow", "GET")
	case !isHTTP11(proto):
		return refuse(400, "a WebSocket upgrade needs HTTP/1.1")
	// "An |Upgrade| header field containing the value "websocket", treated as an ASCII case-insensitive value."
	case !IsUpgrade(h):
		return refuse(400, "the Upgrade header does not name websocket")
	// "A |Connection| header field that includes the token "Upgrade", treated as an ASCII case-insensitive value."
	case !h.HasToken("Connection", "upgrade"):
		return refuse(400, "the Connection header does not name Upgrade")
	// "A |Host| header field containing the server's authority."; RFC 9112 §3.2: 400 for more than one.
	case count(h, "Host") != 1:
		return refuse(400, "there must be one Host header")
	// RFC 9110 §7.8 has the request end before the protocol changes: bytes of a body would be taken for frames.
	case hasBody || announcesBody(h):
		return refuse(400, "a WebSocket upgrade has no body")
	}
	if r := checkVersion(h); r != nil {
		return r
	}
	if r := checkKey(h); r != nil {
		return r
	}
	return checkOffers(h)
}

// isHTTP11 reports whether proto is HTTP/1.1 or a later HTTP/1.
func isHTTP11(proto string) bool {
	return len(proto) == len("HTTP/1.1") && strings.HasPrefix(proto, "HTTP/1.") && proto[7] >= '1' && proto[7] <= '9'
}

func announcesBody(h *Headers) bool {
	if h.Has("Transfer-Encoding") {
		return true
	}
	for length := range h.Values("Content-Length") {
		if strings.Trim(length, "0") != "" || length == "" {
			return true
		}
	}
	return false
}

// §4.4: "If the server doesn't support the requested version, it MUST respond with a |Sec-WebSocket-Version| header field (or
// multiple …) containing all versions it is willing to use." What is not one number is malformed rather than unsupported.
func checkVersion(h *Headers) *Refusal {
	version := h.Get("Sec-WebSocket-Version")
	switch {
	case count(h, "Sec-WebSocket-Version") != 1:
		return refuse(400, "there must be one Sec-WebSocket-Version header")
	case version == "" || strings.Trim(version, "0123456789") != "":
		return refuse(400, "Sec-WebSocket-Version is not a number")
	case version != Version:
		return refuse(426, "only version 13 of WebSocket is spoken here",
			"Sec-WebSocket-Version", Version, "Upgrade", "websocket", "Connection", "Upgrade")
	}
	return nil
}

// §4.2.1: "A |Sec-WebSocket-Key| header field with a base64-encoded value that, when decoded, is 16 bytes in length."; §11.3.1:
// it "MUST NOT appear more than once in an HTTP request". The last character may have loose bits: the RFC's own example has.
func checkKey(h *Headers) *Refusal {
	var nonce [18]byte
	key := h.Get("Sec-WebSocket-Key")
	if count(h, "Sec-WebSocket-Key") != 1 {
		return refuse(400, "there must be one Sec-WebSocket-Key header")
	}
	if len(key) == 24 {
		if n, err := base64.StdEncoding.Decode(nonce[:], []byte(key)); err == nil && n == 16 {
			return nil
		}
	}
	return refuse(400, "Sec-WebSocket-Key is not 16 bytes in base64")
}

// checkOffers checks the form of what the client offers, §4.1 items 10 and 11: subprotocols are tokens and "MUST all be unique
// strings"; extensions follow §9.1.
func checkOffers(h *Headers) *Refusal {
	seen := map[string]bool{}
	for p := range h.Tokens("Sec-WebSocket-Protocol") {
		if !isToken(p) || seen[p] {
			return refuse(400, "Sec-WebSocket-Protocol is not a list of different tokens")
		}
		seen[p] = true
	}
	if _, err := ParseExtensions(h); err != nil {
		return refuse(400, "Sec-WebSocket-Extensions is malformed")
	}
	return nil
}

func count(h *Headers, name string) (n int) {
	for range h.Values(name) {
		n++
	}
	return n
}

// CheckAnswer checks what a host answered to an upgrade with key and the offers, RFC 6455 §4.1 ("the client MUST validate the
// server's response"). Any error means: do not talk to it, answer 502.
func CheckAnswer(status int, h *Headers, key string, offeredSubprotocols []string, offeredExtensions []Extension) error {
	upgrade, accept := h.Get("Upgrade"), h.Get("Sec-WebSocket-Accept")
	switch {
	case status != 101:
		return fmt.Errorf("check upgrade: answer is %d, not 101", status)
	// "it contains a value that is not an ASCII case-insensitive match for the value "websocket""
	case count(h, "Upgrade") != 1 || !equalFold(upgrade, "websocket"):
		return fmt.Errorf("check upgrade: answer's Upgrade is %q, not websocket", upgrade)
	// "doesn't contain a token that is an ASCII case-insensitive match for the value "Upgrade""
	case !h.HasToken("Connection", "upgrade"):
		return fmt.Errorf("check upgrade: answer's Connection %q does not name Upgrade", h.Get("Connection"))
	case count(h, "Sec-WebSocket-Accept") != 1 || accept != AcceptKey(key):
		return fmt.Errorf("check upgrade: answer's Sec-WebSocket-Accept %q does not fit the key", accept)
	}
	if err := checkSubprotocol(h, offeredSubprotocols); err != nil {
		return fmt.Errorf("check upgrade: %w", err)
	}
	if err := checkExtensions(h, offeredExtensions); err != nil {
		return fmt.Errorf("check upgrade: %w", err)
	}
	return nil
}

// "If the response includes a |Sec-WebSocket-Protocol| header field and this header field indicates the use of a subprotocol
// that was not present in the client's handshake …, the client MUST _Fail the WebSocket Connection_."
func checkSubprotocol(h *Headers, offered []string) error {
	if !h.Has("Sec-WebSocket-Protocol") {
		return nil
	}
	chosen := h.Get("Sec-WebSocket-Protocol")
	switch {
	case count(h, "Sec-WebSocket-Protocol") > 1 || strings.Contains(chosen, ","):
		return errors.New("answer chooses more than one subprotocol")
	case !slices.Contains(offered, chosen):
		return fmt.Errorf("answer chooses subprotocol %q, which was not offered", chosen)
	}
	return nil
}

// "If the response includes a |Sec-WebSocket-Extensions| header field and this header field indicates the use of an extension
// that was not present in the client's handshake …, the client MUST _Fail the WebSocket Connection_."
func checkExtensions(h *Headers, offered []Extension) error {
	accepted, err := ParseExtensions(h)
	if err != nil {
		return err
	}
	for i, e := range accepted {
		same := func(other Extension) bool { return other.Name == e.Name }
		switch {
		case !slices.ContainsFunc(offered, same):
			return fmt.Errorf("answer accepts extension %q, which was not offered", e.Name)
		case slices.ContainsFunc(accepted[:i], same):
			return fmt.Errorf("answer accepts extension %q twice", e.Name)
		}
	}
	return nil
}

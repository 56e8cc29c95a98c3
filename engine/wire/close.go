package wire

import (
	"strconv"
	"unicode/utf8"
)

// Close codes, RFC 6455 §7.4.1 and the IANA registry "WebSocket Close Code Number".
const (
	CloseNormal             uint16 = 1000
	CloseGoingAway          uint16 = 1001
	CloseProtocolError      uint16 = 1002
	CloseUnsupportedData    uint16 = 1003
	CloseNoStatus           uint16 = 1005 // a close frame without a code; never on the wire
	CloseAbnormal           uint16 = 1006 // no close frame at all; never on the wire
	CloseInvalidPayload     uint16 = 1007
	ClosePolicyViolation    uint16 = 1008
	CloseTooBig             uint16 = 1009
	CloseMandatoryExtension uint16 = 1010
	CloseInternalError      uint16 = 1011
	CloseServiceRestart     uint16 = 1012
	CloseTryAgainLater      uint16 = 1013
	CloseBadGateway         uint16 = 1014
	CloseTLS                uint16 = 1015 // the TLS handshake failed; never on the wire
	CloseUnauthorized       uint16 = 3000
	CloseForbidden          uint16 = 3003
	CloseTimeout            uint16 = 3008
)

// MaxReason is the longest close reason in bytes: a control frame less the code.
const MaxReason = MaxControl - 2

// CodeText says in plain words what a close code means; it never returns "".
func CodeText(code uint16) string {
	switch code {
	case CloseNormal:
		return "normal closure"
	case CloseGoingAway:
		return "going away"
	case CloseProtocolError:
		return "protocol error"
	case CloseUnsupportedData:
		return "unsupported data"
	case CloseNoStatus:
		return "closed without a code"
	case CloseAbnormal:
		return "connection lost without a close"
	case CloseInvalidPayload:
		return "invalid payload (text that is not UTF-8)"
	case ClosePolicyViolation:
		return "refused by policy"
	case CloseTooBig:
		return "message too big"
	case CloseMandatoryExtension:
		return "server lacks an extension the client needs"
	case CloseInternalError:
		return "internal error"
	case CloseServiceRestart:
		return "service restarts"
	case CloseTryAgainLater:
		return "overloaded, try again later"
	case CloseBadGateway:
		return "bad gateway (remote host failed)"
	case CloseTLS:
		return "TLS handshake failed"
	case CloseUnauthorized:
		return "unauthorized"
	case CloseForbidden:
		return "forbidden"
	case CloseTimeout:
		return "timeout"
	}
	return codeRange(code)
}

func codeRange(code uint16) string {
	switch {
	case code >= 4000 && code < 5000:
		return "code of the application"
	case code >= 3000 && code < 4000:
		return "code of a library or framework"
	}
	return "unknown code " + strconv.Itoa(int(code))
}

// ValidCode reports whether code may stand in a close frame, RFC 6455 §7.4: 1000–1003 and 1007–1014 (defined), 3000–3999
// (registered), 4000–4999 (private).
func ValidCode(code uint16) bool {
	return code >= 1000 && code <= 1003 || code >= 1007 && code <= 1014 || code >= 3000 && code <= 4999
}

// ParseClose reads the unmasked payload of a close frame, RFC 6455 §5.5.1. An empty one is [CloseNoStatus] (§7.1.5). Its
// errors are [ErrClosePayload], [ErrCloseCode] and [ErrCloseReason].
func ParseClose(payload []byte) (code uint16, reason string, err error) {
	if code, err = checkClose(payload); err != nil || len(payload) <= 2 {
		return code, "", err
	}
	return code, string(payload[2:]), nil
}

func checkClose(payload []byte) (code uint16, err error) {
	switch len(payload) {
	case 0:
		return CloseNoStatus, nil
	case 1: // "If there is a body, the first two bytes of the body MUST be a 2-byte unsigned integer"
		return 0, ErrClosePayload
	}
	code = uint16(payload[0])<<8 | uint16(payload[1])
	switch {
	case !ValidCode(code):
		return 0, ErrCloseCode
	case !utf8.Valid(payload[2:]): // "the body MAY contain UTF-8-encoded data"
		return 0, ErrCloseReason
	}
	return code, nil
}

// AppendClose appends the payload of a close frame to dst. A code that must not be sent ([ValidCode]) makes it empty; a
// reason is cut to [MaxReason] bytes between two characters, and anything in it that is not UTF-8 becomes U+FFFD.
func AppendClose(dst []byte, code uint16, reason string) []byte {
	if !ValidCode(code) {
		return dst
	}
	dst = append(dst, byte(code>>8), byte(code))
	end := len(dst) + MaxReason
	for _, r := range reason {
		if len(dst)+utf8.RuneLen(r) > end {
			break
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst
}

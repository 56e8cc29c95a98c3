package wire

import "errors"

// Error is a violation by a peer that ends its connection. The violations are predeclared: compare with errors.Is, or ask
// [CodeOf] for the close code.
type Error struct {
	Code uint16 // the close code the peer is told, RFC 6455 §7.4.1
	What string // what the peer did, in words for a log and for the close reason (at most 123 bytes)
}

// Error returns What.
func (e *Error) Error() string { return e.What }

// CodeOf returns the close code of the *[Error] in err's chain; ok is false where there is none.
func CodeOf(err error) (code uint16, ok bool) {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return 0, false
	}
	return e.Code, true
}

// What a peer can do wrong with its frames.
var (
	ErrLengthNotMinimal  = &Error{CloseProtocolError, "frame length not in its shortest form"}
	ErrLengthTopBit      = &Error{CloseProtocolError, "frame length with its top bit set"}
	ErrMaskRequired      = &Error{CloseProtocolError, "client frame without mask"}
	ErrMaskForbidden     = &Error{CloseProtocolError, "server frame with mask"}
	ErrReservedBits      = &Error{CloseProtocolError, "reserved bit set that no extension gives a meaning"}
	ErrReservedOp        = &Error{CloseProtocolError, "reserved opcode"}
	ErrControlTooLong    = &Error{CloseProtocolError, "control frame with more than 125 bytes"}
	ErrControlFragmented = &Error{CloseProtocolError, "fragmented control frame"}
	ErrNoMessage         = &Error{CloseProtocolError, "continuation frame without a message to continue"}
	ErrMessageUnfinished = &Error{CloseProtocolError, "new message before the last one was finished"}
	ErrClosePayload      = &Error{CloseProtocolError, "close frame with a payload of one byte"}
	ErrCloseCode         = &Error{CloseProtocolError, "close code that must not be sent"}
	ErrCloseReason       = &Error{CloseInvalidPayload, "close reason is not UTF-8"}
	ErrUTF8              = &Error{CloseInvalidPayload, "text message is not UTF-8"}
	ErrTooBig            = &Error{CloseTooBig, "message too big"}
	ErrTooManyFragments  = &Error{ClosePolicyViolation, "message in too many fragments"}
)

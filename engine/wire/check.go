package wire

// State is what decides whether a frame header is right at its place in one direction of a connection. The zero State is a
// client's bytes without extensions, between messages.
type State struct {
	Side   Side // who sends the frames
	Rsv1   bool // permessage-deflate was agreed: RSV1 marks a compressed message
	AnyRsv bool // raw mode with extensions agreed end to end: the reserved bits are the peers' business

	open bool // a fragmented message waits for its continuation
}

// Check checks the header of the next frame and moves the state on. Its errors are *[Error]s with code 1002.
func (s *State) Check(h Header) error {
	if err := s.checkFrame(h); err != nil {
		return err
	}
	if h.Op.IsControl() {
		return checkControl(h)
	}
	return s.checkData(h)
}

func (s *State) checkFrame(h Header) error {
	switch {
	// §5.1: "The server MUST close the connection upon receiving a frame that is not masked."
	case s.Side == FromClient && !h.Masked:
		return ErrMaskRequired
	// §5.1: "A client MUST close a connection if it detects a masked frame."
	case s.Side == FromServer && h.Masked:
		return ErrMaskForbidden
	// §5.2: "MUST be 0 unless an extension is negotiated that defines meanings for non-zero values. If a nonzero value is
	// received and none of the negotiated extensions defines the meaning …, the receiving endpoint MUST _Fail the WebSocket
	// Connection_."
	case h.Rsv != 0 && !s.mayReserve(h):
		return ErrReservedBits
	// §5.2: "If an unknown opcode is received, the receiving endpoint MUST _Fail the WebSocket Connection_."
	case !h.Op.IsData() && (h.Op < Close || h.Op > Pong):
		return ErrReservedOp
	}
	return nil
}

// RFC 7692 §6.1: "An endpoint MUST NOT set the 'Per-Message Compressed' bit of control frames and non-first fragments of a
// data message. An endpoint receiving such a frame MUST _Fail the WebSocket Connection_."
func (s *State) mayReserve(h Header) bool {
	return s.AnyRsv || h.Rsv&^s.reserved() == 0 && (h.Op == Text || h.Op == Binary)
}

// reserved is the reserved bits that the first frame of a message may have set.
func (s *State) reserved() byte {
	switch {
	case s.AnyRsv:
		return Rsv1 | Rsv2 | Rsv3
	case s.Rsv1:
		return Rsv1
	}
	return 0
}

// §5.5: "All control frames MUST have a payload length of 125 bytes or less and MUST NOT be fragmented."
func checkControl(h Header) error {
	switch {
	case !h.Fin:
		return ErrControlFragmented
	case h.Length > MaxControl:
		return ErrControlTooLong
	}
	return nil
}

// §5.4: "A fragmented message consists of a single frame with the FIN bit clear and an opcode other than 0, followed by zero
// or more frames with the FIN bit clear and the opcode set to 0, and terminated by a single frame with the FIN bit set and an
// opcode of 0." And: "The fragments of one message MUST NOT be interleaved between the fragments of another message".
func (s *State) checkData(h Header) error {
	switch {
	case h.Op == Continuation && !s.open:
		return ErrNoMessage
	case h.Op != Continuation && s.open:
		return ErrMessageUnfinished
	}
	s.open = !h.Fin
	return nil
}

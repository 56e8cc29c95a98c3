package wire

import (
	"encoding/binary"
	"strconv"
)

// Op is the opcode of a wire frame, RFC 6455 §5.2.
type Op byte

// The opcodes that RFC 6455 defines; 3–7 and 11–15 are reserved.
const (
	Continuation Op = 0x0
	Text         Op = 0x1
	Binary       Op = 0x2
	Close        Op = 0x8
	Ping         Op = 0x9
	Pong         Op = 0xA
)

// IsControl reports whether frames with this opcode are control frames, reserved ones included (§5.5: "opcodes where the most
// significant bit of the opcode is 1").
func (o Op) IsControl() bool { return o&0x8 != 0 }

// IsData reports whether o is Continuation, Text or Binary.
func (o Op) IsData() bool { return o <= Binary }

// String is the word for o: "text", "binary", …, "reserved 3".
func (o Op) String() string {
	switch o {
	case Continuation:
		return "continuation"
	case Text:
		return "text"
	case Binary:
		return "binary"
	case Close:
		return "close"
	case Ping:
		return "ping"
	case Pong:
		return "pong"
	}
	return "reserved " + strconv.Itoa(int(o))
}

// Side says who sent bytes. Only a client masks its frames (§5.1).
type Side uint8

// The two sides of a connection. A remote host is a server.
const (
	FromClient Side = iota
	FromServer
)

// String is "client" or "server".
func (s Side) String() string {
	if s == FromClient {
		return "client"
	}
	return "server"
}

// Other is the opposite side.
func (s Side) Other() Side { return s ^ 1 }

// Bits of Header.Rsv.
const (
	Rsv1 byte = 4 // a compressed message, RFC 7692 §6
	Rsv2 byte = 2
	Rsv3 byte = 1
)

const (
	// MaxHeader is the size of the longest frame header: 2 bytes, 8 of length, 4 of mask key.
	MaxHeader = 14
	// MaxControl is the longest payload of a control frame, §5.5.
	MaxControl = 125
)

// Header is the header of a wire frame, RFC 6455 §5.2.
type Header struct {
	Fin    bool
	Rsv    byte // Rsv1, Rsv2 and Rsv3
	Op     Op
	Masked bool
	Key    [4]byte // of the mask, where Masked
	Length int64   // of the payload in bytes
}

// ParseHeader reads a frame header at the start of p and returns its size n. With n == 0 and no error p ends too early.
//
// It rejects what no header may hold ([ErrLengthNotMinimal], [ErrLengthTopBit]) as early as the bytes allow; whether the
// header is right at this point of a connection is for [State.Check].
func ParseHeader(p []byte) (h Header, n int, err error) {
	if len(p) < 2 {
		return h, 0, nil
	}
	h.Fin = p[0]&0x80 != 0
	h.Rsv = p[0] >> 4 & 7
	h.Op = Op(p[0] & 0xF)
	h.Masked = p[1]&0x80 != 0
	switch l := p[1] & 0x7F; l {
	case 126:
		h.Length, n, err = length16(p)
	case 127:
		h.Length, n, err = length64(p)
	default:
		h.Length, n = int64(l), 2
	}
	if n == 0 || err != nil || !h.Masked {
		return h, n, err
	}
	if len(p) < n+4 {
		return h, 0, nil
	}
	h.Key = [4]byte(p[n:])
	return h, n + 4, nil
}

// §5.2: "in all cases, the minimal number of bytes MUST be used to encode the length".
func length16(p []byte) (length int64, n int, err error) {
	if len(p) < 4 {
		return 0, 0, nil
	}
	v := binary.BigEndian.Uint16(p[2:])
	if v < 126 {
		return 0, 0, ErrLengthNotMinimal
	}
	return int64(v), 4, nil
}

// §5.2: "a 64-bit unsigned integer (the most significant bit MUST be 0)".
func length64(p []byte) (length int64, n int, err error) {
	if len(p) > 2 && p[2]&0x80 != 0 {
		return 0, 0, ErrLengthTopBit
	}
	if len(p) >= 8 && p[2]|p[3]|p[4]|p[5]|p[6]|p[7] == 0 {
		return 0, 0, ErrLengthNotMinimal
	}
	if len(p) < 10 {
		return 0, 0, nil
	}
	return int64(binary.BigEndian.Uint64(p[2:])), 10, nil
}

// AppendHeader appends h to dst, its length in the shortest form.
func AppendHeader(dst []byte, h Header) []byte {
	b0, mask := h.Rsv<<4&0x70|byte(h.Op)&0xF, byte(0)
	if h.Fin {
		b0 |= 0x80
	}
	if h.Masked {
		mask = 0x80
	}
	switch {
	case h.Length < 126:
		dst = append(dst, b0, mask|byte(h.Length))
	case h.Length <= 0xFFFF:
		dst = append(dst, b0, mask|126, byte(h.Length>>8), byte(h.Length))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, b0, mask|127), uint64(h.Length))
	}
	if h.Masked {
		dst = append(dst, h.Key[:]...)
	}
	return dst
}

// AppendFrame appends a whole frame to dst: h with the length of payload, and payload, masked on the way if h.Masked. payload
// itself is left alone and must not overlap the free capacity of dst.
func AppendFrame(dst []byte, h Header, payload []byte) []byte {
	h.Length = int64(len(payload))
	dst = AppendHeader(dst, h)
	if !h.Masked {
		return append(dst, payload...)
	}
	dst, tail := extend(dst, len(payload))
	MaskCopy(tail, payload, h.Key, 0)
	return dst
}

// extend makes dst longer by n bytes of any content and returns these too.
func extend(dst []byte, n int) (longer, tail []byte) {
	l := len(dst)
	if cap(dst)-l < n {
		dst = append(dst[:cap(dst)], make([]byte, l+n-cap(dst))...)
	}
	return dst[:l+n], dst[l : l+n]
}

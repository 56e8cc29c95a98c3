package wire

// Limits bounds one message. They are checked from the header of each frame, before any of its payload is kept or passed.
type Limits struct {
	// MaxMessage is the most payload bytes a message may have, over all its fragments; in raw mode with compression agreed
	// end to end, compressed bytes. 0 means [DefaultMaxMessage], below 0 no limit. Beyond it: [ErrTooBig].
	MaxMessage int64
	// MaxFragments is the most wire frames a message may have. 0 means one per 64 bytes of MaxMessage, and at least
	// [DefaultMaxFragments]; below 0 no limit. Beyond it: [ErrTooManyFragments].
	MaxFragments int
}

// Defaults of [Limits].
const (
	DefaultMaxMessage   = 1 << 20
	DefaultMaxFragments = 16384
)

const (
	noLimit          = 1<<63 - 1
	bytesPerFragment = 64      // a peer that cuts a message into less is flooding, RFC 6455 has no limit of its own
	maxFragments     = 1 << 30 // by default, where messages have no limit
)

func (l Limits) bytes() int64 {
	switch {
	case l.MaxMessage == 0:
		return DefaultMaxMessage
	case l.MaxMessage < 0:
		return noLimit
	}
	return l.MaxMessage
}

func (l Limits) fragments() int64 {
	switch {
	case l.MaxFragments == 0:
		return max(DefaultMaxFragments, min(l.bytes()/bytesPerFragment, maxFragments))
	case l.MaxFragments < 0:
		return noLimit
	}
	return int64(l.MaxFragments)
}

// message is what the headers of a data message said so far.
type message struct {
	op        Op
	rsv       byte
	fragments int32
	length    int64 // of the payloads
	wire      int64 // length and the headers
}

// add counts a data frame, whose header took n bytes and was checked, in.
func (m *message) add(h Header, n int, l Limits) error {
	if h.Op != Continuation {
		*m = message{op: h.Op, rsv: h.Rsv}
	}
	switch {
	case h.Length > l.bytes()-m.length:
		return ErrTooBig
	case int64(m.fragments) >= l.fragments():
		return ErrTooManyFragments
	}
	m.fragments++
	m.length += h.Length
	m.wire += h.Length + int64(n)
	return nil
}

// Kind says what a [Reader] or [Follower] stopped at.
type Kind uint8

const (
	None     Kind = iota // nothing: it wants more bytes, or to be called again with the rest
	Message              // a data message is complete
	Control              // a ping, pong or close is complete
	Fragment             // a fragment of an unfinished message is complete ([Follower] with StopFragments only)
)

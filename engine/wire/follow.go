package wire

// Stop says at what a [Follower] stops, besides errors and control frames.
type Stop uint8

// What a Follower stops at.
const (
	StopControls  Stop = iota // nothing more: messages are only counted
	StopMessages              // every complete message: to log it, or to put another one in behind it
	StopFragments             // every complete data frame: to put a control frame in behind it
)

// Follower follows the headers of the wire frames in a stream that goes on as it came (raw mode). It never reads the payloads
// of data frames, but to copy the first bytes into Head. Set the fields before the first byte; Stop and, between messages,
// Head may change at any time. The zero Follower is for a client without extensions.
//
// Nothing goes on whose header is not known to be right: the beginning of a header at the end of a chunk is held back until
// the rest is there, and a control frame until it is whole, so that a close of our own can always be put in where
// FrameBoundary says so. All that is held back is in the Follower: no byte has to be offered twice.
//
// After an error it is dead and repeats the error; after a close frame it discards what follows.
type Follower struct {
	State  State
	Limits Limits
	Stop   Stop
	// Head takes the first bytes of each message, unmasked, up to its capacity; none where that is 0 or Stop is StopControls.
	// It is complete with the message's event, and begun anew with the next message.
	Head []byte
	// Messages counts complete messages, Bytes their payload bytes. The owner may reset them at any time.
	Messages, Bytes uint64

	msg   message
	frame Header // the data frame in whose payload the stream is
	left  int64  // bytes of that payload to come

	held  [2 + 4 + MaxControl]byte // the beginning of a header, or of a control frame
	nheld int

	closed bool
	err    error
}

// FollowEvent is what a call of [Follower.Next] came to. What goes on, in this order: Held, p[:Pass], Frame.
type FollowEvent struct {
	Kind Kind
	Held []byte // bytes held back before that go on now; valid until the next call
	Pass int    // so many bytes of p go on as they are

	Op        Op     // of the message or control frame, as all that follows
	Rsv       byte   // of its first frame
	Fragments int    // wire frames
	Length    int64  // payload bytes
	Wire      int64  // bytes on the wire, headers included
	Frame     []byte // the whole control frame as it came, in p or in the Follower; valid until the next call
}

// AppendPayload appends the unmasked payload of the control frame to dst, at most [MaxControl] bytes.
func (e *FollowEvent) AppendPayload(dst []byte) []byte {
	h, n, _ := ParseHeader(e.Frame)
	if n == 0 || !h.Masked {
		return append(dst, e.Frame[n:]...)
	}
	dst, tail := extend(dst, len(e.Frame)-n)
	MaskCopy(tail, e.Frame[n:], h.Key, 0)
	return dst
}

// Boundary reports whether what went on so far ends between two messages: another message can be put in here.
func (f *Follower) Boundary() bool { return f.left == 0 && !f.State.open }

// FrameBoundary reports whether what went on so far ends between two wire frames: a control frame can be put in here.
func (f *Follower) FrameBoundary() bool { return f.left == 0 }

// Idle reports whether nothing is half-read, passed on or held back.
func (f *Follower) Idle() bool { return f.Boundary() && f.nheld == 0 }

// Closed reports whether a close frame was read.
func (f *Follower) Closed() bool { return f.closed }

// Next reads from p until an event, an error or the end of p; n bytes were used, of which Pass go on at once. It may return
// before the end of p without an event: call it until all of p is used. With an error Pass still counts what was in order
// before it.
func (f *Follower) Next(p []byte) (ev FollowEvent, n int, err error) {
	if f.err != nil {
		return ev, 0, f.err
	}
	if f.closed {
		return ev, len(p), nil
	}
	if f.nheld > 0 {
		return f.resume(p)
	}
	for {
		if f.left > 0 {
			n += f.skip(p[n:])
			ev.Pass = n
			if f.left > 0 || f.ended(&ev) {
				return ev, n, nil
			}
		}
		if f.Stop == StopControls && !f.State.open {
			n = f.walk(p, n)
			ev.Pass = n
		}
		h, size, err := f.header(p[n:])
		switch {
		case err != nil:
			f.err = err
			return ev, n, err
		case size == 0:
			f.nheld = copy(f.held[:], p[n:])
			return ev, len(p), nil
		case h.Op.IsControl():
			return f.control(ev, h, size, p, n)
		}
		n += size
		ev.Pass = n
		if f.left == 0 && f.ended(&ev) {
			return ev, n, nil
		}
	}
}

// resume goes on with what was held back. It stops behind the header or control frame, so that Held is not needed again.
func (f *Follower) resume(p []byte) (ev FollowEvent, n int, err error) {
	old := f.nheld
	k := copy(f.held[old:max(old, MaxHeader)], p)
	h, size, err := f.header(f.held[:old+k])
	switch {
	case err != nil:
		f.err = err
		return ev, 0, err
	case size == 0:
		f.nheld += k
		return ev, k, nil
	case h.Op.IsControl():
		size += int(h.Length)
		n = copy(f.held[old:size], p)
		if f.nheld += n; f.nheld < size {
			return ev, n, nil
		}
		f.nheld = 0
		err = f.controlled(&ev, h, f.held[:size])
		return ev, n, err
	}
	f.nheld = 0
	n = size - old
	ev.Held, ev.Pass = f.held[:old], n
	if f.left == 0 {
		f.ended(&ev)
	}
	return ev, n, nil
}

// header reads and checks the header at the start of p; with that of a data frame the stream is in its payload.
func (f *Follower) header(p []byte) (h Header, size int, err error) {
	if h, size, err = ParseHeader(p); size == 0 || err != nil {
		return h, 0, err
	}
	open := f.State.open
	if err = f.State.Check(h); err != nil || h.Op.IsControl() {
		return h, size, err
	}
	if err = f.msg.add(h, size, f.Limits); err != nil {
		f.State.open = open // the frame at fault does not go on
		return h, 0, err
	}
	if h.Op != Continuation {
		f.Head = f.Head[:0]
	}
	f.frame, f.left = h, h.Length
	return h, size, nil
}

// skip goes over the payload that p starts with and returns how much of p that was.
func (f *Follower) skip(p []byte) int {
	k := int(min(f.left, int64(len(p))))
	if f.Stop != StopControls && len(f.Head) < cap(f.Head) {
		f.copyHead(p[:k])
	}
	f.left -= int64(k)
	return k
}

func (f *Follower) copyHead(p []byte) {
	l := len(f.Head)
	p = p[:min(len(p), cap(f.Head)-l)]
	f.Head = f.Head[:l+len(p)]
	if !f.frame.Masked {
		copy(f.Head[l:], p)
		return
	}
	MaskCopy(f.Head[l:], p, f.frame.Key, int((f.frame.Length-f.left)&3))
}

// ended counts a complete data frame in and reports whether to stop.
func (f *Follower) ended(ev *FollowEvent) bool {
	m := &f.msg
	switch {
	case f.frame.Fin:
		f.Messages++
		f.Bytes += uint64(m.length)
		if f.Stop == StopControls {
			return false
		}
		ev.Kind = Message
	case f.Stop == StopFragments:
		ev.Kind = Fragment
	default:
		return false
	}
	ev.Op, ev.Rsv, ev.Fragments, ev.Length, ev.Wire = m.op, m.rsv, int(m.fragments), m.length, m.wire
	return true
}

// control ends Next with the control frame at p[n:], or holds back what is there of it.
func (f *Follower) control(ev FollowEvent, h Header, size int, p []byte, n int) (FollowEvent, int, error) {
	size += int(h.Length)
	if len(p)-n < size {
		f.nheld = copy(f.held[:], p[n:])
		return ev, len(p), nil
	}
	err := f.controlled(&ev, h, p[n:n+size:n+size])
	return ev, n + size, err
}

func (f *Follower) controlled(ev *FollowEvent, h Header, frame []byte) error {
	ev.Op, ev.Rsv, ev.Fragments, ev.Length, ev.Wire = h.Op, h.Rsv, 1, h.Length, int64(len(frame))
	ev.Frame = frame
	if h.Op == Close {
		var payload [MaxControl]byte
		if _, err := checkClose(ev.AppendPayload(payload[:0])); err != nil && h.Rsv == 0 {
			f.err = err
			*ev = FollowEvent{Pass: ev.Pass}
			return err
		}
		f.closed = true
	}
	ev.Kind = Control
	return nil
}

// walk goes over the messages of one short frame each that lie wholly in p from n on, and returns where they end. What is
// anything else, or wrong, is left to the caller.
func (f *Follower) walk(p []byte, n int) int {
	mask, key := byte(0), 2
	if f.State.Side == FromClient {
		mask, key = 0x80, 6
	}
	rsv := f.State.reserved() << 4
	limit, first := f.Limits.bytes(), n
	var messages, headers int
	for len(p)-n >= 4 && p[n]&^rsv-0x81 <= 1 {
		length, size := int(p[n+1]^mask), key
		if length > 125 {
			length, size = int(p[n+2])<<8|int(p[n+3]), key+2
			if p[n+1]^mask != 126 || length < 126 {
				break
			}
		}
		if length > len(p)-n-size || int64(length) > limit {
			break
		}
		n += size + length
		headers += size
		messages++
	}
	f.Messages += uint64(messages)
	f.Bytes += uint64(n - first - headers)
	return n
}

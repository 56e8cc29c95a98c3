package wire

import "math/bits"

// Reader assembles the messages of one direction out of its bytes (message mode). Set the fields before the first byte; the
// zero Reader is for a client without extensions.
//
// Bytes come in by [Reader.Next], and those of a long frame optionally by [Reader.Space] and [Reader.Filled], which saves a
// copy. All that is half-read is kept in the Reader: no byte has to be offered twice.
//
// After an error it is dead and repeats the error; after a close frame it discards what follows (RFC 6455 §1.4: "that peer
// discards any further data received").
type Reader struct {
	State  State
	Limits Limits
	// CheckUTF8 checks text messages as their bytes arrive, [ErrUTF8]. Compressed ones (RSV1) are left to whoever inflates.
	CheckUTF8 bool
	// Buf holds what is half-read: the message, and behind it a control frame. The owner may take it away (set it to nil)
	// when Idle, and give an empty one at any such time.
	Buf []byte

	msg   message
	text  UTF8
	frame Header // the frame being read
	size  int    // of its header
	in    bool   // its payload is not complete
	got   int64  // bytes of it so far

	stash  [MaxHeader]byte // a header half-read
	nstash int

	closed bool
	err    error
}

// Event is what a call of a [Reader] came to.
type Event struct {
	Kind      Kind
	Op        Op
	Rsv       byte   // of the message's first frame
	Payload   []byte // unmasked; a slice of p or of Buf, valid until the next call
	Fragments int    // wire frames; 1 unless the message was fragmented
	Wire      int64  // bytes on the wire, headers included
}

// Idle reports whether nothing is half-read, neither a frame nor a message.
func (r *Reader) Idle() bool { return !r.in && r.nstash == 0 && !r.State.open }

// Closed reports whether a close frame was read.
func (r *Reader) Closed() bool { return r.closed }

// Next reads from p until an event, an error or the end of p; n bytes were used. It unmasks in place: p is the caller's, but
// after Next no longer what came over the wire. A message of one frame that lies wholly in p is returned without a copy.
//
// Errors are *[Error]s. n then counts the bytes before the frame or header at fault, not exactly the byte.
func (r *Reader) Next(p []byte) (ev Event, n int, err error) {
	if r.err != nil {
		return Event{}, 0, r.err
	}
	if r.closed {
		return Event{}, len(p), nil
	}
	for n < len(p) && ev.Kind == None {
		if !r.in {
			k, err := r.header(p[n:])
			if err != nil {
				return Event{}, n, r.fail(err)
			}
			n += k
			if !r.in {
				continue
			}
		}
		k := int(min(r.frame.Length-r.got, int64(len(p)-n)))
		ev, err = r.take(p[n : n+k : n+k])
		if err != nil {
			return Event{}, n, r.fail(err)
		}
		n += k
	}
	return ev, n, nil
}

// header takes a header, or the part of one that is there, from the start of p. r.in says whether it is whole.
func (r *Reader) header(p []byte) (n int, err error) {
	if r.nstash == 0 {
		h, n, err := ParseHeader(p)
		if err != nil || n > 0 {
			return n, r.begin(h, n, err)
		}
		r.nstash = copy(r.stash[:], p)
		return len(p), nil
	}
	k := copy(r.stash[r.nstash:], p)
	h, size, err := ParseHeader(r.stash[:r.nstash+k])
	if err == nil && size == 0 {
		r.nstash += k
		return k, nil
	}
	n, r.nstash = size-r.nstash, 0
	return n, r.begin(h, size, err)
}

// begin starts the frame with header h of size n, unless err or the rules or limits forbid it.
func (r *Reader) begin(h Header, n int, err error) error {
	if err == nil {
		err = r.State.Check(h)
	}
	if err == nil && !h.Op.IsControl() {
		err = r.msg.add(h, n, r.Limits)
		if h.Op != Continuation {
			r.Buf = r.Buf[:0]
		}
	}
	r.frame, r.size, r.got, r.in = h, n, 0, true
	return err
}

// take takes the next bytes of the frame's payload.
func (r *Reader) take(p []byte) (Event, error) {
	if int64(len(p)) == r.frame.Length && (r.frame.Op.IsControl() || r.frame.Fin && r.frame.Op != Continuation) {
		r.unmask(p, p)
		return r.arrived(p, p)
	}
	r.reserve(len(p))
	l := len(r.Buf)
	r.Buf = r.Buf[:l+len(p)]
	r.unmask(r.Buf[l:], p)
	return r.arrived(r.Buf[l:], nil)
}

func (r *Reader) unmask(dst, src []byte) {
	if r.frame.Masked {
		MaskCopy(dst, src, r.frame.Key, int(r.got&3))
	} else if len(src) > 0 && &dst[0] != &src[0] {
		copy(dst, src)
	}
}

// arrived counts chunk, the next unmasked bytes of the frame, in. whole is the payload of the message or control frame if it
// need not be in Buf.
func (r *Reader) arrived(chunk, whole []byte) (Event, error) {
	r.got += int64(len(chunk))
	r.in = r.got < r.frame.Length
	if r.frame.Op.IsControl() {
		return r.control(whole)
	}
	last := !r.in && r.frame.Fin
	if r.CheckUTF8 && r.msg.op == Text && r.msg.rsv == 0 && !r.text.Check(chunk, last) {
		return Event{}, ErrUTF8
	}
	if !last {
		return Event{}, nil
	}
	if whole == nil {
		whole = r.Buf
	}
	m := &r.msg
	return Event{Kind: Message, Op: m.op, Rsv: m.rsv, Payload: whole, Fragments: int(m.fragments), Wire: m.wire}, nil
}

// control ends a control frame, whose payload is whole or the end of Buf.
func (r *Reader) control(whole []byte) (Event, error) {
	if r.in {
		return Event{}, nil
	}
	if whole == nil {
		l := len(r.Buf) - int(r.frame.Length)
		whole, r.Buf = r.Buf[l:], r.Buf[:l]
	}
	h := r.frame
	if h.Op == Close {
		if _, err := checkClose(whole); err != nil && h.Rsv == 0 {
			return Event{}, err
		}
		r.closed = true
	}
	return Event{Kind: Control, Op: h.Op, Rsv: h.Rsv, Payload: whole, Fragments: 1, Wire: int64(r.size) + h.Length}, nil
}

func (r *Reader) fail(err error) error {
	r.err, r.in = err, false
	return err
}

// Need is how many more payload bytes the current frame wants: 0 between frames.
func (r *Reader) Need() int64 {
	if !r.in {
		return 0
	}
	return r.frame.Length - r.got
}

// Space returns room at the end of Buf for the next bytes of the current frame's payload, at most max, to be read into
// straight from the socket; nil between frames. After reading call [Reader.Filled], and nothing of the Reader in between.
func (r *Reader) Space(max int) []byte {
	want := int(min(r.Need(), int64(max)))
	if want <= 0 {
		return nil
	}
	r.reserve(1)
	l := len(r.Buf)
	return r.Buf[l:min(l+want, cap(r.Buf))]
}

// Filled says that the first n bytes of what [Reader.Space] returned were read, masked as they came. It is otherwise what
// [Reader.Next] is. More than Space offered is a bug of the caller, and panics.
func (r *Reader) Filled(n int) (Event, error) {
	if r.err != nil {
		return Event{}, r.err
	}
	if int64(n) > r.Need() {
		panic("wire: Reader.Filled beyond Space")
	}
	l := len(r.Buf)
	r.Buf = r.Buf[:l+n]
	chunk := r.Buf[l:]
	r.unmask(chunk, chunk)
	ev, err := r.arrived(chunk, nil)
	if err != nil {
		return Event{}, r.fail(err)
	}
	return ev, nil
}

// growAt is up to which length a header is believed without its payload having arrived.
const growAt = 64 << 10

// reserve makes room in Buf for n more bytes and, without trusting the header too far, for what the frame still wants: all of
// it up to 64 KiB, above that at most as much again as has really arrived.
func (r *Reader) reserve(n int) {
	l := len(r.Buf)
	if cap(r.Buf)-l >= n {
		return
	}
	size := int(min(int64(l)+r.Need(), int64(max(growAt, 2*l))))
	if !r.frame.Fin || r.frame.Op.IsControl() { // more is to come: without doubling, many small fragments would cost their square
		size = max(size, 2*l)
	}
	if size = max(size, l+n); size < growAt {
		size = 1 << bits.Len(uint(size-1)) // so that a Buf that is kept soon fits every message
	}
	buf := make([]byte, l, size)
	copy(buf, r.Buf)
	r.Buf = buf
}

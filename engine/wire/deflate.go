package wire

import (
	"bufio"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"
)

// What is wrong with a compressed message, RFC 7692 §7.2.2.
var ErrDeflate = &Error{CloseInvalidPayload, "invalid deflate data"}

// syncTail ends a flushed DEFLATE stream: an empty block without compression. A sender leaves it away and a receiver puts it
// back (RFC 7692 §7.2.1 and §7.2.2).
const syncTail = "\x00\x00\xff\xff"

// Deflater compresses the messages that go one way over one connection. It holds the last plain bytes and nothing else: the
// compressor is borrowed for each message and given the bytes as its dictionary. Its zero value sends every message by itself,
// in the smallest window there is.
type Deflater struct {
	Side    DeflateSide // as agreed
	Context int         // so many of the last bytes are held, at most half the window; 0: none

	last []byte
}

// Append appends the message p, compressed, to dst. ok is false, and nothing of it is remembered, where that is not shorter
// than p: it should go on as it is.
func (d *Deflater) Append(dst, p []byte) (out []byte, ok bool) {
	w := deflaters.Get().(*deflateWriter)
	w.out = dst
	if d.window() == MaxContext {
		w.deflate(p, d.last)
	} else {
		d.deflatePieces(w, p, len(dst)+len(p)+len(syncTail))
	}
	out = w.out[:len(w.out)-len(syncTail)]
	w.out = nil
	deflaters.Put(w)
	if len(out)-len(dst) >= len(p) && len(p) > 0 {
		return dst, false
	}
	d.Remember(p)
	return out, true
}

func (d *Deflater) window() int { return 1 << max(d.Side.Bits, minWindowBits) }

// deflatePieces compresses p for a small window. The compressor itself only knows windows of 32 KiB; it keeps to a smaller one
// by being given no more than that, dictionary included, at once. It stops where the output is as long as most.
func (d *Deflater) deflatePieces(w *deflateWriter, p []byte, most int) {
	dict := d.last
	for at := 0; ; {
		end := at + min(len(p)-at, d.window()-len(dict))
		w.deflate(p[at:end], dict)
		if at = end; at == len(p) || len(w.out) >= most {
			return
		}
		dict = p[at-min(at, d.window()/2) : at]
	}
}

// Remember notes the plain text of a message that goes over the connection compressed, but not by this Deflater: the peer's
// decompressor has it in its window too.
func (d *Deflater) Remember(p []byte) {
	if d.Side.NoContext {
		return
	}
	d.last = lastBytes(d.last, p, min(d.Context, d.window()/2))
}

// lastBytes is the last n bytes of old and p together, in the memory of old where they fit.
func lastBytes(old, p []byte, n int) []byte {
	if want := min(n, len(old)+len(p)); cap(old) < want {
		old = append(make([]byte, 0, min(n, 2*want)), old...)
	}
	if len(p) >= n {
		return append(old[:0], p[len(p)-n:]...)
	}
	if over := len(old) + len(p) - n; over > 0 {
		old = old[:copy(old, old[over:])]
	}
	return append(old, p...)
}

// deflateWriter is a pooled compressor and what it writes to.
type deflateWriter struct {
	flate *flate.Writer
	out   []byte
}

var deflaters = sync.Pool{New: func() any {
	w := &deflateWriter{}
	w.flate, _ = flate.NewWriter(w, flate.BestSpeed) // fails for unknown levels only
	return w
}}

// Write appends to out.
func (w *deflateWriter) Write(p []byte) (int, error) {
	w.out = append(w.out, p...)
	return len(p), nil
}

// deflate appends p, up to and with the tail.
func (w *deflateWriter) deflate(p, dict []byte) {
	w.flate.ResetDict(w, dict)
	w.flate.Write(p) // neither can fail: Write above does not
	w.flate.Flush()
}

// Inflater decompresses the messages that come one way over one connection. It holds the last plain bytes where the peer may
// refer to them, and nothing else: the decompressor is borrowed for each message.
type Inflater struct {
	Side DeflateSide // as agreed

	last []byte
}

// maxFinal is how many blocks of one message may say that they are the last. Each costs the set-up of a decompressor; who
// flushes in this way needs one (RFC 7692 §7.2.3.4).
const maxFinal = 16

// Append appends the message p, decompressed, to dst. final says that p has a block that says of itself that it is the last:
// what stands behind it is decompressed too, but not every receiver does.
//
// At most limit bytes are made of it, where limit is above 0: [ErrTooBig]. The other error is [ErrDeflate]. After an error dst
// comes back with what was decompressed up to it, and the Inflater must not be used again.
func (i *Inflater) Append(dst, p []byte, limit int64) (out []byte, final bool, err error) {
	from := len(dst)
	r := inflaters.Get().(*inflateReader)
	defer r.done()
	r.start(p)
	out = dst
	for blocks := 0; ; blocks++ {
		dict := i.last
		if blocks > 0 {
			dict = lastBytes(append([]byte(nil), i.last...), out[from:], MaxContext)
		}
		if out, err = r.inflate(out, from, dict, limit); err != nil {
			return out, final, err
		}
		left := r.left()
		if final = final || left > 0; left == 0 || left == len(inflateTail) {
			break
		}
		if blocks == maxFinal {
			return out, final, ErrDeflate
		}
	}
	if !i.Side.NoContext {
		i.last = lastBytes(i.last, out[from:], 1<<i.Side.Bits)
	}
	return out, final, nil
}

// InflateHead appends what can be decompressed of the first bytes of a message, at most limit bytes of it, to dst: all up to
// the first reference to a message before it, or the end of p. whole says that p is the whole message; more, that what came
// out is not.
func InflateHead(dst, p []byte, whole bool, limit int64) (out []byte, more bool) {
	r := inflaters.Get().(*inflateReader)
	defer r.done()
	r.start(p)
	if !whole {
		r.tail = ""
	}
	out, err := r.inflate(dst, len(dst), nil, max(limit, 1))
	return out[:min(int64(len(out)), int64(len(dst))+limit)], err != nil || !whole
}

// inflateReader is a pooled decompressor and what it reads from: a message, and behind it the tail that its sender left away
// and a last block, which makes the decompressor end.
type inflateReader struct {
	flate io.ReadCloser
	in    *bufio.Reader
	p     []byte
	tail  string
}

const inflateTail = syncTail + "\x01\x00\x00\xff\xff"

var inflaters = sync.Pool{New: func() any {
	r := &inflateReader{}
	r.in = bufio.NewReader(r)
	r.flate = flate.NewReader(r.in)
	return r
}}

// Read gives the message and the tail.
func (r *inflateReader) Read(p []byte) (n int, err error) {
	if len(r.p) > 0 {
		n = copy(p, r.p)
		r.p = r.p[n:]
		return n, nil
	}
	if n = copy(p, r.tail); n == 0 {
		return 0, io.EOF
	}
	r.tail = r.tail[n:]
	return n, nil
}

func (r *inflateReader) start(p []byte) {
	r.p, r.tail = p, inflateTail
	r.in.Reset(r)
}

func (r *inflateReader) done() {
	r.p = nil
	inflaters.Put(r)
}

// left is how much of the message and the tail is not read yet. A message that ends with a last block may lack the empty byte
// behind it (§7.2.3.4): then the whole tail is left.
func (r *inflateReader) left() int { return len(r.p) + len(r.tail) + r.in.Buffered() }

// inflate appends up to the next last block, to at most from+limit bytes.
func (r *inflateReader) inflate(out []byte, from int, dict []byte, limit int64) ([]byte, error) {
	r.flate.(flate.Resetter).Reset(r.in, dict) // never fails
	for {
		if len(out) == cap(out) {
			out = grow(out, from, limit)
		}
		n, err := r.flate.Read(out[len(out):cap(out)])
		out = out[:len(out)+n]
		switch {
		case limit > 0 && int64(len(out)-from) > limit:
			return out, ErrTooBig
		case err == io.EOF:
			return out, nil
		case err != nil:
			return out, ErrDeflate
		}
	}
}

// grow makes room in out: twice as much as there is, but little more than the limit allows.
func grow(out []byte, from int, limit int64) []byte {
	size := max(2*cap(out), 4096)
	if limit > 0 && int64(size) > int64(from)+limit+1 {
		size = max(from+int(limit)+1, len(out)+1)
	}
	return append(make([]byte, 0, size), out...)
}

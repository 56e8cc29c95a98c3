package engine

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http/httputil"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"framegate/engine/wire"
)

// framing is how the length of a request's body is told (RFC 9112 §6.3).
type framing struct {
	length  int64 // -1: chunked
	expects bool  // 100-continue: the client waits before it sends
}

// framingOf reads how long the body of a request is. What could be read in two
// ways is refused, and the connection must end with it: both lengths, several
// lengths, codings other than chunked alone (RFC 9112 §6.1, §6.3).
func framingOf(q *Request) (f framing, refused *Answer) {
	bad := func(status int, reason string) (framing, *Answer) {
		a := refusal(status, reason, "", "")
		return framing{}, &a
	}
	lengths, codings := 0, 0
	for text := range q.Headers.Values("Content-Length") {
		n, err := strconv.ParseUint(text, 10, 62)
		if lengths++; err != nil || lengths > 1 || strings.ContainsAny(text, "+_") {
			return bad(400, "the Content-Length is not one number")
		}
		f.length = int64(n)
	}
	for coding := range q.Headers.Values("Transfer-Encoding") {
		if codings++; !strings.EqualFold(coding, "chunked") || codings > 1 || lengths > 0 || q.Proto != "HTTP/1.1" {
			return bad(400, "the Transfer-Encoding is not chunked alone")
		}
		f.length = -1
	}
	hosts := 0
	for range q.Headers.Values("Host") {
		hosts++
	}
	if hosts > 1 || hosts == 0 && q.Proto == "HTTP/1.1" {
		return bad(400, "there must be one Host header")
	}
	for expectation := range q.Headers.Tokens("Expect") {
		if !strings.EqualFold(expectation, "100-continue") {
			return bad(417, "the only expectation that can be met is 100-continue")
		}
		f.expects = q.Proto == "HTTP/1.1" && f.length != 0
	}
	return f, nil
}

// inflow is the body of a request while it comes in. It reads no byte beyond the
// body; Close may be called while another goroutine reads, and ends that.
type inflow struct {
	x       *answering
	src     *bufio.Reader
	limit   int64 // 0: none
	closing atomic.Bool

	mu      sync.Mutex
	left    int64     // of a body with a length
	chunks  io.Reader // of one without
	count   int64
	head    []byte // for the traffic log
	expects bool
	ended   bool // all of it has been read
	err     error
	whole   atomic.Bool // ended, and without an error
}

// maxTrailers is how long the trailers of a request may be. They are read and
// dropped (RFC 9110 §6.5.1).
const maxTrailers = 8 << 10

var errBodyClosed = errors.New("read the body of a request that has been answered")

func newInflow(x *answering, f framing) *inflow {
	in := &inflow{x: x, limit: x.route.Limits.Body, left: f.length, expects: f.expects, ended: f.length == 0}
	if in.ended {
		in.whole.Store(true)
		return in
	}
	in.src = bufio.NewReaderSize(x.conn, 16<<10)
	if f.length < 0 {
		in.chunks = httputil.NewChunkedReader(in.src)
	}
	return in
}

// Read reads the next block, within the time that the client has for one.
func (in *inflow) Read(p []byte) (int, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	switch {
	case in.closing.Load():
		return 0, errBodyClosed
	case in.err != nil:
		return 0, in.err
	case in.ended:
		return 0, io.EOF
	}
	if in.expects {
		in.expects = false
		if err := in.x.proceed(); err != nil {
			in.err = err
			return 0, err
		}
	}
	in.x.conn.SetReadDeadline(time.Now().Add(in.x.route.Active))
	if in.closing.Load() {
		in.x.conn.SetReadDeadline(longAgo)
	}
	n, err := in.block(p)
	if room := in.x.route.Log.Payload - len(in.head); room > 0 {
		in.head = append(in.head, p[:min(n, room)]...)
	}
	if in.count += int64(n); err == nil && in.limit > 0 && in.count > in.limit {
		n, err = 0, fmt.Errorf("%w: more than %s (limits.body)", ErrBodyTooLong, Size(in.limit))
	}
	switch {
	case err != nil:
		in.err = err
	case in.ended:
		in.x.conn.SetReadDeadline(time.Time{})
		in.whole.Store(true)
		in.x.watcher.free()
		err = io.EOF
	}
	return n, err
}

// block reads of the body, and sets ended with its last byte.
func (in *inflow) block(p []byte) (n int, err error) {
	if in.chunks == nil {
		n, err = in.src.Read(p[:min(int64(len(p)), in.left)])
		in.left -= int64(n)
		in.ended = in.left == 0
		if in.ended {
			err = nil
		}
	} else if n, err = in.chunks.Read(p); err == io.EOF {
		in.ended = true
		return n, in.trailers()
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// trailers reads what follows the last chunk (RFC 9112 §7.1.2).
func (in *inflow) trailers() error {
	var block []byte
	for {
		line, err := in.src.ReadSlice('\n')
		if err != nil {
			return fmt.Errorf("read the trailers: %w", err)
		}
		if block = append(block, line...); string(line) == "\r\n" {
			_, err := wire.ParseHeaders(block)
			return err
		}
		if len(block) > maxTrailers {
			return fmt.Errorf("the trailers are longer than %d bytes", maxTrailers)
		}
	}
}

// Close ends the body: nobody reads it after that.
func (in *inflow) Close() error {
	if in.src == nil || in.closing.Swap(true) {
		return nil
	}
	in.x.conn.SetReadDeadline(longAgo)
	in.mu.Lock()
	defer in.mu.Unlock()
	in.x.conn.SetReadDeadline(time.Time{})
	if !in.ended {
		return nil
	}
	in.x.pushBack(in.rest())
	return nil
}

// rest is what was read beyond the body.
func (in *inflow) rest() []byte {
	beyond, _ := in.src.Peek(in.src.Buffered())
	rest := append([]byte(nil), beyond...)
	in.src.Discard(len(beyond))
	return rest
}

// What a request's body may hold, and how long it may take, when nobody has read
// it and the connection is to be used again.
const (
	maxDiscard  = 64 << 10
	discardTime = 500 * time.Millisecond
)

// discard reads a short body that nobody wants. It tells whether all has been read.
func (in *inflow) discard() bool {
	if in.whole.Load() || !in.mu.TryLock() { // somebody waits for more of it
		return in.whole.Load()
	}
	defer in.mu.Unlock()
	if in.ended || in.err != nil || in.expects || in.closing.Load() || in.left > maxDiscard {
		return in.whole.Load()
	}
	in.x.conn.SetReadDeadline(time.Now().Add(discardTime))
	defer in.x.conn.SetReadDeadline(time.Time{})
	b := takeBuffer(false)
	defer giveBuffer(b)
	for total := 0; total <= maxDiscard && !in.ended; {
		n, err := in.block(b.b)
		if total += n; err != nil {
			in.err = err
			return false
		}
	}
	in.whole.Store(in.ended)
	return in.ended
}

// read is how much was read, and how it begins.
func (in *inflow) read() (int64, []byte) {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.count, in.head
}

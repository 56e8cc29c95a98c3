package engine

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// written is what went to the client of an answer.
type written struct {
	count int64  // bytes of the body
	head  []byte // the first of them, for the traffic log
	err   error  // it broke off
}

// hopHeaders are the fields of an answer that are for one connection only, or
// that the gateway writes itself.
var hopHeaders = map[string]bool{
	"connection": true, "keep-alive": true, "proxy-connection": true, "transfer-encoding": true, "content-length": true,
	"trailer": true, "te": true, "upgrade": true,
}

// reply writes the answer, and with it ends the request: x.close says whether the
// connection must end too.
func (x *answering) reply(a *Answer) {
	length := int64(len(a.Body))
	if a.Stream != nil {
		length = a.Stream.Length()
	}
	bare := x.q.Method == "HEAD" || a.Status == 204 || a.Status == 304
	chunked := length < 0 && !bare && x.q.Proto == "HTTP/1.1"
	if !x.spent(a) || x.c.http.ending.Load() || length < 0 && !bare && !chunked {
		x.close = true
	}
	head := x.head(a, length, chunked)
	x.replying.Lock()
	x.begun = true
	x.replying.Unlock()
	switch {
	case bare:
		x.out.err = x.write(head)
	case a.Stream == nil:
		x.out.count, x.out.head = length, a.Body[:min(len(a.Body), x.route.Log.Payload)]
		x.out.err = x.write(append(head, a.Body...))
	default:
		if x.out.err = x.write(head); x.out.err == nil {
			x.out.err = x.stream(a.Stream.Stream(), length, chunked)
		}
	}
	if x.out.err != nil {
		x.abort()
	}
}

// spent tells whether the whole body of the request has been read, so that the
// next request begins behind it. While a host answers, it may still be sent the
// body: it is for the host then, however long the host takes.
func (x *answering) spent(a *Answer) bool {
	if a.Stream != nil {
		return x.in.whole.Load()
	}
	return x.in.discard()
}

// head is the status line and the header lines (RFC 9112 §4, §5).
func (x *answering) head(a *Answer, length int64, chunked bool) []byte {
	head := fmt.Appendf(make([]byte, 0, 1024), "HTTP/1.1 %d %s\r\n", a.Status, http.StatusText(a.Status))
	for name, value := range a.Headers.All() {
		if !hopHeaders[strings.ToLower(name)] {
			head = fmt.Appendf(head, "%s: %s\r\n", name, value)
		}
	}
	if !a.Headers.Has("Date") { // RFC 9110 §6.6.1
		head = time.Now().UTC().AppendFormat(append(head, "Date: "...), http.TimeFormat)
		head = append(head, "\r\n"...)
	}
	switch {
	case a.Status == 204 || a.Status == 304: // RFC 9110 §8.6: no Content-Length
	case length >= 0:
		head = append(strconv.AppendInt(append(head, "Content-Length: "...), length, 10), "\r\n"...)
	case chunked:
		head = append(head, "Transfer-Encoding: chunked\r\n"...)
	}
	switch {
	case x.close:
		head = append(head, "Connection: close\r\n"...)
	case x.q.Proto != "HTTP/1.1":
		head = append(head, "Connection: keep-alive\r\n"...)
	}
	return append(head, "\r\n"...)
}

// chunkRoom is for the size in front of a chunk (RFC 9112 §7.1), and chunkEnd
// for what follows it.
const (
	chunkRoom = 10
	chunkEnd  = 2
)

// stream passes a body on block by block, as it comes. A body that breaks off
// must not look whole.
func (x *answering) stream(from io.ReadCloser, length int64, chunked bool) error {
	b := takeBuffer(false)
	defer giveBuffer(b)
	room := b.b[chunkRoom : len(b.b)-chunkEnd]
	for {
		n, err := from.Read(room)
		if n > 0 {
			if length >= 0 && x.out.count+int64(n) > length {
				return fmt.Errorf("the answer is longer than its Content-Length of %d", length)
			}
			x.note(room[:n])
			block := room[:n]
			if chunked {
				block = asChunk(b.b, n)
			}
			if err := x.write(block); err != nil {
				return err
			}
		}
		switch {
		case err == io.EOF && length >= 0 && x.out.count < length:
			return fmt.Errorf("the answer ended after %d of %d bytes", x.out.count, length)
		case err == io.EOF && chunked:
			return x.write([]byte("0\r\n\r\n"))
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
}

// asChunk makes a chunk of the n bytes behind the room for its size.
func asChunk(b []byte, n int) []byte {
	size := strconv.AppendInt(make([]byte, 0, chunkRoom), int64(n), 16)
	size = append(size, "\r\n"...)
	begin := chunkRoom - len(size)
	copy(b[begin:], size)
	return append(b[begin:chunkRoom+n], "\r\n"...)
}

// note keeps the first bytes of the answer's body for the traffic log.
func (x *answering) note(p []byte) {
	x.out.count += int64(len(p))
	if room := x.route.Log.Payload - len(x.out.head); room > 0 {
		x.out.head = append(x.out.head, p[:min(len(p), room)]...)
	}
}

// errClientWrite marks that it is the client who no longer takes the answer.
var errClientWrite = errors.New("send to the client")

// write writes within the time that the client has to take it.
func (x *answering) write(p []byte) error {
	x.conn.SetWriteDeadline(time.Now().Add(x.route.Active))
	if _, err := x.conn.Write(p); err != nil {
		return fmt.Errorf("%w: %w", errClientWrite, err)
	}
	return nil
}

// proceed asks a client that waits for it to send its body (RFC 9110 §10.1.1).
func (x *answering) proceed() error {
	x.replying.Lock()
	defer x.replying.Unlock()
	if x.begun {
		return errBodyClosed
	}
	return x.write([]byte("HTTP/1.1 100 Continue\r\n\r\n"))
}

// interim passes an interim answer of the host on; clients of HTTP/1.0 know none
// (RFC 9110 §15.2).
func (x *answering) interim(status int, headers *Headers) {
	x.replying.Lock()
	defer x.replying.Unlock()
	if x.begun || x.q.Proto != "HTTP/1.1" || status == 101 {
		return
	}
	headers.DelHopByHop()
	head := fmt.Appendf(nil, "HTTP/1.1 %d %s\r\n", status, http.StatusText(status))
	if x.write(append(headers.AppendTo(head), "\r\n"...)) != nil {
		x.close = true
	}
}

// abort makes the connection end so that nobody takes what was sent for the whole.
func (x *answering) abort() {
	x.close, x.aborted = true, true
	if tcp, ok := x.c.Conn.(interface{ SetLinger(int) error }); ok {
		tcp.SetLinger(0)
	}
}

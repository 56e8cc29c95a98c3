package remotehosts

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"

	"github.com/valyala/fasthttp"

	"framegate/engine"
	"framegate/engine/wire"
)

// What an answer may be like.
const (
	maxHead     = wire.MaxHeaders // bytes of status line and headers
	maxInterims = 32              // answers with 1xx before the final one
	maxBody     = 10 << 20        // bytes of a refusal's body, without its transfer coding
)

// readers are the buffers that answers are read with; nothing of one is kept.
var readers = sync.Pool{New: func() any { return bufio.NewReader(nil) }}

// converse sends a request and takes the final answer's head, with the reader
// at what follows it; nothing of the reader may be kept. The deadlines are the
// connection's.
func converse(conn net.Conn, head []byte, take func(*answer, *bufio.Reader) error) error {
	if _, err := conn.Write(head); err != nil {
		return err
	}
	r := readers.Get().(*bufio.Reader)
	r.Reset(conn)
	defer func() {
		r.Reset(nil)
		readers.Put(r)
	}()
	a, err := readFinal(r)
	if err != nil {
		return err
	}
	return take(a, r)
}

// run sends the request and reads the answer: a socket, or [*Refused].
func (s *handshake) run(conn net.Conn) (socket *engine.Socket, err error) {
	err = converse(conn, s.head, func(a *answer, r *bufio.Reader) error {
		socket, err = s.take(a, r)
		return err
	})
	if err != nil {
		return nil, err
	}
	socket.Conn = conn
	return socket, nil
}

// take makes a socket of an answer that accepts the upgrade.
func (s *handshake) take(a *answer, r *bufio.Reader) (*engine.Socket, error) {
	if a.status != 101 {
		return nil, a.refusal(r)
	}
	if !a.http11 {
		return nil, errHTTP10
	}
	if err := wire.CheckAnswer(a.status, a.headers, s.key, s.subprotocols, s.extensions); err != nil {
		return nil, &misfit{err}
	}
	early, _ := r.Peek(r.Buffered())
	socket := &engine.Socket{
		Early:       bytes.Clone(early),
		Subprotocol: a.headers.Get("Sec-WebSocket-Protocol"),
		Extensions:  strings.Join(slicesOf(a.headers, "Sec-WebSocket-Extensions"), ", "),
		Headers:     a.headers,
	}
	if s.deflate != nil {
		if err := s.agree(socket); err != nil {
			return nil, &misfit{err}
		}
	}
	return socket, nil
}

// agree reads the host's answer to the gateway's own offer of compression.
func (s *handshake) agree(socket *engine.Socket) error {
	socket.Extensions = ""
	accepted, err := wire.ParseExtensions(socket.Headers)
	if err != nil {
		return err
	}
	d, agreed, err := wire.AgreedDeflate(accepted, *s.deflate)
	if agreed {
		socket.Deflate = &d
	}
	return err
}

func slicesOf(h *wire.Headers, name string) (values []string) {
	for v := range h.Values(name) {
		values = append(values, v)
	}
	return values
}

// answer is the head of an answer.
type answer struct {
	status  int
	http11  bool
	headers *wire.Headers
}

// readFinal reads the head of the final answer, after any interim ones (RFC 9110 §15.2).
func readFinal(r *bufio.Reader) (*answer, error) {
	for range maxInterims {
		a, err := readHead(r)
		if err != nil || a.status >= 200 || a.status == 101 {
			return a, err
		}
	}
	return nil, errInterims
}

// readHead reads a status line and headers, and not a byte more out of r. What
// is no HTTP is found out at its first wrong byte, not when time is up.
func readHead(r *bufio.Reader) (*answer, error) {
	const begin = "HTTP/1."
	for i := range len(begin) {
		b, err := r.Peek(i + 1)
		if err != nil {
			return nil, err
		}
		if b[i] != begin[i] {
			return nil, errNotHTTP
		}
	}
	if buffered, _ := r.Peek(r.Buffered()); bytes.Contains(buffered, []byte("\r\n\r\n")) {
		return parseBuffered(r, buffered)
	}
	var head []byte
	for !bytes.HasSuffix(head, []byte("\r\n\r\n")) {
		part, err := r.ReadSlice('\n')
		head = append(head, part...)
		switch {
		case len(head) > maxHead:
			return nil, errHeadTooLong
		case err == bufio.ErrBufferFull:
		case err != nil:
			return nil, err
		case !bytes.HasSuffix(head, []byte("\r\n")):
			return nil, errBareLF
		}
	}
	return parseHead(head)
}

// parseBuffered parses a head that the reader holds whole.
func parseBuffered(r *bufio.Reader, buffered []byte) (*answer, error) {
	head := buffered[:bytes.Index(buffered, []byte("\r\n\r\n"))+len("\r\n\r\n")]
	for line := range bytes.SplitSeq(head[:len(head)-1], []byte("\n")) {
		if !bytes.HasSuffix(line, []byte("\r")) {
			return nil, errBareLF
		}
	}
	r.Discard(len(head))
	return parseHead(head)
}

// parseHead parses the status line (RFC 9112 §4) and the headers.
func parseHead(head []byte) (*answer, error) {
	line, block, _ := bytes.Cut(head, []byte("\r\n"))
	version, rest, _ := strings.Cut(string(line), " ")
	code, _, _ := strings.Cut(rest, " ")
	status, err := strconv.ParseUint(code, 10, 16)
	if err != nil || len(code) != 3 || status < 100 || status > 599 || version != "HTTP/1.0" && version != "HTTP/1.1" {
		return nil, fmt.Errorf("%w: %.60q", errStatusLine, line)
	}
	headers, err := wire.ParseHeaders(block)
	if err != nil {
		return nil, err
	}
	return &answer{int(status), version == "HTTP/1.1", headers}, nil
}

// refusal reads the body of an answer that is no 101, and makes of it what goes to the client.
func (a *answer) refusal(r *bufio.Reader) error {
	length, err := a.bodyLength()
	if err != nil {
		return err
	}
	var body fasthttp.Response
	body.Header.SetContentLength(length)
	switch err := body.ReadBody(r, maxBody); {
	case err == fasthttp.ErrBodyTooLarge:
		return errBodyTooLong
	case err != nil:
		return fmt.Errorf("read the body of the answer: %w", err)
	}
	headers := a.headers.Clone()
	headers.DelHopByHop()
	headers.Del("Content-Length")
	if a.status == 426 { // RFC 9110 §15.5.22: it "MUST" name in Upgrade what it asks for
		for value := range a.headers.Values("Upgrade") {
			headers.Add("Upgrade", value) // fitted before
		}
	}
	return &Refused{Answer: engine.Answer{Status: a.status, Headers: *headers, Body: body.Body(), FromHost: true}}
}

// Lengths of a body that have to be found out by reading it, as fasthttp has them.
const (
	chunked    = -1
	untilClose = -2
)

// bodyLength finds how long the body is by RFC 9112 §6.3. Both
// Transfer-Encoding and Content-Length together "ought to be handled as an error".
func (a *answer) bodyLength() (int, error) {
	if a.status == 204 || a.status == 304 {
		return 0, nil
	}
	if a.headers.Has("Transfer-Encoding") {
		codings := slicesOf(a.headers, "Transfer-Encoding")
		if len(codings) != 1 || !strings.EqualFold(codings[0], "chunked") || a.headers.Has("Content-Length") {
			return 0, errEncoding
		}
		return chunked, nil
	}
	length := untilClose
	for text := range a.headers.Values("Content-Length") {
		n, err := strconv.ParseUint(text, 10, 31)
		if err != nil || length >= 0 && length != int(n) {
			return 0, errLength
		}
		length = int(n)
	}
	return length, nil
}

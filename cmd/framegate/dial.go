package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/fasthttp/websocket"
)

const (
	// handshakeTimeout bounds everything from the first SYN to the 101.
	handshakeTimeout = 30 * time.Second
	// maxRefusal is how much of the body of a refusal is read.
	maxRefusal = 16 << 20
	// maxReceived is the longest message that connect takes in.
	maxReceived = 256 << 20
)

// upgrade opens a WebSocket with the library that is not our own codec, so that connect is an independent witness of what the
// gateway does. A refusal is a *[refusal] in the error's chain.
func upgrade(ctx context.Context, to target, headers []header, subprotocols []string, insecure bool) (*websocket.Conn, error) {
	d := websocket.Dialer{
		HandshakeTimeout: handshakeTimeout,
		Subprotocols:     subprotocols,
		NetDialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			var d net.Dialer
			c, err := d.DialContext(ctx, network, address)
			return &answering{Conn: c}, err
		},
		NetDialTLSContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: insecure, NextProtos: []string{"http/1.1"}}}
			c, err := d.DialContext(ctx, network, address)
			return &answering{Conn: c}, err
		},
	}
	lines := http.Header{"User-Agent": {"framegate"}}
	for _, h := range headers {
		name := h.name
		switch { // the two that the HTTP library looks for by their names
		case strings.EqualFold(name, "Host"):
			name = "Host"
		case strings.EqualFold(name, "User-Agent"):
			name = "User-Agent"
			delete(lines, name)
		}
		lines[name] = append(lines[name], h.value)
	}
	conn, _, err := d.DialContext(ctx, to.String(), lines)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", to, explained(err))
	}
	// RFC 6455 §4.1: a subprotocol "that was not present in the client's handshake" fails the connection.
	if got := conn.Subprotocol(); got != "" && !slices.Contains(subprotocols, got) {
		conn.Close()
		return nil, fmt.Errorf("connect to %s: the server chose the subprotocol %q, which was not offered", to, got)
	}
	conn.SetReadLimit(maxReceived)
	return conn, nil
}

// explained adds what helps to a failed dial.
func explained(err error) error {
	var unknown *tls.CertificateVerificationError
	switch {
	case errors.As(err, &unknown):
		return fmt.Errorf("%w (--insecure connects without checking the certificate)", err)
	case errors.Is(err, websocket.ErrBadHandshake):
		return errors.New("the answer is a 101 but not to a WebSocket handshake: Upgrade, Connection or Sec-WebSocket-Accept is wrong")
	}
	return err
}

// refusal is an answer to an upgrade request other than 101.
type refusal struct {
	*http.Response
	body []byte
	err  error // why the body is not whole
}

func (r *refusal) Error() string { return "upgrade refused: " + r.Status }

// headersOfInterest are printed with a refusal: what says why, and what to do next.
var headersOfInterest = []string{"Content-Type", "Location", "Retry-After", "Server", "Sec-WebSocket-Version", "Traceparent",
	"Upgrade", "Www-Authenticate", "X-Request-Id"}

// print writes status, headers of interest and the whole body.
func (r *refusal) print(w io.Writer) {
	fmt.Fprintf(w, "HTTP/%d.%d %s\n", r.ProtoMajor, r.ProtoMinor, printable(r.Status))
	for _, name := range headersOfInterest {
		for _, value := range r.Header.Values(name) {
			fmt.Fprintf(w, "%s: %s\n", name, printable(value))
		}
	}
	if len(r.body) > 0 {
		fmt.Fprintf(w, "\n%s\n", strings.TrimRight(printableLines(string(r.body)), "\n"))
	}
	if r.err != nil {
		fmt.Fprintf(w, "(the body ends here: %v)\n", r.err)
	}
	if id := r.session(); id != "" {
		fmt.Fprintf(w, "(if this is your gateway, it tells why: %s tail --session %s --no-follow)\n", self(), id)
	}
}

// sessionID is what the ids of sessions look like: 128 random bits and more in base 32.
var sessionID = regexp.MustCompile("^[A-Z2-7]{26}$")

// session is the id in a gateway's answer, as far as tail needs it; empty where it is nobody's.
func (r *refusal) session() string {
	var answer struct{ Error, ID string }
	if json.Unmarshal(r.body, &answer) != nil || answer.Error == "" || !sessionID.MatchString(answer.ID) {
		return ""
	}
	return answer.ID[:8]
}

// answering is a connection whose first reads are looked at: interim answers (100, 103) are dropped, which the dialer cannot
// read, and an answer other than 101 is taken in whole, of which the dialer would keep 1 KiB.
type answering struct {
	net.Conn
	in   *bufio.Reader // nil until the answer begins
	head []byte        // of the 101, not given to the dialer yet
}

// Read returns the head of the 101, then whatever follows it. A refusal is its error.
func (c *answering) Read(p []byte) (int, error) {
	if c.in == nil {
		c.in = bufio.NewReader(c.Conn)
		head, err := readAnswer(c.in)
		if err != nil {
			return 0, err
		}
		c.head = head
	}
	if len(c.head) > 0 {
		n := copy(p, c.head)
		c.head = c.head[n:]
		return n, nil
	}
	if c.in.Buffered() > 0 {
		return c.in.Read(p)
	}
	return c.Conn.Read(p)
}

// readAnswer reads the answer to an upgrade and returns the head of a 101. Interim answers before it are dropped (RFC 9110
// §15.2); any other answer is read whole and becomes a *[refusal].
func readAnswer(in *bufio.Reader) (head []byte, err error) {
	for {
		head, err := readHead(in)
		if err != nil {
			return nil, err
		}
		status := head[bytes.IndexByte(head, ' ')+1:]
		switch {
		case bytes.HasPrefix(status, []byte("101")):
			return head, nil
		case status[0] != '1':
			return nil, refused(head, in)
		}
	}
}

// readHead reads a status line and headers up to the empty line, at most 64 KiB.
func readHead(in *bufio.Reader) (head []byte, err error) {
	for begin := 0; len(head) < 64<<10; {
		part, err := in.ReadSlice('\n')
		head = append(head, part...)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading the answer to the upgrade: %w", noEOF(err))
		}
		if begin == 0 && !bytes.HasPrefix(head, []byte("HTTP/1.")) {
			return nil, fmt.Errorf("the answer is not HTTP/1: it begins with %s", quotedHead(head))
		}
		if len(bytes.TrimRight(head[begin:], "\r\n")) == 0 {
			return head, nil
		}
		begin = len(head)
	}
	return nil, errors.New("the answer has more than 64 KiB of headers")
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return errors.New("the server closed the connection without a whole answer")
	}
	return err
}

// refused reads the rest of an answer that begins with head.
func refused(head []byte, in *bufio.Reader) error {
	answer, err := http.ReadResponse(bufio.NewReader(io.MultiReader(bytes.NewReader(head), in)), &http.Request{Method: http.MethodGet})
	if err != nil {
		return fmt.Errorf("reading the answer to the upgrade: %w", err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxRefusal))
	return &refusal{Response: answer, body: body, err: err}
}

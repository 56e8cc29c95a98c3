package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
	"unicode/utf8"

	"framegate/engine/wire"

	"github.com/fasthttp/websocket"
)

const (
	// closeWait is how long connect waits for the server's answer to a close.
	closeWait = 5 * time.Second
	// writeWait is how long one message may take to leave; a server that reads nothing ends the conversation.
	writeWait = 30 * time.Second
	// maxLine is the longest line of standard input that is sent.
	maxLine = 64 << 20
)

// talk is a conversation over one WebSocket. One goroutine sends, one receives, and run alone prints.
type talk struct {
	conn   *websocket.Conn
	std    stdio
	person bool // types what is sent
	prompt bool // and sees the answers in the same place
	happen chan happening
	over   chan struct{} // closed when run returns
	closed bool          // our close frame was sent
	code   uint16        // in it
	late   bool          // the time of --for is over
	failed error         // what could not be sent
	pings  map[string]time.Time
}

// happening is one thing that goes on in a conversation.
type happening struct {
	kind happenKind
	text string    // a message, the data of a ping or pong, a note, a close reason
	code uint16    // of the close that we asked for
	at   time.Time // when a ping was sent
	err  error     // why receiving or sending ended; nil for sending that is complete
}

type happenKind int

const (
	gotText happenKind = iota
	gotBinary
	gotPing
	gotPong
	gotEnd
	sentPing
	sentAll
	wantClose
	noted
)

func newTalk(conn *websocket.Conn, std stdio) *talk {
	t := &talk{
		conn:   conn,
		std:    std,
		person: isTerminal(std.in),
		prompt: isTerminal(std.in) && isTerminal(std.out),
		happen: make(chan happening, 64),
		over:   make(chan struct{}),
		pings:  make(map[string]time.Time),
	}
	conn.SetPingHandler(func(data string) error {
		t.tell(happening{kind: gotPing, text: data})
		err := conn.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(writeWait))
		if errors.Is(err, websocket.ErrCloseSent) {
			return nil
		}
		return err
	})
	conn.SetPongHandler(func(data string) error {
		t.tell(happening{kind: gotPong, text: data})
		return nil
	})
	return t
}

// tell hands h to run, unless that has returned.
func (t *talk) tell(h happening) bool {
	select {
	case t.happen <- h:
		return true
	case <-t.over:
		return false
	}
}

// run prints what happens until the conversation is over; wait and limit are --wait and --for, 0 for none.
func (t *talk) run(ctx context.Context, o outgoing, wait int, limit time.Duration) error {
	defer t.conn.Close()
	defer close(t.over)
	var timeUp <-chan time.Time
	if limit > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		timeUp = timer.C
	}
	go t.receive()
	go t.send(o)
	left, leave := wait, ctx.Done()
	for {
		t.showPrompt()
		select {
		case h := <-t.happen:
			if h.kind == gotEnd {
				return t.ended(h.err, left)
			}
			message := h.kind == gotText || h.kind == gotBinary
			if message && wait > 0 && left == 0 {
				continue // came while we were leaving
			}
			t.show(h)
			if message && left > 0 {
				if left--; left == 0 {
					t.close(wire.CloseNormal, "")
				}
			}
		case <-timeUp:
			t.late = true
			t.close(wire.CloseNormal, "")
		case <-leave:
			leave = nil
			t.close(wire.CloseGoingAway, "")
		}
	}
}

// close sends a close frame and bounds the wait for its answer.
func (t *talk) close(code uint16, reason string) {
	if t.closed {
		return
	}
	t.closed, t.code = true, code
	t.conn.SetReadDeadline(time.Now().Add(closeWait))
	t.conn.WriteControl(websocket.CloseMessage, wire.AppendClose(nil, code, reason), time.Now().Add(closeWait))
}

// ended says how the conversation ended and whether that is a failure; left replies were still expected.
func (t *talk) ended(err error, left int) error {
	var end *websocket.CloseError
	switch {
	case errors.As(err, &end) && end.Code != websocket.CloseAbnormalClosure:
		err = t.closedWith(uint16(end.Code), end.Text)
	case t.failed != nil:
		err = nil
	case t.closed:
		t.note("closed by us; the server did not answer the close")
		err = nil
	case errors.As(err, &end):
		t.note("%s\n  %s", closeLine(wire.CloseAbnormal, ""), closeSentence(wire.CloseAbnormal))
		err = errors.New("the connection was lost")
	default:
		err = fmt.Errorf("receiving: %w", err)
	}
	if err == nil {
		err = t.failed
	}
	if err == nil && left > 0 {
		why := "before the close"
		if t.late {
			why = "in time"
		}
		return fmt.Errorf("%d of the expected messages did not come %s", left, why)
	}
	return err
}

// closedWith prints a close. The server's own is a failure unless its code says that all is well.
func (t *talk) closedWith(code uint16, reason string) error {
	who := "the server"
	if t.closed && (code == t.code || code == wire.CloseNoStatus) { // else the two crossed
		who = "us"
	}
	t.note("closed by %s: %s\n  %s", who, closeLine(code, reason), closeSentence(code))
	if t.closed || code == wire.CloseNormal || code == wire.CloseGoingAway || code == wire.CloseNoStatus {
		return nil
	}
	return fmt.Errorf("closed with %d %s", code, wire.CodeText(code))
}

// receive takes in messages until the connection ends.
func (t *talk) receive() {
	for {
		op, p, err := t.conn.ReadMessage()
		h := happening{kind: gotText, text: string(p)}
		switch {
		case err != nil:
			h = happening{kind: gotEnd, err: err}
		case op == websocket.BinaryMessage:
			h.kind = gotBinary
		}
		if !t.tell(h) || err != nil {
			return
		}
	}
}

// show prints one happening.
func (t *talk) show(h happening) {
	switch h.kind {
	case gotText:
		if !utf8.ValidString(h.text) {
			t.note("the next text is not UTF-8, which breaks RFC 6455 §8.1")
		}
		t.print(t.std.out, "< %s", printable(h.text))
	case gotBinary:
		t.print(t.std.out, "< %s", binarySummary([]byte(h.text)))
	case gotPing:
		t.note("ping%s received and answered", quotedData(h.text))
	case gotPong:
		if sent, ok := t.pings[h.text]; ok {
			delete(t.pings, h.text)
			t.note("pong%s after %v", quotedData(h.text), time.Since(sent).Round(time.Microsecond))
		} else {
			t.note("pong%s, not asked for", quotedData(h.text))
		}
	case sentPing:
		t.pings[h.text] = h.at
	case sentAll:
		if t.failed = h.err; h.err != nil {
			t.close(wire.CloseGoingAway, "")
		}
	case wantClose:
		t.close(h.code, h.text)
	case noted:
		t.note("%s", h.text)
	}
}

// quotedData shows the data of a ping or pong, if there is any.
func quotedData(data string) string {
	if data == "" {
		return ""
	}
	return fmt.Sprintf(" %q", data)
}

// note prints what is not a message.
func (t *talk) note(format string, args ...any) { t.print(t.std.err, format, args...) }

func (t *talk) print(w io.Writer, format string, args ...any) {
	if t.prompt {
		io.WriteString(t.std.out, "\r\x1b[K") // the prompt gives way
	}
	fmt.Fprintf(w, format+"\n", args...)
}

func (t *talk) showPrompt() {
	if t.prompt && !t.closed && len(t.happen) == 0 {
		io.WriteString(t.std.out, "> ")
	}
}

// isTerminal reports whether a person is likely to sit at the other end of stream.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}

// lines reads one line after the other from r, without their ends.
func lines(r io.Reader) *bufio.Scanner {
	s := bufio.NewScanner(r)
	s.Buffer(nil, maxLine)
	return s
}

package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"framegate/engine/wire"

	"github.com/fasthttp/websocket"
)

// outgoing is what the sending side of a conversation says.
type outgoing struct {
	messages []string // sent first
	stdin    bool     // then the lines of standard input
}

// errClosing ends the sending after /close.
var errClosing = errors.New("closing")

// send says it all, then reports that it is done. The end of a terminal's input asks for a close.
func (t *talk) send(o outgoing) {
	err := t.sendMessages(o.messages)
	if err == nil && o.stdin {
		err = t.sendLines()
		if err == nil && t.person {
			t.tell(happening{kind: wantClose, code: wire.CloseNormal})
		}
	}
	if errors.Is(err, errClosing) || errors.Is(err, websocket.ErrCloseSent) {
		err = nil
	}
	if err != nil && !isMistake(err) {
		err = fmt.Errorf("sending: %w", err)
	}
	t.tell(happening{kind: sentAll, err: err})
}

func (t *talk) sendMessages(messages []string) error {
	for _, m := range messages {
		if err := t.sendText(m); err != nil {
			return err
		}
	}
	return nil
}

// sendLines sends standard input. A mistake in it is a note for a person, and the end for a pipe.
func (t *talk) sendLines() error {
	in := lines(t.std.in)
	for n := 1; in.Scan(); n++ {
		err := t.sendLine(in.Text())
		switch {
		case err == nil:
		case isMistake(err) && t.person:
			t.tell(happening{kind: noted, text: err.Error()})
		case isMistake(err):
			return mistakef("line %d: %w", n, err)
		default:
			return err
		}
	}
	if err := in.Err(); err != nil {
		return mistakef("reading standard input: %w", err)
	}
	return nil
}

// mistake is an error in what we were told to send, not in the connection.
type mistake struct{ error }

func (m mistake) Unwrap() error { return m.error }

func mistakef(format string, args ...any) error { return mistake{fmt.Errorf(format, args...)} }

func isMistake(err error) bool {
	_, ok := errors.AsType[mistake](err)
	return ok
}

// sendLine sends a line or does what the command in it says.
func (t *talk) sendLine(line string) error {
	if !strings.HasPrefix(line, "/") {
		return t.sendText(line)
	}
	if strings.HasPrefix(line, "//") {
		return t.sendText(line[1:])
	}
	name, rest, _ := strings.Cut(line[1:], " ")
	switch name {
	case "ping":
		return t.sendPing(rest)
	case "binary":
		return t.sendHex(rest)
	case "file":
		return t.sendFile(rest)
	case "close":
		return t.sendClose(rest)
	case "help":
		t.tell(happening{kind: noted, text: promptHelp})
		return nil
	}
	return mistakef("there is no command /%s; /help lists them, //%s sends the text", printable(name), printable(name))
}

const promptHelp = `/ping [DATA]  /binary HEX  /file PATH  /close [CODE] [REASON]  /help  //TEXT sends /TEXT`

func (t *talk) sendText(text string) error {
	if !utf8.ValidString(text) {
		return mistakef("a text message must be UTF-8; send bytes with /binary or /file")
	}
	return t.write(websocket.TextMessage, []byte(text))
}

func (t *talk) write(op int, p []byte) error {
	t.conn.SetWriteDeadline(time.Now().Add(writeWait))
	return t.conn.WriteMessage(op, p)
}

func (t *talk) sendPing(data string) error {
	if len(data) > wire.MaxControl {
		return mistakef("a ping holds at most %d bytes, this one has %d", wire.MaxControl, len(data))
	}
	t.tell(happening{kind: sentPing, text: data, at: time.Now()})
	return t.conn.WriteControl(websocket.PingMessage, []byte(data), time.Now().Add(writeWait))
}

func (t *talk) sendHex(digits string) error {
	p, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
	if err != nil {
		return mistakef("/binary wants pairs of hex digits, like 00ff10: %w", err)
	}
	return t.write(websocket.BinaryMessage, p)
}

func (t *talk) sendFile(path string) error {
	p, err := os.ReadFile(path)
	if err != nil {
		return mistakef("/file: %w", err)
	}
	if utf8.Valid(p) {
		return t.write(websocket.TextMessage, p)
	}
	return t.write(websocket.BinaryMessage, p)
}

func (t *talk) sendClose(rest string) error {
	code, reason, err := closeArguments(rest)
	if err != nil {
		return err
	}
	t.tell(happening{kind: wantClose, code: code, text: reason})
	return errClosing
}

// closeArguments reads "[CODE] [REASON]".
func closeArguments(rest string) (code uint16, reason string, err error) {
	if rest == "" {
		return wire.CloseNormal, "", nil
	}
	digits, reason, _ := strings.Cut(rest, " ")
	n, err := strconv.ParseUint(digits, 10, 16)
	if err != nil {
		return 0, "", mistakef("/close wants a code, then the reason: /close 4000 %s", printable(rest))
	}
	if code = uint16(n); !wire.ValidCode(code) {
		return 0, "", mistakef("close code %d must not be sent; use 1000-1003, 1007-1014 or 3000-4999", code)
	}
	if len(reason) > wire.MaxReason {
		return 0, "", mistakef("a close reason holds at most %d bytes, this one has %d", wire.MaxReason, len(reason))
	}
	return code, reason, nil
}

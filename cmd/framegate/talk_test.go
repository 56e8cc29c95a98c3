package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"framegate/engine/wire"
)

// serveFrames answers the upgrade rightly, sends frames, and reads until the client is gone, unless it is to hang up.
func serveFrames(t *testing.T, frames string, hangUp bool) string {
	return startRaw(t, func(c net.Conn, key string) {
		io.WriteString(c, switching(key)+"\r\n"+frames)
		if !hangUp {
			io.Copy(io.Discard, c)
		}
	})
}

func TestWhatAServerSays(t *testing.T) {
	bye := serverFrame(wire.Close, closePayload(1000, ""))
	tests := []struct {
		name      string
		frames    string
		hangUp    bool
		code      int
		out, errs string
	}{
		{"text that drives terminals", serverFrame(wire.Text, "\x1b]0;owned\a") + bye, false, exitDone, "< \\x1b]0;owned\\a\n", ""},
		{"text that is not UTF-8", serverFrame(wire.Text, "\xff") + bye, false, exitDone, "< \\xff\n", "the next text is not UTF-8"},
		{"binary", serverFrame(wire.Binary, "\x00\x1b") + bye, false, exitDone, "< binary, 2 bytes: 00 1b\n", ""},
		{"a ping", serverFrame(wire.Ping, "hey") + bye, false, exitDone, "", `ping "hey" received and answered`},
		{"a pong nobody asked for", serverFrame(wire.Pong, "") + bye, false, exitDone, "", "pong, not asked for"},
		{"a close without a code", serverFrame(wire.Close, ""), false, exitDone, "", "closed by the server: 1005 closed without a code"},
		{"a close with a reason that drives terminals", serverFrame(wire.Close, closePayload(3000, "\x1b[2J")), false, exitFailed, "", `closed by the server: 3000 unauthorized, reason "\x1b[2J"` + "\n  A token is missing"},
		{"a close of the application", serverFrame(wire.Close, closePayload(4711, "")), false, exitFailed, "", "The application gave this code its own meaning."},
		{"a lost connection", serverFrame(wire.Text, "last words"), true, exitFailed, "< last words\n", "1006 connection lost without a close\n  The TCP connection ended"},
		{"a frame that breaks the rules", "\x83\x00", false, exitFailed, "", "framegate: receiving: websocket: bad opcode 3"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			code, out, errs := framegate(t, "", "connect", serveFrames(t, test.frames, test.hangUp))
			if code != test.code || out != test.out || !strings.Contains(errs, test.errs) {
				t.Errorf("exit code %d, want %d; printed %q, want %q; standard error should hold %q:\n%s", code, test.code, out, test.out, test.errs, errs)
			}
		})
	}
}

func TestNoMoreIsPrintedThanWasWaitedFor(t *testing.T) {
	url := serveFrames(t, serverFrame(wire.Text, "1")+serverFrame(wire.Text, "2")+serverFrame(wire.Text, "3")+serverFrame(wire.Close, closePayload(1008, "")), false)
	code, out, errs := framegate(t, "", "connect", url, "-m", "x", "--wait", "2")
	if code != exitDone || out != "< 1\n< 2\n" || !strings.Contains(errs, "closed by the server: 1008") {
		t.Errorf("exit code %d, printed %q:\n%s", code, out, errs)
	}
}

func TestEveryCloseCodeIsExplained(t *testing.T) {
	for code := uint16(1000); code < 5000; code++ {
		if closeSentence(code) == "" {
			t.Errorf("%d has no sentence", code)
		}
		_, own := closeSentences[code]
		if general := strings.HasPrefix(closeSentence(code), "RFC 6455 gives this code no meaning"); wire.ValidCode(code) && code < 3000 && !own || own && general {
			t.Errorf("%d is explained as %q", code, closeSentence(code))
		}
	}
}

// TestALongPipe sends far more than sockets hold, to a server that answers everything.
func TestALongPipe(t *testing.T) {
	var in, want strings.Builder
	line := strings.Repeat("x", 10_000)
	for range 2_000 {
		in.WriteString(line + "\n")
		want.WriteString("< " + line + "\n")
	}
	code, out, errs := framegate(t, in.String(), "connect", startEcho(t), "--wait", "2000")
	if code != exitDone || out != want.String() {
		t.Errorf("exit code %d, %d bytes printed, want %d:\n%s", code, len(out), want.Len(), errs)
	}
}

func TestAServerThatGoesWhileWeSend(t *testing.T) {
	url := serveFrames(t, serverFrame(wire.Text, "enough"), true)
	code, _, errs := framegate(t, strings.Repeat(strings.Repeat("x", 10_000)+"\n", 2_000), "connect", url)
	if code != exitFailed || !strings.Contains(errs, "framegate: ") {
		t.Errorf("exit code %d, standard error:\n%s", code, errs)
	}
}

func TestMistakesInWhatIsSent(t *testing.T) {
	tests := []struct{ line, errs string }{
		{"not \xff UTF-8", "a text message must be UTF-8"},
		{"/binary 0", "/binary wants pairs of hex digits"},
		{"/file nowhere", "/file: open nowhere"},
		{"/ping " + strings.Repeat("x", 126), "a ping holds at most 125 bytes"},
		{"/close now", "/close 4000 now"},
		{"/close 1005", "close code 1005 must not be sent"},
		{"/close 1000 " + strings.Repeat("x", 124), "at most 123 bytes"},
		{"/quit", "there is no command /quit"},
	}
	url := startEcho(t)
	for _, test := range tests {
		code, out, errs := framegate(t, "fine\n"+test.line+"\n", "connect", url)
		if code != exitFailed || out != "< fine\n" || !strings.Contains(errs, "framegate: line 2: ") || !strings.Contains(errs, test.errs) {
			t.Errorf("%q: exit code %d, printed %q, standard error should hold %q:\n%s", test.line, code, out, test.errs, errs)
		}
	}
}

func TestASignalEndsTheConversation(t *testing.T) {
	in, typed := io.Pipe()
	defer typed.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	said := make(chan string, 1)
	url := startRaw(t, func(c net.Conn, key string) {
		io.WriteString(c, switching(key)+"\r\n")
		cancel()
		frame := make([]byte, 6+2) // a close with a code
		io.ReadFull(c, frame)
		wire.Mask(frame[6:], [4]byte(frame[2:6]), 0)
		said <- fmt.Sprintf("%x %x", frame[0], frame[6:])
		io.WriteString(c, serverFrame(wire.Close, closePayload(1001, "")))
	})
	var out, errs bytes.Buffer
	if code := run(ctx, []string{"connect", url}, stdio{in, &out, &errs}); code != exitDone {
		t.Errorf("exit code %d", code)
	}
	if got := <-said; got != "88 03e9" {
		t.Errorf("the server got %s, want a close frame (88) with 1001 (03e9)", got)
	}
	if !strings.Contains(errs.String(), "closed by us: 1001 going away") {
		t.Errorf("standard error:\n%s", &errs)
	}
}

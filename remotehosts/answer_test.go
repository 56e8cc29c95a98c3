package remotehosts

import (
	"bufio"
	"bytes"
	"errors"
	"testing"
)

// Whatever a host sends, reading its answer ends without a panic, and what is
// passed on is a final answer that fits its bounds and says nothing about framing.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 401 Unauthorized\r\nContent-Length: 3\r\n\r\nabc",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nA: b\r\n\r\n",
		"HTTP/1.0 503 Busy\r\nConnection: X\r\nX: 1\r\n\r\nuntil close",
		"HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x00",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		r := bufio.NewReader(bytes.NewReader(sent))
		a, err := readFinal(r)
		if err != nil || a.status == 101 {
			return
		}
		var refused *Refused
		if !errors.As(a.refusal(r), &refused) {
			return
		}
		answer := &refused.Answer
		if answer.Status < 200 || answer.Status > 599 || len(answer.Body) > len(sent) {
			t.Errorf("answer %d with %d bytes out of %d", answer.Status, len(answer.Body), len(sent))
		}
		for _, name := range []string{"Content-Length", "Transfer-Encoding", "Connection"} {
			if answer.Headers.Has(name) {
				t.Errorf("%s goes on", name)
			}
		}
	})
}

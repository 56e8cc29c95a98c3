package engine

import (
	"bytes"
	"compress/flate"
	"io"
	"strings"
	"testing"

	"framegate/engine/wire"
)

// What may be wrong with a compressed message, from either side; the other side
// sees no byte of it.
func TestViolationsOfCompression(t *testing.T) {
	bomb := stdDeflate(strings.Repeat("\x00", 64<<20))
	for _, tt := range []struct {
		name   string
		frames []piece
		want   *wire.Error
	}{
		{"invalid data", []piece{frame(final|rsv1|opText, "\x06")}, wire.ErrDeflate},
		{"no data", []piece{frame(final|rsv1|opBinary, "")}, wire.ErrDeflate},
		{"cut short", []piece{frame(final|rsv1|opText, newPeerDeflate(true).pack(said)[:30])}, wire.ErrDeflate},
		{"a reference to the message before", []piece{frame(final|rsv1|opText, "\xf2\x48\xcd\xc9\xc9\x07\x00"), frame(final|rsv1|opText, "\xf2\x00\x11\x00\x00")}, wire.ErrDeflate},
		{"not UTF-8", []piece{frame(final|rsv1|opText, newPeerDeflate(true).pack("\xff"+said))}, wire.ErrUTF8},
		{"a bomb", []piece{frame(final|rsv1|opBinary, bomb)}, wire.ErrTooBig},
		{"too long without compression", []piece{frame(final|opBinary, strings.Repeat("x", 1<<20+1))}, wire.ErrTooBig},
		{"RSV1 on a continuation", []piece{frame(rsv1|opText, "\xf2"), frame(final|rsv1|opContinuation, "\x00")}, wire.ErrReservedBits},
		{"RSV1 on a ping", []piece{frame(final|rsv1|opPing, "\x00")}, wire.ErrReservedBits},
		{"RSV1 on a Close", []piece{frame(final|rsv1|opClose, "")}, wire.ErrReservedBits},
		{"RSV2", []piece{frame(final|rsv1|0x20|opText, "\x00")}, wire.ErrReservedBits},
	} {
		for _, from := range []Side{ClientSide, HostSide} {
			t.Run(tt.name+" from "+from.String(), func(t *testing.T) {
				r, host := startDeflating(t, &Websocket{Compression: on})
				client, h, _ := compressed(t, r.address, host, "/", "permessage-deflate", "")
				h.deflate = newPeerDeflate(true)
				bad, other, lost := client, h, closeBody(wire.CloseGoingAway, "client lost")
				if from == HostSide {
					bad, other, lost = h, client, closeBody(wire.CloseBadGateway, "host lost")
				}
				go func() {
					for _, f := range tt.frames {
						bad.Write(bad.frame(f.first, f.body))
					}
				}()
				if tt.name == "a reference to the message before" {
					other.gets(t, opText, "Hello")
				}
				other.gets(t, opClose, lost)
				other.send(opClose, lost)
				bad.getsClose(t, tt.want.Code, tt.want.What)
				bad.Close()
				other.Close()
				if c := r.gone(); c.Code != tt.want.Code {
					t.Errorf("recorded with %d", c.Code)
				}
			})
		}
	}
}

// stdDeflate is what the standard library makes of a message.
func stdDeflate(body string) string {
	var out bytes.Buffer
	w, _ := flate.NewWriter(&out, flate.BestCompression)
	io.WriteString(w, body)
	w.Flush()
	return strings.TrimSuffix(out.String(), "\x00\x00\xff\xff")
}

// The limit counts inflated bytes: a message that cannot be compressed may be as
// long as one that can.
func TestTheLimitCountsInflatedBytes(t *testing.T) {
	const limit = 64 << 10
	r, host := startDeflating(t, &Websocket{Compression: on, Limits: Limits{Message: limit}})
	client, h, _ := compressed(t, r.address, host, "/", "permessage-deflate", "")
	h.deflate = newPeerDeflate(true)
	noise := noiseData()[:limit]
	if len(client.deflate.pack(noise)) <= limit {
		t.Fatal("the noise can be compressed")
	}
	client.say(opBinary, noise, 0)
	h.gets(t, opBinary, noise)
	client.say(opBinary, strings.Repeat("x", limit), 0)
	h.gets(t, opBinary, strings.Repeat("x", limit))
	client.say(opBinary, strings.Repeat("x", limit+1), 0)
	h.getsClose(t, wire.CloseGoingAway, "client lost")
	h.sendClose(wire.CloseGoingAway, "")
	client.getsClose(t, wire.CloseTooBig, wire.ErrTooBig.What)
}

package engine

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/fasthttp/websocket"

	"framegate/engine/wire"
)

// on is the compression of a websocket that says `compression: on`.
var on = Compression{Client: true, Host: true, MinSize: 128, Context: 2 << 10}

// deflating starts a gateway in message mode with compression, in front of a
// host that the test plays.
func startDeflating(t *testing.T, w *Websocket) (*running, *wsHost) {
	t.Helper()
	w.Path, w.MessageMode = "/", true
	r, host := through(t, w)
	host.answer = deflateAnswer
	return r, host
}

// wireFrame reads a data frame as it is on the wire, without inflating it.
func (p *wsPeer) wireFrame(t *testing.T) (first byte, payload string) {
	t.Helper()
	var head [8]byte
	io.ReadFull(p.r, head[:2])
	length := int(head[1] & 0x7F)
	if length > 125 {
		io.ReadFull(p.r, head[2:4])
		length = int(head[2])<<8 | int(head[3])
	}
	var key [4]byte
	if head[1]&0x80 != 0 {
		io.ReadFull(p.r, key[:])
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(p.r, body); err != nil {
		t.Fatal(err)
	}
	mask(body, key, 0)
	return head[0], string(body)
}

var said = strings.Repeat(`{"said":"again"},`, 20)

// What no filter changes goes on byte for byte as it was compressed; what one
// changes is compressed anew; and both ends read on, whichever way a message went.
func TestUnchangedMessagesGoOnAsTheyWereCompressed(t *testing.T) {
	change := policyOf("change", filterFunc(func(m *Message) (bool, error) {
		if bytes.HasPrefix(m.Body(), []byte("change ")) {
			m.SetBody(append([]byte("changed "), m.Body()[7:]...))
		}
		return true, nil
	}))
	r, host := startDeflating(t, &Websocket{Compression: on, ClientFrame: change})
	client, h, agreed := compressed(t, r.address, host, "/", "permessage-deflate; client_max_window_bits", "")
	if agreed != "permessage-deflate; client_no_context_takeover" {
		t.Fatalf("agreed on %q", agreed)
	}
	h.deflate = newPeerDeflate(true)
	for i := range 3 {
		body := fmt.Sprint(said, i)
		packed := newPeerDeflate(true).pack(body)
		client.Write(client.frame(final|rsv1|opText, packed))
		if first, payload := h.wireFrame(t); first != final|rsv1|opText || payload != packed {
			t.Fatalf("message %d arrived as %x %q, sent was %q", i, first, payload, packed)
		}
		h.deflate.window = append(h.deflate.window, body...)
		client.say(opText, "change "+body, 0)
		h.gets(t, opText, "changed "+body)
		client.send(opText, "change "+body) // not compressed by the client
		h.gets(t, opText, "changed "+body)
		client.send(opText, "short")
		if first, payload := h.wireFrame(t); first != final|opText || payload != "short" {
			t.Fatalf("a message shorter than minSize arrived as %x %q", first, payload)
		}
		h.say(opBinary, body, 7)
		client.gets(t, opBinary, body)
		h.send(opPing, said[:100])
		client.gets(t, opPing, said[:100])
	}
	if got := r.only().Info().Compression; got != "client, host" {
		t.Errorf("Info says %q", got)
	}
}

// Receivers differ in whether they read on behind a block that says it is the
// last. A policy has seen all of it, so all of it is what goes on.
func TestABlockThatSaysItIsTheLastDoesNotGoOn(t *testing.T) {
	r, host := startDeflating(t, &Websocket{Compression: Compression{Client: true, Host: true}})
	client, h, _ := compressed(t, r.address, host, "/", "permessage-deflate", "")
	h.deflate = newPeerDeflate(true)
	const hello = "\xf3\x48\xcd\xc9\xc9\x07\x00\x00" // RFC 7692 §7.2.3.4
	client.Write(client.frame(final|rsv1|opText, hello))
	if first, payload := h.wireFrame(t); first&rsv1 != 0 && payload[0]&1 == 1 || strings.Contains(payload, hello) {
		t.Errorf("arrived as %x %q", first, payload)
	}
	client.Write(client.frame(final|rsv1|opText, hello[:7]+"\xf2\x48\xcd\xc9\xc9\x07\x00"))
	if first, payload := h.wireFrame(t); first&rsv1 == 0 && payload != "HelloHello" || first&rsv1 != 0 && payload[0]&1 == 1 {
		t.Errorf("arrived as %x %q", first, payload)
	}
}

// One leg is compressed and the other is not, either way round.
func TestCompressionOnOneLeg(t *testing.T) {
	for _, tt := range []struct {
		name, offer, answer, info string
		own                       Compression
	}{
		{"client only", "permessage-deflate", "-", "client", on},
		{"host only", "-", "", "host", on},
		{"client only, as configured", "permessage-deflate", "", "client", Compression{Client: true}},
		{"host only, as configured", "permessage-deflate", "", "host", Compression{Host: true}},
		{"neither can", "-", "-", "", on},
		{"client offers what is declined", "permessage-deflate; bogus", "-", "", on},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, host := startDeflating(t, &Websocket{Compression: tt.own})
			client, h, agreed := compressed(t, r.address, host, "/", tt.offer, tt.answer)
			if (agreed != "") != strings.HasPrefix(tt.info, "client") {
				t.Errorf("the client agreed on %q", agreed)
			}
			if tt.info == "host" {
				h.deflate = newPeerDeflate(true)
			}
			for range 3 {
				client.say(opText, said, 0)
				h.gets(t, opText, said)
				h.say(opText, said, 50)
				client.gets(t, opText, said)
			}
			if got := r.only().Info().Compression; got != tt.info {
				t.Errorf("Info says %q, want %q", got, tt.info)
			}
			if tt.info == "" {
				client.Write(client.frame(final|rsv1|opText, "\x00"))
				h.getsClose(t, wire.CloseGoingAway, "client lost")
				h.sendClose(wire.CloseGoingAway, "")
				client.getsClose(t, wire.CloseProtocolError, wire.ErrReservedBits.What)
			}
		})
	}
}

// What a policy or the console sends in between does not confuse the contexts.
func TestInjectedMessagesBetweenCompressedOnes(t *testing.T) {
	chatty := policyOf("chatty", filterFunc(func(m *Message) (bool, error) {
		return true, errorsOf(m.Send(m.From(), wire.Text, []byte("back "+said)), m.Send(m.From().Other(), wire.Text, []byte("on "+said)))
	}))
	own := on
	own.PeerContext = wire.MaxContext
	r, host := startDeflating(t, &Websocket{Compression: own, ClientFrame: chatty})
	client, h, _ := compressed(t, r.address, host, "/", "permessage-deflate", "")
	h.deflate = newPeerDeflate(false)
	for range 3 {
		client.say(opText, said, 0)
		client.gets(t, opText, "back "+said)
		h.gets(t, opText, "on "+said)
		h.gets(t, opText, said)
		if err := r.only().Send(HostSide, wire.Text, []byte("console")); err != nil {
			t.Fatal(err)
		}
		h.gets(t, opText, "console")
		h.say(opText, said, 0)
		client.gets(t, opText, said)
	}
}

// What needs text from before, or a larger window than the other peer has, is
// compressed anew.
func TestWhatMayGoOnAsItCame(t *testing.T) {
	for _, tt := range []struct {
		in, out wire.DeflateSide
		want    bool
	}{
		{wire.DeflateSide{NoContext: true, Bits: 15}, wire.DeflateSide{Bits: 15}, true},
		{wire.DeflateSide{NoContext: true, Bits: 9}, wire.DeflateSide{NoContext: true, Bits: 15}, true},
		{wire.DeflateSide{NoContext: true, Bits: 15}, wire.DeflateSide{NoContext: true, Bits: 14}, false},
		{wire.DeflateSide{Bits: 15}, wire.DeflateSide{Bits: 15}, false},
	} {
		s := &Session{}
		s.agreeDeflate(&wire.Deflate{tt.in, {Bits: 15}}, &wire.Deflate{tt.out, {Bits: 15}}, &on)
		if got := s.pumps[ClientSide].deflate.same; got != tt.want {
			t.Errorf("%+v to %+v: %v", tt.in, tt.out, got)
		}
	}
}

func errorsOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

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

// The log has messages as a reader wants them, and how long they were on the wire.
func TestCompressedMessagesInTheLog(t *testing.T) {
	frameOf := func(r *running) Record {
		records, _ := r.Journal().Read(0, DefaultJournal)
		for _, rec := range records {
			if rec.Kind == FrameRecord {
				return rec
			}
		}
		t.Fatal("no frame was recorded")
		return Record{}
	}
	packed := newPeerDeflate(true).pack(said)
	t.Run("message mode", func(t *testing.T) {
		r, host := startDeflating(t, &Websocket{Compression: on, Log: LogRules{Payload: 100}})
		client, h, _ := compressed(t, r.address, host, "/", "permessage-deflate", "")
		h.deflate = newPeerDeflate(true)
		client.say(opText, said, 0)
		h.gets(t, opText, said)
		if rec := frameOf(r); string(rec.Before) != said[:100] || rec.Size != int64(len(said)) || rec.Compressed != int64(len(packed)) {
			t.Errorf("%q, %d bytes, %d on the wire", rec.Before, rec.Size, rec.Compressed)
		}
	})
	for _, kept := range []int{100, 35, 10 << 10} {
		t.Run(fmt.Sprintf("raw mode, %d bytes", kept), func(t *testing.T) {
			r, host := through(t, &Websocket{Path: "/", Log: LogRules{Payload: kept}})
			host.answer = deflateAnswer
			client, h, agreed := compressed(t, r.address, host, "/", "permessage-deflate; server_no_context_takeover", "; client_no_context_takeover")
			if agreed != "permessage-deflate; client_no_context_takeover; server_no_context_takeover" {
				t.Fatalf("agreed on %q", agreed)
			}
			h.deflate = newPeerDeflate(true)
			client.say(opText, said, 0)
			h.gets(t, opText, said)
			rec := frameOf(r)
			if len(rec.Before) == 0 || !strings.HasPrefix(said, string(rec.Before)) || rec.Compressed != int64(len(packed)) {
				t.Errorf("%q, %d bytes on the wire", rec.Before, rec.Compressed)
			}
			if kept >= 100 && len(rec.Before) != min(kept, len(said)) {
				t.Errorf("%d bytes are kept", len(rec.Before))
			}
			if whole := len(rec.Before) == len(said); whole != (rec.Size == int64(len(rec.Before))) {
				t.Errorf("%d of %d bytes are kept", len(rec.Before), rec.Size)
			}
		})
	}
	t.Run("raw mode, in the words of the message before", func(t *testing.T) {
		r, host := through(t, &Websocket{Path: "/", Log: LogRules{Payload: 100}})
		host.answer = deflateAnswer
		client, h, _ := compressed(t, r.address, host, "/", "permessage-deflate", "")
		client.Write(client.frame(final|rsv1|opText, "\xf2\x00\x11\x00\x00"))
		h.deflate = newPeerDeflate(true)
		h.deflate.window = []byte("Hello")
		h.gets(t, opText, "Hello")
		if rec := frameOf(r); rec.Compressed != 5 || strings.TrimPrefix("Hello", string(rec.Before)) == "" {
			t.Errorf("%q, %d bytes on the wire", rec.Before, rec.Compressed)
		}
	})
}

// A session whose legs compress stays in message mode when a reload takes its
// policies away.
func TestMigrationKeepsCompression(t *testing.T) {
	w := &Websocket{Compression: on, ClientFrame: native(), Hash: "1"}
	r, host := startDeflating(t, w)
	client, h, _ := compressed(t, r.address, host, "/", "permessage-deflate", "")
	h.deflate = newPeerDeflate(true)
	client.say(opText, said, 0)
	h.gets(t, opText, said)
	r.reload(snapshotOf(&Websocket{Path: "/", Upgrade: w.Upgrade, OnChange: Migrate, Hash: "2"}))
	client.say(opText, said, 0)
	h.gets(t, opText, said)
	h.say(opText, said, 0)
	client.gets(t, opText, said)
}

// A peer of another make, the echoing host as well: fasthttp/websocket compresses
// only where neither side keeps a context.
func TestCompressionWithAnotherMake(t *testing.T) {
	host := newEchoHost(t)
	r := start(t, snapshotOf(&Websocket{Path: "/", Upgrade: policyOf("admit", dial{host.address}), MessageMode: true, Compression: Compression{Client: true, Host: true}}))
	dialer := websocket.Dialer{EnableCompression: true}
	c, answer, err := dialer.Dial("ws://"+r.address+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if answer.Header.Get("Sec-WebSocket-Extensions") == "" {
		t.Fatal("no compression")
	}
	for _, body := range []string{said, "", strings.Repeat(said, 200), noiseData()} {
		echo(t, c, websocket.BinaryMessage, body)
	}
}

func TestNoAllocationPerCompressedMessage(t *testing.T) {
	if racing {
		t.Skip("the race detector makes sync.Pool drop values at random")
	}
	for name, policy := range map[string]*Policy{"unchanged": native(), "changed": shout()} {
		t.Run(name, func(t *testing.T) {
			p, burst := deflatingPump(policy, 1000)
			var b [smallBuffer]byte
			relay := func() {
				if err := p.consume(b[:], copy(b[headroom:], burst), true); err != nil {
					t.Fatal(err)
				}
			}
			for range 10 {
				relay()
			}
			if n := testing.AllocsPerRun(100, relay); n >= 1 {
				t.Errorf("%v allocations for a burst", n)
			}
		})
	}
}

// shout changes every message, in place of a filter that allocates.
func shout() *Policy {
	var body [64 << 10]byte
	return policyOf("shout", filterFunc(func(m *Message) (bool, error) {
		n := copy(body[:], m.Body())
		body[0] = '!'
		m.SetBody(body[:n])
		return true, nil
	}))
}

// deflatingPump is the pump from a client to a sink, and a compressed message.
func deflatingPump(policy *Policy, size int) (*pump, []byte) {
	w := &Websocket{Log: LogRules{Off: true}, ClientFrame: policy, Compression: on, snapshot: &Snapshot{}}
	p, _ := pumpFor(ClientSide, w)
	agreed := wire.Deflate{{NoContext: true, Bits: 15}, {Bits: 15}}
	toHost := wire.Deflate{{Bits: 15}, {NoContext: true, Bits: 15}}
	p.s.agreeDeflate(&agreed, &toHost, &w.Compression)
	p.reader = nil
	p.use(w)
	packed := newPeerDeflate(true).pack(jsonData()[:size])
	return p, wire.AppendFrame(nil, wire.Header{Fin: true, Rsv: wire.Rsv1, Op: wire.Binary, Masked: true, Key: maskKey}, []byte(packed))
}

// A message inflated, looked at, and passed on as it came, or changed and
// deflated: MB/s are of plain text.
func BenchmarkCompressed(b *testing.B) {
	for _, name := range []string{"unchanged", "changed"} {
		for _, size := range []int{150, 1 << 10, 16 << 10} {
			b.Run(fmt.Sprintf("%s/%d bytes", name, size), func(b *testing.B) {
				policy := native()
				if name == "changed" {
					policy = shout()
				}
				p, burst := deflatingPump(policy, size)
				buf := make([]byte, largeBuffer)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					if err := p.consume(buf, copy(buf[headroom:], burst), true); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

package engine

import (
	"bytes"
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

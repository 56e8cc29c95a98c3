package wire_test

import (
	"bytes"
	"errors"
	"testing"

	"framegate/engine/wire"
)

func TestHeaderLengths(t *testing.T) {
	for length, size := range map[int64]int{
		0: 2, 1: 2, 125: 2, 126: 4, 127: 4, 65535: 4, 65536: 10, 1 << 32: 10, 1<<63 - 1: 10,
	} {
		for _, masked := range []bool{false, true} {
			want := wire.Header{Fin: true, Rsv: wire.Rsv1, Op: wire.Binary, Masked: masked, Length: length}
			wantSize := size
			if masked {
				want.Key, wantSize = key, size+4
			}
			p := wire.AppendHeader([]byte("before"), want)[len("before"):]
			got, n, err := wire.ParseHeader(append(p, "payload"...))
			if got != want || n != wantSize || err != nil {
				t.Errorf("length %d: got %+v, %d, %v", length, got, n, err)
			}
			for cut := range len(p) {
				if _, n, err := wire.ParseHeader(p[:cut]); n != 0 || err != nil {
					t.Errorf("length %d cut to %d bytes: %d, %v", length, cut, n, err)
				}
			}
		}
	}
}

func TestHeaderBits(t *testing.T) {
	tests := []struct {
		bytes string
		want  wire.Header
	}{
		{"\x81\x05", wire.Header{Fin: true, Op: wire.Text, Length: 5}},
		{"\x01\x03", wire.Header{Op: wire.Text, Length: 3}},
		{"\x80\x02", wire.Header{Fin: true, Op: wire.Continuation, Length: 2}},
		{"\xC2\x00", wire.Header{Fin: true, Rsv: wire.Rsv1, Op: wire.Binary}},
		{"\xA9\x00", wire.Header{Fin: true, Rsv: wire.Rsv2, Op: wire.Ping}},
		{"\x9A\x00", wire.Header{Fin: true, Rsv: wire.Rsv3, Op: wire.Pong}},
		{"\x88\x82\x01\x02\x03\x04", wire.Header{Fin: true, Op: wire.Close, Masked: true, Key: [4]byte{1, 2, 3, 4}, Length: 2}},
		{"\x8F\x00", wire.Header{Fin: true, Op: 15}},
	}
	for _, tt := range tests {
		got, n, err := wire.ParseHeader([]byte(tt.bytes))
		if got != tt.want || n != len(tt.bytes) || err != nil {
			t.Errorf("%x: got %+v, %d, %v", tt.bytes, got, n, err)
		}
		if back := wire.AppendHeader(nil, tt.want); string(back) != tt.bytes {
			t.Errorf("%+v: appended %x, want %x", tt.want, back, tt.bytes)
		}
	}
}

func TestHeaderRejectedEarly(t *testing.T) {
	tests := []struct {
		name, bytes string // rejected with the last byte, not before
		want        error
	}{
		{"16 bits for 125", "\x82\x7E\x00\x7D", wire.ErrLengthNotMinimal},
		{"16 bits for 0", "\x82\xFE\x00\x00", wire.ErrLengthNotMinimal},
		{"64 bits for 65535", "\x82\x7F\x00\x00\x00\x00\x00\x00", wire.ErrLengthNotMinimal},
		{"top bit", "\x82\x7F\x80", wire.ErrLengthTopBit},
		{"all bits", "\x82\xFF\xFF", wire.ErrLengthTopBit},
	}
	for _, tt := range tests {
		p := []byte(tt.bytes)
		if _, n, err := wire.ParseHeader(p[:len(p)-1]); n != 0 || err != nil {
			t.Errorf("%s, one byte short: %d, %v", tt.name, n, err)
		}
		_, _, err := wire.ParseHeader(p)
		if code, _ := wire.CodeOf(err); !errors.Is(err, tt.want) || code != wire.CloseProtocolError {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestAppendFrameLeavesThePayloadAlone(t *testing.T) {
	payload := []byte("Hello")
	h := wire.Header{Fin: true, Op: wire.Text, Masked: true, Key: [4]byte{0x37, 0xfa, 0x21, 0x3d}}
	want := []byte{0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58} // RFC 6455 §5.7
	if got := wire.AppendFrame(nil, h, payload); !bytes.Equal(got, want) {
		t.Errorf("masked: %x", got)
	}
	if string(payload) != "Hello" {
		t.Errorf("payload became %q", payload)
	}
	h.Masked = false
	if got := wire.AppendFrame([]byte("x"), h, payload); string(got) != "x\x81\x05Hello" {
		t.Errorf("unmasked: %x", got)
	}
}

func TestOpWords(t *testing.T) {
	for op, want := range map[wire.Op]string{0: "continuation", 1: "text", 2: "binary", 3: "reserved 3", 8: "close",
		9: "ping", 10: "pong", 11: "reserved 11"} {
		if got := op.String(); got != want {
			t.Errorf("%d is %q", byte(op), got)
		}
		if op.IsControl() != (op >= 8) || op.IsData() != (op <= 2) {
			t.Errorf("%v: control %v, data %v", op, op.IsControl(), op.IsData())
		}
	}
	if wire.FromClient.Other() != wire.FromServer || wire.FromServer.Other() != wire.FromClient {
		t.Error("sides are not each other's other")
	}
	if wire.FromClient.String() != "client" || wire.FromServer.String() != "server" {
		t.Error("sides have wrong words")
	}
}

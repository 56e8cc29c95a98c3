package wire_test

import (
	"errors"
	"strings"
	"testing"

	"framegate/engine/wire"
)

// plain is a client's bytes without masks, which State then takes for a server's; so the tables stay legible.
var plain = wire.State{Side: wire.FromServer}

var rules = []struct {
	name  string
	state wire.State
	bytes string
	want  error
}{
	{"masked client frame", wire.State{}, "\x81\x82\x00\x00\x00\x00hi", nil},
	{"unmasked client frame", wire.State{}, "\x81\x02hi", wire.ErrMaskRequired},
	{"unmasked client ping", wire.State{}, "\x89\x00", wire.ErrMaskRequired},
	{"unmasked server frame", plain, "\x81\x02hi", nil},
	{"masked server frame", plain, "\x81\x82\x00\x00\x00\x00hi", wire.ErrMaskForbidden},

	{"rsv1", plain, "\xC1\x02hi", wire.ErrReservedBits},
	{"rsv2", plain, "\xA1\x02hi", wire.ErrReservedBits},
	{"rsv3", plain, "\x91\x02hi", wire.ErrReservedBits},
	{"rsv1 agreed", wire.State{Side: wire.FromServer, Rsv1: true}, "\xC1\x02hi", nil},
	{"rsv1 agreed, rsv2 not", wire.State{Side: wire.FromServer, Rsv1: true}, "\xE1\x02hi", wire.ErrReservedBits},
	{"rsv1 agreed, on a ping", wire.State{Side: wire.FromServer, Rsv1: true}, "\xC9\x00", wire.ErrReservedBits},
	{"rsv1 agreed, on a continuation", wire.State{Side: wire.FromServer, Rsv1: true}, "\x41\x01h\xC0\x01i", wire.ErrReservedBits},
	{"any rsv", wire.State{Side: wire.FromServer, AnyRsv: true}, "\x71\x01h\xF9\x00\xF0\x01i\xF2\x00", nil},
	{"any rsv on a close: its payload is the peers' business", wire.State{Side: wire.FromServer, AnyRsv: true}, "\xC8\x01x", nil},

	{"opcode 3", plain, "\x83\x00", wire.ErrReservedOp},
	{"opcode 7, not final", plain, "\x07\x00", wire.ErrReservedOp},
	{"opcode 11", plain, "\x8B\x00", wire.ErrReservedOp},
	{"opcode 15", plain, "\x8F\x00", wire.ErrReservedOp},
	{"opcode 5 with any rsv", wire.State{Side: wire.FromServer, AnyRsv: true}, "\x85\x00", wire.ErrReservedOp},
	{"an HTTP request after the upgrade", wire.State{}, "GET / HTTP/1.1\r\n", wire.ErrMaskRequired},

	{"ping of 126", plain, "\x89\x7E\x00\x7E", wire.ErrControlTooLong},
	{"close of 65536", plain, "\x88\x7F\x00\x00\x00\x00\x00\x01\x00\x00", wire.ErrControlTooLong},
	{"fragmented ping", plain, "\x09\x00", wire.ErrControlFragmented},
	{"fragmented close", plain, "\x08\x00", wire.ErrControlFragmented},

	{"continuation first", plain, "\x80\x02hi", wire.ErrNoMessage},
	{"continuation first, not final", plain, "\x00\x02hi", wire.ErrNoMessage},
	{"continuation after a whole message", plain, "\x81\x02hi\x80\x02ho", wire.ErrNoMessage},
	{"text within a text", plain, "\x01\x02hi\x81\x02ho", wire.ErrMessageUnfinished},
	{"binary within a text", plain, "\x01\x02hi\x02\x02ho", wire.ErrMessageUnfinished},
	{"ping within a message", plain, "\x01\x01h\x89\x00\x80\x01i", nil},
	{"empty fragments", plain, "\x01\x00\x00\x00\x80\x00", nil},

	{"length not minimal, 16 bits", plain, "\x81\x7E\x00\x05hello", wire.ErrLengthNotMinimal},
	{"length not minimal, 16 bits for 125", plain, "\x81\x7E\x00\x7D" + strings.Repeat("x", 125), wire.ErrLengthNotMinimal},
	{"length not minimal, 64 bits", plain, "\x81\x7F\x00\x00\x00\x00\x00\x00\x00\x05hello", wire.ErrLengthNotMinimal},
	{"top bit", plain, "\x82\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", wire.ErrLengthTopBit},

	{"close without payload", plain, "\x88\x00", nil},
	{"close with one byte", plain, "\x88\x01\x03", wire.ErrClosePayload},
	{"close 1000", plain, "\x88\x02\x03\xE8", nil},
	{"close 1005", plain, "\x88\x02\x03\xED", wire.ErrCloseCode},
	{"close with a bad reason", plain, "\x88\x04\x03\xE8\xC3\x28", wire.ErrCloseReason},
	{"masked close 999", wire.State{}, "\x88\x82\x01\x01\x01\x01\x02\xE6", wire.ErrCloseCode},
	{"anything after a close", plain, "\x88\x00\xFF\xFF\xFF\xFF", nil},

	{"a message of 16 MiB", plain, "\x82\x7F\x00\x00\x00\x00\x01\x00\x00\x00", wire.ErrTooBig},
	{"a message of 2^63-1", plain, "\x82\x7F\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF", wire.ErrTooBig},
	{"2^63-1 after a fragment", plain, "\x02\x01x\x80\x7F\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF", wire.ErrTooBig},
}

// TestRules has every rule hold in both modes, whether bytes come at once or one by one.
func TestRules(t *testing.T) {
	for _, tt := range rules {
		for _, size := range []int{1, 3, len(tt.bytes)} {
			r := wire.Reader{State: tt.state}
			f := wire.Follower{State: tt.state}
			if err := readIn(&r, tt.bytes, size); !errors.Is(err, tt.want) {
				t.Errorf("%s, %d bytes at a time: reader says %v, want %v", tt.name, size, err, tt.want)
			}
			if err := followIn(&f, tt.bytes, size); !errors.Is(err, tt.want) {
				t.Errorf("%s, %d bytes at a time: follower says %v, want %v", tt.name, size, err, tt.want)
			}
		}
	}
}

func readIn(r *wire.Reader, p string, size int) error {
	for len(p) > 0 {
		n := min(size, len(p))
		if _, err := readAll(r, []byte(p[:n]), func() bool { return false }); err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

func followIn(f *wire.Follower, p string, size int) error {
	for len(p) > 0 {
		n := min(size, len(p))
		if _, _, err := followAll(f, nil, []byte(p[:n])); err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

func TestErrorCodes(t *testing.T) {
	for err, want := range map[*wire.Error]uint16{
		wire.ErrMaskRequired: 1002, wire.ErrReservedBits: 1002, wire.ErrReservedOp: 1002, wire.ErrNoMessage: 1002,
		wire.ErrUTF8: 1007, wire.ErrTooBig: 1009, wire.ErrTooManyFragments: 1008,
	} {
		if code, ok := wire.CodeOf(err); code != want || !ok {
			t.Errorf("%v: %d", err, code)
		}
		if len(err.What) > wire.MaxReason {
			t.Errorf("%v: too long for a close reason", err)
		}
	}
}

package wire_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"framegate/engine/wire"
)

func TestParseClose(t *testing.T) {
	tests := []struct {
		payload string
		code    uint16
		reason  string
		err     error
	}{
		{"", wire.CloseNoStatus, "", nil},
		{"\x03", 0, "", wire.ErrClosePayload},
		{"\x03\xE8", 1000, "", nil},
		{"\x03\xE8bye", 1000, "bye", nil},
		{"\x0F\xA0\xE2\x82\xAC", 4000, "€", nil},
		{"\x03\xE8\xE2\x82", 0, "", wire.ErrCloseReason},
		{"\x03\xE8" + strings.Repeat("x", 123), 1000, strings.Repeat("x", 123), nil},
		{"\x03\xED", 0, "", wire.ErrCloseCode}, // 1005
		{"\x00\x00", 0, "", wire.ErrCloseCode},
	}
	for _, tt := range tests {
		code, reason, err := wire.ParseClose([]byte(tt.payload))
		if code != tt.code || reason != tt.reason || !errors.Is(err, tt.err) {
			t.Errorf("%q: %d, %q, %v", tt.payload, code, reason, err)
		}
	}
	for err, want := range map[error]uint16{wire.ErrClosePayload: 1002, wire.ErrCloseCode: 1002, wire.ErrCloseReason: 1007} {
		if code, ok := wire.CodeOf(err); code != want || !ok {
			t.Errorf("%v: %d, %v", err, code, ok)
		}
	}
	if _, ok := wire.CodeOf(errors.New("reset by peer")); ok {
		t.Error("an error of the network has a close code")
	}
}

// Autobahn 7.7 and 7.9 try these.
func TestValidCode(t *testing.T) {
	valid := []uint16{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999}
	invalid := []uint16{0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535}
	for _, code := range valid {
		if !wire.ValidCode(code) {
			t.Errorf("%d is not valid", code)
		}
		got, reason, err := wire.ParseClose(wire.AppendClose(nil, code, "why"))
		if got != code || reason != "why" || err != nil {
			t.Errorf("%d became %d %q, %v", code, got, reason, err)
		}
	}
	for _, code := range invalid {
		if wire.ValidCode(code) {
			t.Errorf("%d is valid", code)
		}
		if p := wire.AppendClose(nil, code, "why"); len(p) != 0 {
			t.Errorf("%d reaches the wire: %x", code, p)
		}
	}
}

func TestCloseReasonIsCutBetweenCharacters(t *testing.T) {
	for _, reason := range []string{strings.Repeat("x", 200), strings.Repeat("ü", 80), strings.Repeat("€", 60),
		"x" + strings.Repeat("😀", 40), strings.Repeat("\xFF", 100)} {
		p := wire.AppendClose(nil, 1000, reason)
		_, got, err := wire.ParseClose(p)
		if err != nil || len(p) > wire.MaxControl || len(got) < wire.MaxReason-3 || !utf8.ValidString(got) {
			t.Errorf("%.12q… became %d bytes, %v", reason, len(got), err)
		}
	}
	if _, got, _ := wire.ParseClose(wire.AppendClose(nil, 1000, strings.Repeat("x", 123))); len(got) != 123 {
		t.Errorf("a reason that fits was cut to %d bytes", len(got))
	}
}

func TestEveryCodeHasWords(t *testing.T) {
	seen := map[string]uint16{}
	for code := uint16(1000); code <= 1015; code++ {
		text := wire.CodeText(code)
		if other, ok := seen[text]; ok || text == "" {
			t.Errorf("%d and %d are both %q", code, other, text)
		}
		seen[text] = code
	}
	for code, want := range map[uint16]string{1000: "normal closure", 1004: "unknown code 1004", 3000: "unauthorized",
		3001: "code of a library or framework", 4711: "code of the application", 5000: "unknown code 5000"} {
		if got := wire.CodeText(code); got != want {
			t.Errorf("%d is %q", code, got)
		}
	}
}

package main

import (
	"bytes"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestPrintable(t *testing.T) {
	tests := []struct{ in, want string }{
		{`{"a": "ä 日 €"}`, `{"a": "ä 日 €"}`},
		{"two\nlines\ttab", `two\nlines\ttab`},
		{"\x1b]0;title\a\x1b[2J", `\x1b]0;title\a\x1b[2J`},
		{"\u009b31m", `\u009b31m`},                 // the one-character form of ESC [
		{"\u202etxt.exe", `\u202etxt.exe`},         // right-to-left override
		{"a\u2028b\ufeff", `a\u2028b\ufeff`},       // line separator, byte order mark
		{"\xff\xc3", `\xff\xc3`},                   // not UTF-8
		{"👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"},     // joined
		{"\U000e0041", `\U000e0041`},               // an invisible tag
		{"back\\slash \"q\"", "back\\slash \"q\""}, // as it came
	}
	for _, test := range tests {
		if got := printable(test.in); got != test.want {
			t.Errorf("%q is printed as %q, want %q", test.in, got, test.want)
		}
	}
	if got := printableLines("a\r\nb\tc\x1b[m"); got != "a\nb\tc\\x1b[m" {
		t.Errorf("lines are printed as %q", got)
	}
}

func TestPrintableNeverControlsTheTerminal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		out := printable(string(rapid.SliceOf(rapid.Byte()).Draw(t, "text")))
		if !utf8.ValidString(out) || strings.ContainsFunc(out, unicode.IsControl) {
			t.Fatalf("printed %q", out)
		}
	})
}

func TestBinarySummary(t *testing.T) {
	tests := []struct {
		in   []byte
		want string
	}{
		{nil, "binary, 0 bytes"},
		{[]byte{0xff}, "binary, 1 byte: ff"},
		{bytes.Repeat([]byte{1}, 33), "binary, 33 bytes:" + strings.Repeat(" 01", 32) + " …"},
	}
	for _, test := range tests {
		if got := binarySummary(test.in); got != test.want {
			t.Errorf("% x: %q, want %q", test.in, got, test.want)
		}
	}
}

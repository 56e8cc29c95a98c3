package wire_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"framegate/engine/wire"
)

func parse(t *testing.T, lines ...string) *wire.Headers {
	t.Helper()
	h, err := wire.ParseHeaders([]byte(strings.Join(lines, "\r\n") + "\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestHeadersKeepNamesAndOrder(t *testing.T) {
	h := parse(t, "hOst: a", "X-B: 1", "x-a:2", "X-b: \t3 ", "Empty:")
	if got := string(h.AppendTo(nil)); got != "hOst: a\r\nX-B: 1\r\nx-a: 2\r\nX-b: 3\r\nEmpty: \r\n" {
		t.Errorf("%q", got)
	}
	if h.Len() != 5 || h.Get("HOST") != "a" || h.Get("x-B") != "1" || h.Get("X-A") != "2" || h.Get("none") != "" {
		t.Errorf("%d fields, %q, %q, %q", h.Len(), h.Get("HOST"), h.Get("x-B"), h.Get("X-A"))
	}
	if got := slices.Collect(h.Values("x-b")); !slices.Equal(got, []string{"1", "3"}) {
		t.Errorf("values %q", got)
	}
	if !h.Has("empty") || h.Has("x-c") || h.Get("K") != "" || parse(t, "K: 1").Has("\u212A") { // the Kelvin sign folds to k
		t.Error("wrong fields are there")
	}
}

func TestHeadersChange(t *testing.T) {
	h := parse(t, "A: 1", "B: 2", "a: 3", "C: 4")
	copied := h.Clone()
	for _, err := range []error{h.Set("a", "5"), h.Set("D", "6"), h.Add("b", " 7 ")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	h.Del("c")
	h.Del("none")
	if got := string(h.AppendTo(nil)); got != "A: 5\r\nB: 2\r\nD: 6\r\nb: 7\r\n" {
		t.Errorf("%q", got)
	}
	if got := string(copied.AppendTo(nil)); got != "A: 1\r\nB: 2\r\na: 3\r\nC: 4\r\n" {
		t.Errorf("the clone became %q", got)
	}
	var none *wire.Headers
	if none.Len() != 0 || none.Get("A") != "" || none.Clone().Len() != 0 || len(none.AppendTo(nil)) != 0 || none.HasToken("A", "b") {
		t.Error("nil Headers are not empty")
	}
}

func TestNoInjection(t *testing.T) {
	h := parse(t, "A: 1")
	for _, value := range []string{"x\r\nSet-Cookie: y", "x\ny", "x\ry", "x\x00", "x\x7F", "\x0Bx", "x\r\n"} {
		if err := h.Add("B", value); !errors.Is(err, wire.ErrHeaderValue) {
			t.Errorf("Add %q: %v", value, err)
		}
		if err := h.Set("A", value); !errors.Is(err, wire.ErrHeaderValue) {
			t.Errorf("Set %q: %v", value, err)
		}
	}
	for _, name := range []string{"", " ", "X A", "X:", "X\r\n", "X-Ü", "X(", "X\x00", `"X"`} {
		if err := h.Add(name, "x"); !errors.Is(err, wire.ErrHeaderName) {
			t.Errorf("name %q: %v", name, err)
		}
	}
	if err := h.Add("B", "tab\tand bytes above 127: \xE4"); err != nil {
		t.Error(err)
	}
	if got := string(h.AppendTo(nil)); got != "A: 1\r\nB: tab\tand bytes above 127: \xE4\r\n" {
		t.Errorf("%q", got)
	}
}

func TestParseHeadersIsStrict(t *testing.T) {
	for block, want := range map[string]error{
		"":                                 nil,
		"\r\n":                             nil,
		"A: 1\r\n":                         nil,
		"A: 1\r\n\r\n":                     nil,
		"A: 1":                             wire.ErrHeaderLine,
		"A: 1\n":                           wire.ErrHeaderLine,
		"A: 1\nB: 2\r\n":                   wire.ErrHeaderValue, // LF on its own
		"A: 1\rB: 2\r\n":                   wire.ErrHeaderValue, // CR on its own
		"A: 1\r\n folded\r\n":              wire.ErrHeaderLine,
		"A: 1\r\n\tfolded\r\n":             wire.ErrHeaderLine,
		"A : 1\r\n":                        wire.ErrHeaderName,
		"X A: 1\r\n":                       wire.ErrHeaderName,
		": 1\r\n":                          wire.ErrHeaderName,
		"\x00A: 1\r\n":                     wire.ErrHeaderName,
		"A: 1\x00\r\n":                     wire.ErrHeaderValue,
		"no colon\r\n":                     wire.ErrHeaderLine,
		"A: 1\r\n\r\nGET / HTTP/1.1\r\n":   wire.ErrHeaderLine, // text behind the block
		"\r\nA: 1\r\n":                     wire.ErrHeaderLine,
		"GET / HTTP/1.1\r\nHost: a\r\n":    wire.ErrHeaderLine,
		"A: " + strings.Repeat("x", 70000): wire.ErrHeadersTooLong,
	} {
		if _, err := wire.ParseHeaders([]byte(block)); !errors.Is(err, want) {
			t.Errorf("%.40q: %v, want %v", block, err, want)
		}
	}
}

func TestHeadersHaveALimit(t *testing.T) {
	h := &wire.Headers{}
	for err := error(nil); err == nil; err = h.Add("X", strings.Repeat("x", 1000)) {
	}
	if got := len(h.AppendTo(nil)); got > wire.MaxHeaders || got < wire.MaxHeaders-1010 {
		t.Errorf("holds %d bytes", got)
	}
	if err := h.Set("X", strings.Repeat("y", wire.MaxHeaders)); !errors.Is(err, wire.ErrHeadersTooLong) {
		t.Error("Set:", err)
	}
	if err := h.Set("x", "1"); err != nil || string(h.AppendTo(nil)) != "X: 1\r\n" {
		t.Error("Set of all at once:", err)
	}
	if err := h.Add("Y", strings.Repeat("y", wire.MaxHeaders-len("X: 1\r\nY: \r\n"))); err != nil {
		t.Error("what was removed still counts:", err)
	}
}

func TestTokens(t *testing.T) {
	h := parse(t, "Connection: keep-alive", "CONNECTION:, Upgrade ,,close", `X: a;p="1,\",2", b`, "X: c")
	if got := fmt.Sprintf("%q", slices.Collect(h.Tokens("connection"))); got != `["keep-alive" "Upgrade" "close"]` {
		t.Error(got)
	}
	if got := fmt.Sprintf("%q", slices.Collect(h.Tokens("x"))); got != `["a;p=\"1,\\\",2\"" "b" "c"]` {
		t.Error(got)
	}
	for token, want := range map[string]bool{"upgrade": true, "CLOSE": true, "keep": false, "keep-alive, Upgrade": false, "": false} {
		if h.HasToken("Connection", token) != want {
			t.Errorf("has %q: %v", token, !want)
		}
	}
}

func FuzzParseHeaders(f *testing.F) {
	f.Add([]byte("Host: a\r\nConnection: keep-alive, Upgrade\r\n\r\n"))
	f.Add([]byte("A: 1\r\n folded\r\n"))
	f.Add([]byte("A:\x00\r\nB\n: \"x,\\\""))
	f.Fuzz(func(t *testing.T, block []byte) {
		h, err := wire.ParseHeaders(block)
		if err != nil {
			return
		}
		out := h.AppendTo(nil)
		again, err := wire.ParseHeaders(out)
		if err != nil || string(again.AppendTo(nil)) != string(out) || again.Len() != h.Len() {
			t.Fatalf("%q became %q, %v", block, out, err)
		}
		for name, value := range h.All() {
			if strings.ContainsAny(name+value, "\r\n\x00") {
				t.Fatalf("%q holds a line end", name+value)
			}
			for range h.Tokens(name) {
			}
		}
	})
}

package wire_test

import (
	"strings"
	"testing"

	"framegate/engine/wire"
)

// Packed Headers read as they did before, and change as those that are not.
func TestHeadersPack(t *testing.T) {
	longest := strings.Repeat("x", wire.MaxHeaders-len("L: \r\n"))
	for _, lines := range [][]string{{"A: 1"}, {"A: 1", "Empty:", "b: 2", "a: 3"}, {"L: " + longest}} {
		h, packed := parse(t, lines...), parse(t, lines...)
		packed.Pack()
		packed.Pack()
		same := func(what string) {
			t.Helper()
			if got, want := string(packed.AppendTo(nil)), string(h.AppendTo(nil)); got != want || packed.Len() != h.Len() {
				t.Errorf("%s: %.60q, want %.60q", what, got, want)
			}
			for name := range h.All() {
				if packed.Get(name) != h.Get(name) || !packed.Has(strings.ToLower(name)) {
					t.Errorf("%s: %s is %.60q", what, name, packed.Get(name))
				}
			}
		}
		same("packed")
		for what, change := range map[string]func(*wire.Headers) error{
			"add":    func(h *wire.Headers) error { return h.Add("New", "4") },
			"set":    func(h *wire.Headers) error { return h.Set("a", "5") },
			"delete": func(h *wire.Headers) error { h.Del("a"); return nil },
			"change a clone": func(h *wire.Headers) error {
				return h.Clone().Set("b", "6")
			},
		} {
			if got, want := change(packed), change(h); (got == nil) != (want == nil) {
				t.Errorf("%s: %v, want %v", what, got, want)
			}
			same(what)
			packed.Pack()
			same(what + " and pack")
		}
	}
	var none *wire.Headers
	none.Pack()
	(&wire.Headers{}).Pack()
}

func TestPackedHeadersAreReadWithoutAllocation(t *testing.T) {
	h := parse(t, "Host: example.test", "X-Device: 17")
	h.Pack()
	if n := testing.AllocsPerRun(100, func() {
		if h.Get("x-device") != "17" {
			t.Error("wrong value")
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

package engine

import (
	"encoding"
	"fmt"
	"net/netip"
	"testing"
	"time"
)

func TestUnitsReadWhatAuthorsWrite(t *testing.T) {
	cases := []struct {
		into encoding.TextUnmarshaler
		text string
		want string // of %v; empty: refused
	}{
		{new(Size), "0", "0"},
		{new(Size), "512", "512"},
		{new(Size), "512B", "512"},
		{new(Size), "64KiB", "64KiB"},
		{new(Size), "65536", "64KiB"},
		{new(Size), "1.5 MiB", "1536KiB"},
		{new(Size), "2GiB", "2GiB"},
		{new(Size), "64KB", ""},
		{new(Size), "0.3KiB", ""},
		{new(Size), "-1", ""},
		{new(Size), "1e3", ""},
		{new(Size), "Inf", ""},
		{new(Size), "99999999999GiB", ""},
		{new(Size), "", ""},
		{new(Duration), "30s", "30s"},
		{new(Duration), "1h30m", "1h30m0s"},
		{new(Duration), "7d", "168h0m0s"},
		{new(Duration), "1d12h", "36h0m0s"},
		{new(Duration), "0", "0s"},
		{new(Duration), "30", ""},
		{new(Duration), "-1s", ""},
		{new(Duration), "1h1d", ""},
		{new(Duration), "999999999d", ""},
		{new(Duration), "", ""},
		{new(Prefix), "10.0.0.0/8", "10.0.0.0/8"},
		{new(Prefix), "127.0.0.1", "127.0.0.1/32"},
		{new(Prefix), "::1", "::1/128"},
		{new(Prefix), "::ffff:192.0.2.1", "192.0.2.1/32"},
		{new(Prefix), "::ffff:10.0.0.0/104", "10.0.0.0/8"},
		{new(Prefix), "::ffff:0:0/64", ""},
		{new(Prefix), "10.0.0.1/8", ""},
		{new(Prefix), "fe80::1%eth0", ""},
		{new(Prefix), "localhost", ""},
	}
	for _, c := range cases {
		t.Run(fmt.Sprintf("%T %s", c.into, c.text), func(t *testing.T) {
			err := c.into.UnmarshalText([]byte(c.text))
			switch got := fmt.Sprint(c.into); {
			case c.want == "" && err == nil:
				t.Errorf("accepted as %s", got)
			case c.want != "" && err != nil:
				t.Error(err)
			case c.want != "" && got != c.want:
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
	if p := new(Prefix); p.UnmarshalText([]byte("10.0.0.0/8")) != nil || !p.Contains(netip.MustParseAddr("10.2.3.4")) {
		t.Error("10.0.0.0/8 does not contain 10.2.3.4")
	}
	if d := Duration(time.Minute); d.String() != "1m0s" {
		t.Error(d)
	}
}

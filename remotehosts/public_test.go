package remotehosts_test

import (
	"net/netip"
	"testing"

	"framegate/remotehosts"
)

func TestCheckPublic(t *testing.T) {
	for _, text := range []string{
		"127.0.0.1", "127.255.0.9", "0.0.0.0", "10.1.2.3", "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.100.100.200", "192.0.0.192",
		"::1", "::", "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "fd00:ec2::254", "fe80::1%eth0", "fec0::1", "ff02::1", "255.255.255.255",
	} {
		if remotehosts.CheckPublic(netip.MustParseAddr(text)) == nil {
			t.Errorf("%s passes", text)
		}
	}
	for _, text := range []string{"1.1.1.1", "9.9.9.9", "172.32.0.1", "100.128.0.1", "2606:4700:4700::1111", "::ffff:8.8.8.8"} {
		if err := remotehosts.CheckPublic(netip.MustParseAddr(text)); err != nil {
			t.Error(err)
		}
	}
	if remotehosts.CheckPublic(netip.Addr{}) == nil {
		t.Error("the zero address passes")
	}
}

package remotehosts

import (
	"fmt"
	"net/netip"
)

// inner are the networks that are nobody's on the open internet: the machine's
// own, private ones, those of links and of providers, where metadata services
// live (IANA's special-purpose registries, RFC 6890), and the ways to write an
// IPv4 address inside an IPv6 one.
var inner = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
	"192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
)

func prefixes(texts ...string) (list []netip.Prefix) {
	for _, text := range texts {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}

// CheckPublic refuses addresses that are not on the open internet: loopback,
// private, link-local and reserved ones, also written as IPv6. The zero address,
// which nobody knows, is refused too.
func CheckPublic(address netip.Addr) error {
	if !address.IsValid() {
		return fmt.Errorf("the address is not known")
	}
	address = address.Unmap().WithZone("")
	for _, network := range inner {
		if network.Contains(address) {
			return fmt.Errorf("%s is not an address on the open internet (%s)", address, network)
		}
	}
	return nil
}

package engine

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Size is a number of bytes, as authors write it: 512, 64KiB, 1MiB, 2GiB. Only
// binary units are known; KB and MB mean different things to different people.
type Size int64

var sizeUnits = [...]struct {
	name  string
	bytes int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

// UnmarshalText reads a size; a fraction such as 1.5MiB is allowed before a unit.
func (s *Size) UnmarshalText(text []byte) error {
	number, unit := strings.TrimSpace(string(text)), int64(1)
	for _, u := range sizeUnits {
		if rest, ok := strings.CutSuffix(number, u.name); ok {
			number, unit = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	n, err := strconv.ParseFloat(number, 64)
	bytes := n * float64(unit)
	switch {
	case err != nil || strings.ContainsAny(number, "eExX_pPiInN+"):
		return fmt.Errorf("size %q: write bytes, or a number with KiB, MiB or GiB, such as 64KiB", text)
	case bytes < 0 || bytes > math.MaxInt64/2:
		return fmt.Errorf("size %q is out of range", text)
	case bytes != math.Trunc(bytes):
		return fmt.Errorf("size %q is not a whole number of bytes", text)
	}
	*s = Size(bytes)
	return nil
}

// String writes the size with the largest unit that divides it.
func (s Size) String() string {
	for _, u := range sizeUnits {
		if int64(s) >= u.bytes && int64(s)%u.bytes == 0 && u.bytes > 1 {
			return strconv.FormatInt(int64(s)/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// MarshalText writes what UnmarshalText reads.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Duration is a time span as authors write it: 500ms, 30s, 5m, 1h30m, 7d.
type Duration time.Duration

// day is the one unit that [time.ParseDuration] lacks: 24 hours.
const day = 24 * time.Hour

// UnmarshalText reads a duration of 0 or more; days stand first and are whole: 7d, 1d12h.
func (d *Duration) UnmarshalText(text []byte) error {
	var total time.Duration
	rest := strings.TrimSpace(string(text))
	if days, after, ok := strings.Cut(rest, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 32)
		if err != nil || n > uint64(math.MaxInt64/day) {
			return badDuration(text)
		}
		total, rest = time.Duration(n)*day, after
	}
	if rest != "" || total == 0 {
		span, err := time.ParseDuration(rest)
		if err != nil || span < 0 || total+span < 0 {
			return badDuration(text)
		}
		total += span
	}
	*d = Duration(total)
	return nil
}

func badDuration(text []byte) error {
	return fmt.Errorf("duration %q: write a number with its unit (ms, s, m, h, d), such as 30s", text)
}

// String writes the duration as Go does: 1m30s.
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText writes what UnmarshalText reads.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// Prefix is a network in CIDR notation, or one address: 10.0.0.0/8, ::1. IPv4
// addresses mapped into IPv6 are IPv4 addresses.
type Prefix struct{ netip.Prefix }

// UnmarshalText reads a network. Bits set behind its length are an error, since
// 10.0.0.1/8 is more often a slip than a wish.
func (p *Prefix) UnmarshalText(text []byte) error {
	s := strings.TrimSpace(string(text))
	if !strings.Contains(s, "/") {
		addr, err := netip.ParseAddr(s)
		if err != nil || addr.Zone() != "" {
			return fmt.Errorf("address %q: write an address such as 192.0.2.7, or a network such as 192.0.2.0/24", text)
		}
		addr = addr.Unmap()
		p.Prefix = netip.PrefixFrom(addr, addr.BitLen())
		return nil
	}
	parsed, err := netip.ParsePrefix(s)
	if err != nil {
		return fmt.Errorf("network %q: write an address and the length of its prefix, such as 192.0.2.0/24", text)
	}
	if parsed.Addr().Is4In6() {
		if parsed.Bits() < 96 {
			return fmt.Errorf("network %q covers more than IPv4: write it as IPv4", text)
		}
		parsed = netip.PrefixFrom(parsed.Addr().Unmap(), parsed.Bits()-96)
	}
	if parsed.Masked() != parsed {
		return fmt.Errorf("network %q has bits behind its prefix: write %s", text, parsed.Masked())
	}
	p.Prefix = parsed
	return nil
}

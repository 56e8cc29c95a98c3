package engine

import "strings"

// HostRank tells how precisely one of a list of host names fits the host that a
// request names: more than 1 for the name itself, less of it for a wildcard such
// as *.example.test, which stands for one label, 1 where the list is empty and
// fits every host, and 0 where none fits. Names are compared without case, the
// port and a dot at the end do not count.
func HostRank(names []string, host string) int {
	if len(names) == 0 {
		return 1
	}
	host = strings.TrimSuffix(hostOnly(host), ".")
	best := 0
	for _, name := range names {
		switch rest, wild := strings.CutPrefix(name, "*."); {
		case !wild && strings.EqualFold(name, host):
			return 1 << 16
		case wild:
			if label, domain, ok := strings.Cut(host, "."); ok && label != "" && strings.EqualFold(domain, rest) {
				best = max(best, 1+len(name))
			}
		}
	}
	return best
}

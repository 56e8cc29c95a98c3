package remotehosts

import (
	"cmp"
	"hash/fnv"
	"math"
	"slices"
	"time"
)

// sort puts addresses of one group into the order in which an upgrade tries
// them: who comes first is the balancing, and the rest is where to go when that
// one fails.
func (p *pool) sort(group []*address, key string, now time.Time) {
	if p.def.Balancing == "sticky" {
		slices.SortStableFunc(group, func(a, b *address) int { return cmp.Compare(affinity(b, key), affinity(a, key)) })
		return
	}
	p.rotate(group)
	switch p.def.Balancing {
	case "least-connections":
		slices.SortStableFunc(group, func(a, b *address) int {
			return cmp.Compare((a.open+a.pending)*b.weight, (b.open+b.pending)*a.weight)
		})
	case "response-time":
		slices.SortStableFunc(group, func(a, b *address) int {
			return cmp.Compare(a.slowness(now, p.def.HalfLife), b.slowness(now, p.def.HalfLife))
		})
	}
}

// rotate puts the address whose turn it is first and leaves the others in their
// order behind it. Every address gains its weight each time, and who has gained
// most pays for all: the turns of heavy ones are spread, not bunched.
func (p *pool) rotate(group []*address) {
	if len(group) < 2 {
		return
	}
	total, first := 0, 0
	for i, a := range group {
		a.share += a.weight
		total += a.weight
		if a.share > group[first].share {
			first = i
		}
	}
	group[first].share -= total
	turned := slices.Concat(group[first:], group[:first])
	copy(group, turned)
}

// affinity is how much an address wants a key. The one that wants it most gets
// it; when that is out, the others' order is as it was, so that a key moves only
// when its own address goes or comes (rendezvous hashing, with weights).
func affinity(a *address, key string) float64 {
	h := fnv.New64a()
	h.Write([]byte(a.key))
	h.Write([]byte{0})
	h.Write([]byte(key))
	x := h.Sum64() // FNV's last bytes change few bits, so they are spread
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	x ^= x >> 31
	share := (float64(x>>11) + 0.5) / (1 << 53)
	return -float64(a.weight) / math.Log(share)
}

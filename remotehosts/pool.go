package remotehosts

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"
)

// forgetAfter is when an address that the name service no longer gives, and to
// which nothing is open, is forgotten.
const forgetAfter = time.Hour

// pool is the addresses of a host: which there are, which of them are out, and
// which goes first.
type pool struct {
	def     *Definition
	now     func() time.Time
	targets []target // by rank
	names   *names
	watched bool          // the watchdog runs: it says when an address is back
	changed chan struct{} // has a token when the watchdog should look

	mu        sync.Mutex
	breaker   breaker // of the host as a whole
	addresses map[string]*address
}

// target is an address as the configuration has it: its host may be a name of
// several addresses.
type target struct {
	host   string
	port   int // 0: that of the URL's scheme
	rank   int
	weight int
}

func newPool(def *Definition, now func() time.Time) *pool {
	p := &pool{
		def: def, now: now, names: newNames(now, def.AddressCacheTime), changed: make(chan struct{}, 1), addresses: make(map[string]*address),
		breaker: breaker{limit: def.Breaker.Failures, wait: backoff{def.Breaker.First, def.Breaker.Most}},
	}
	for _, group := range def.Addresses {
		for _, text := range group.List {
			if host, port, err := splitAddress(text, def.Port); err == nil {
				p.targets = append(p.targets, target{host, port, 2 * int(group.Priority), max(1, group.Weight)})
			}
		}
	}
	if len(p.targets) == 0 {
		p.targets = []target{{def.Host, def.Port, 0, 1}}
	}
	if host, port, err := splitAddress(def.StandIn, 0); err == nil && def.StandIn != "" {
		p.targets = []target{{host, port, 0, 1}}
	}
	slices.SortStableFunc(p.targets, func(a, b target) int { return cmp.Compare(a.rank, b.rank) })
	return p
}

// candidates are the addresses that an upgrade tries, in this order: those that
// are in, group by group, and at last those that are out. Names are looked up
// when their group's turn comes. With an error, a name has no address.
func (p *pool) candidates(ctx context.Context, c *Call) iter.Seq2[*address, error] {
	return func(yield func(*address, error) bool) {
		var aside []*address
		for rest := p.targets; len(rest) > 0; {
			n := 1
			for n < len(rest) && rest[n].rank == rest[0].rank {
				n++
			}
			found, err := p.group(ctx, rest[:n], c)
			if err != nil && !yield(nil, err) {
				return
			}
			rest = rest[n:]
			in, out := p.split(found, c.StickyKey)
			aside = append(aside, out...)
			for _, a := range in {
				if !yield(a, nil) {
					return
				}
			}
		}
		for _, a := range aside {
			if !yield(a, nil) {
				return
			}
		}
	}
}

// group is the addresses of some targets of one rank. Of a name with addresses
// of both families, those of the family that the resolver puts last go last.
func (p *pool) group(ctx context.Context, targets []target, c *Call) (found []*address, failed error) {
	add := func(a *address) {
		if !slices.Contains(found, a) {
			found = append(found, a)
		}
	}
	for _, t := range targets {
		port := t.port
		if port == 0 {
			port = defaultPort(c.TLS)
		}
		if isIP(t.host) || p.def.StandIn == "" && p.def.Proxy.covers(t.host) {
			add(p.address(t, t.host, port, 0))
			continue
		}
		addresses, err := p.lookup(ctx, t.host, c.ConnectTimeout)
		if err != nil {
			failed = err
			continue
		}
		for _, a := range addresses {
			last := 0
			if a.Is4() != addresses[0].Is4() {
				last = 1
			}
			add(p.address(t, a.String(), port, last))
		}
	}
	return found, failed
}

// lookup looks a name up within the connect timeout.
func (p *pool) lookup(ctx context.Context, host string, limit time.Duration) ([]netip.Addr, error) {
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return p.names.lookup(limited, host)
}

// address finds or makes what is known of an address.
func (p *pool) address(t target, host string, port, last int) *address {
	p.mu.Lock()
	defer p.mu.Unlock()
	key, now := net.JoinHostPort(host, strconv.Itoa(port)), p.now()
	a := p.addresses[key]
	if a == nil {
		p.forget(now)
		a = &address{key: key, breaker: breaker{limit: 1, wait: p.ejection()}}
		if a.breaker.wait.first == 0 {
			a.breaker.limit = 0
		}
		p.addresses[key] = a
	}
	a.rank, a.weight, a.listed = t.rank+last, t.weight, now
	return a
}

// ejection is for how long an address is out: under a watchdog, never longer
// than it takes to ask again.
func (p *pool) ejection() backoff {
	wait := backoff{p.def.Ejection.First, p.def.Ejection.Most}
	if w := p.def.Watchdog; w != nil {
		wait.most = min(wait.most, w.Every)
		if wait.first == 0 || wait.first > w.Every {
			wait.first = w.Every
		}
	}
	return wait
}

// forget drops the addresses that have not been the host's for long.
func (p *pool) forget(now time.Time) {
	for key, a := range p.addresses {
		if a.open == 0 && a.pending == 0 && now.Sub(a.listed) > forgetAfter+p.def.AddressCacheTime {
			delete(p.addresses, key)
		}
	}
}

// split orders a group and tells those that may be tried from those that are out.
func (p *pool) split(group []*address, key string) (in, out []*address) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	for _, a := range group {
		if !a.breaker.open || !p.watched && a.breaker.ready(now) {
			in = append(in, a)
		} else {
			out = append(out, a)
		}
	}
	slices.SortStableFunc(in, func(a, b *address) int { return cmp.Compare(a.rank, b.rank) })
	for rest := in; len(rest) > 0; { // the two families of a name
		n := 1
		for n < len(rest) && rest[n].rank == rest[0].rank {
			n++
		}
		p.sort(rest[:n], key, now)
		rest = rest[n:]
	}
	return in, out
}

// admit asks the host's breaker. Why is empty when the upgrade may be tried;
// trial tells that it is the one that decides whether the breaker closes.
func (p *pool) admit() (trial bool, why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if p.breaker.ready(now) {
		return p.breaker.claim(now), ""
	}
	return false, fmt.Sprintf("its circuit breaker is open after %d failures in a row, the last: %s", p.breaker.failures, p.breaker.why)
}

// settle tells the breaker how an upgrade that it admitted has ended. Any
// answer of the host is a good sign.
func (p *pool) settle(trial bool, how outcome, why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch how {
	case nothing:
		p.breaker.abandon(trial)
	case failed:
		p.breaker.fail(p.now(), why, trial)
	default:
		p.breaker.succeed(p.now())
	}
}

package remotehosts

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

const (
	lookupTime  = 10 * time.Second // for the name service, where no upgrade waits for it
	lookupAgain = 5 * time.Second  // until it is asked again after it has failed
)

// names is the answers of the name service that one host uses. An old answer
// is better than none: it is used while the next is on its way, and for as long
// as there is none.
type names struct {
	now    func() time.Time
	keep   time.Duration // for how long an answer is used
	ending context.Context
	end    context.CancelFunc

	mu     sync.Mutex
	known  map[string]*name
	closed bool
	asking sync.WaitGroup
}

// name is what is known of a host name.
type name struct {
	addresses []netip.Addr
	until     time.Time
	asking    bool
}

func newNames(now func() time.Time, keep time.Duration) *names {
	n := &names{now: now, keep: keep, known: make(map[string]*name)}
	n.ending, n.end = context.WithCancel(context.Background())
	return n
}

// lookup returns the addresses of a name. Only the first time somebody waits
// for the name service.
func (n *names) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	n.mu.Lock()
	if known := n.known[host]; known != nil {
		defer n.mu.Unlock()
		if !n.now().Before(known.until) && !known.asking && !n.closed {
			known.asking = true
			n.asking.Go(func() { n.refresh(host, known) })
		}
		return known.addresses, nil
	}
	n.mu.Unlock()
	addresses, err := resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.known[host] = &name{addresses: addresses, until: n.now().Add(n.keep)}
	return addresses, nil
}

// refresh asks anew; on failure the old answer stays.
func (n *names) refresh(host string, known *name) {
	ctx, cancel := context.WithTimeout(n.ending, lookupTime)
	defer cancel()
	addresses, err := resolve(ctx, host)
	n.mu.Lock()
	defer n.mu.Unlock()
	known.asking = false
	if err != nil {
		known.until = n.now().Add(min(n.keep, lookupAgain))
		return
	}
	known.addresses, known.until = addresses, n.now().Add(n.keep)
}

// current returns the addresses of a name as far as they are known.
func (n *names) current(host string) []netip.Addr {
	n.mu.Lock()
	defer n.mu.Unlock()
	if known := n.known[host]; known != nil {
		return known.addresses
	}
	return nil
}

// close ends what is on its way, and waits for it.
func (n *names) close() {
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	n.end()
	n.asking.Wait()
}

// resolve asks the name service. The order is the resolver's: by RFC 6724, what
// can be reached comes first.
func resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	var addresses []netip.Addr
	for _, a := range found {
		if a = a.Unmap(); !slices.Contains(addresses, a) {
			addresses = append(addresses, a)
		}
	}
	if len(addresses) == 0 {
		return nil, &net.DNSError{Err: "no address", Name: host, IsNotFound: true}
	}
	return addresses, nil
}

package remotehosts_test

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"framegate/remotehosts"
)

// zone is a name service with one name, whose addresses a test changes.
type zone struct {
	mu        sync.Mutex
	addresses []netip.Addr
	quiet     bool // never answers
	broken    bool // SERVFAIL
	queries   int  // for A records
}

func (z *zone) set(change func(*zone)) {
	z.mu.Lock()
	defer z.mu.Unlock()
	change(z)
}

// answer answers an A query with the addresses, and others with none (RFC 1035 §4.1).
func (z *zone) answer(query []byte) []byte {
	z.mu.Lock()
	defer z.mu.Unlock()
	end := 12
	for query[end] != 0 {
		end += int(query[end]) + 1
	}
	isA := query[end+2] == 1
	if isA {
		z.queries++
	}
	if z.quiet {
		return nil
	}
	reply := append([]byte(nil), query[:end+5]...)
	copy(reply[2:], []byte{0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0})
	if z.broken {
		reply[3] = 0x82
		return reply
	}
	if !isA {
		return reply
	}
	reply[7] = byte(len(z.addresses))
	for _, a := range z.addresses {
		reply = append(reply, 0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4)
		reply = append(reply, a.AsSlice()...)
	}
	return reply
}

// twoAddresses starts hosts at the same port of two loopback addresses.
func twoAddresses(t *testing.T) (z *zone, port int, addresses []string) {
	t.Helper()
	first := serve(t, nil, accept)
	_, text, _ := net.SplitHostPort(first.address)
	port, _ = strconv.Atoi(text)
	second := serveAt(t, net.JoinHostPort("127.0.0.2", text), nil, accept)
	z = &zone{addresses: []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")}}
	return z, port, []string{first.address, second.address}
}

func named(port int) func(*remotehosts.Definition) {
	return func(d *remotehosts.Definition) {
		d.Host, d.Port, d.AddressCacheTime = "chat.framegate.invalid", port, 5*time.Minute
	}
}

// Every address of a name takes its turn, and one that fails is set aside like
// any other.
func TestAddressesOfANameTakeTurns(t *testing.T) {
	z, port, addresses := twoAddresses(t)
	nameServer(t, z.answer)
	h, clock := pooled(t, nil, named(port))
	if got := taken(t, h, 6); got[addresses[0]] != 3 || got[addresses[1]] != 3 {
		t.Errorf("taken: %v", got)
	}
	z.set(func(z *zone) {
		if z.queries != 1 {
			t.Errorf("%d queries for 6 upgrades", z.queries)
		}
		z.addresses = append(z.addresses[1:], netip.MustParseAddr("127.0.0.3"))
	})
	clock.Turn(5 * time.Minute)
	hangUp(upgraded(t, h, call())) // goes by the old answer, and has the next fetched
	until(t, "the new answer is in", func() bool {
		for _, a := range h.State().Addresses {
			if a.Address == net.JoinHostPort("127.0.0.3", strconv.Itoa(port)) {
				return true
			}
		}
		return false
	})
	if got := taken(t, h, 4); got[addresses[1]] != 4 {
		t.Errorf("taken: %v; want all by the address that stayed, for the new one refuses", got)
	}
	if a := stateOf(t, h, addresses[0]); !a.Removed || a.Open != 3 {
		t.Errorf("the address that went with sessions open: %+v", a)
	}
}

// A name service that is slow, or broken, is not waited for once it has answered.
func TestOldAnswerStaysWhileThereIsNoNewOne(t *testing.T) {
	for name, hurt := range map[string]func(*zone){
		"silent": func(z *zone) { z.quiet = true },
		"broken": func(z *zone) { z.broken = true },
	} {
		t.Run(name, func(t *testing.T) {
			z, port, addresses := twoAddresses(t)
			nameServer(t, z.answer)
			h, clock := pooled(t, nil, named(port))
			hangUp(upgraded(t, h, call()))
			z.set(hurt)
			var before int
			z.set(func(z *zone) { before = z.queries })
			for range 3 {
				clock.Turn(time.Hour)
				hangUp(upgraded(t, h, call()))
			}
			until(t, "the name service is asked", func() bool {
				var now int
				z.set(func(z *zone) { now = z.queries })
				return now > before
			})
			if got := taken(t, h, 4); got[addresses[0]]+got[addresses[1]] != 4 {
				t.Errorf("taken: %v", got)
			}
		})
	}
}

// The first look-up counts against the connect timeout, not against the upgrade.
func TestLookUpIsPartOfConnecting(t *testing.T) {
	nameServer(t, silent)
	h, _ := pooled(t, nil, func(d *remotehosts.Definition) {
		named(9001)(d)
		d.ConnectTimeout = 50 * time.Millisecond
	})
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second) // less than the resolver takes by itself
	defer cancel()
	if _, err := h.Upgrade(ctx, call()); err == nil || !strings.Contains(err.Error(), "connecting took longer than 50ms") {
		t.Errorf("error is %v", err)
	}
}

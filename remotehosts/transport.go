package remotehosts

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"sync"
)

// Transport is the remote hosts as net/http wants them. A URL's host is looked
// up as [Set.Find] does: a remote host's name, then the host and port of one, then
// dialled as it stands, at most 128 connections to all such hosts together. All
// of a remote host's settings hold: addresses, balancing, TLS, limits, timeouts,
// retries, breaker. Bodies are streamed both ways; nothing is decompressed.
//
// Errors are those of [Host.Do], and [UnknownHost].
func (s *Set) Transport() http.RoundTripper { return transport{s} }

type transport struct{ set *Set }

// RoundTrip sends one request.
func (t transport) RoundTrip(q *http.Request) (*http.Response, error) {
	response, err := t.send(q)
	if q.Body == nil {
		return response, err
	}
	if err != nil {
		q.Body.Close()
		return nil, err
	}
	response.Body.(*download).sent = q.Body
	return response, nil
}

func (t transport) send(q *http.Request) (*http.Response, error) {
	h, err := t.set.standing(q.URL.String())
	if err != nil {
		return nil, err
	}
	mine := q.WithContext(q.Context())
	secure := isSecure(q.URL.Scheme)
	if q.Host == "" || q.Host == q.URL.Host {
		mine.Host = h.authority(secure)
	}
	r, err := h.send(q.Context(), &Call{TLS: secure}, mine)
	if err == nil {
		r.Request = q
	}
	return r, err
}

// loose are the hosts that requests went to as they stand: a few are kept for
// their open connections.
type loose struct {
	mu    sync.Mutex
	hosts map[string]*Host
}

const maxLoose = 64

// standing finds the host of a URL; one that is dialled as it stands is the same
// for the next request.
func (s *Set) standing(rawURL string) (*Host, error) {
	h, err := s.Find(rawURL)
	if err != nil || s.hosts[h.def.Name] == h {
		return h, err
	}
	s.loose.mu.Lock()
	defer s.loose.mu.Unlock()
	if known := s.loose.hosts[h.def.Name]; known != nil {
		return known, nil
	}
	if s.loose.hosts == nil {
		s.loose.hosts = make(map[string]*Host)
	}
	for name, other := range s.loose.hosts {
		if len(s.loose.hosts) < maxLoose {
			break
		}
		delete(s.loose.hosts, name)
		other.http.transport.CloseIdleConnections()
	}
	s.loose.hosts[h.def.Name] = h
	return h, nil
}

// close closes the connections that nobody uses.
func (l *loose) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, h := range l.hosts {
		h.http.transport.CloseIdleConnections()
	}
}

// DialCheck decides whether a request may be sent to an address. Declared tells
// that the configuration names the host; then the address is the operator's word.
type DialCheck func(declared bool, address netip.AddrPort) error

type checkKey struct{}

// WithDialCheck makes requests with the context, plain HTTP ones, be sent only to
// addresses that check accepts. It sees the addresses that are dialled, after
// names have been looked up, so that no name can lead past it; also those of kept
// connections and of redirects. Through a proxy that looks up names itself, the
// address is not known and check gets the zero one. Its error is wrapped.
func WithDialCheck(ctx context.Context, check DialCheck) context.Context {
	return context.WithValue(ctx, checkKey{}, check)
}

// checkDial asks the check of ctx, if there is one.
func checkDial(ctx context.Context, h *Host, key string) error {
	check, ok := ctx.Value(checkKey{}).(DialCheck)
	if !ok {
		return nil
	}
	address, _ := netip.ParseAddrPort(key)
	if err := check(h.declared, address); err != nil {
		return fmt.Errorf("dial %s: %w", key, err)
	}
	return nil
}

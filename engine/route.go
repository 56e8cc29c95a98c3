package engine

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"framegate/engine/wire"
)

// setTarget takes the request target apart. Filters must see the path that is
// forwarded, so what could be read in two ways is refused: dot segments, empty
// segments, encoded slashes and NULs, a host that differs from the Host header.
func (r *Request) setTarget(target string) error {
	r.Host = r.Headers.Get("Host")
	if !strings.HasPrefix(target, "/") {
		u, err := url.Parse(target)
		if err != nil || u.Host == "" || u.User != nil {
			return fmt.Errorf("%w: %q", errTarget, target)
		}
		if !strings.EqualFold(u.Host, r.Host) {
			return fmt.Errorf("the request target names host %q, the Host header %q", u.Host, r.Host)
		}
		target = u.RequestURI()
	}
	r.URI = target
	r.Path, r.Query, _ = strings.Cut(target, "?")
	return checkPath(r.Path)
}

func checkPath(path string) error {
	decoded, err := url.PathUnescape(path)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", errTarget, err)
	case strings.ContainsAny(path, "#\\"), strings.Contains(path, "//"), strings.ContainsRune(decoded, 0):
		return errTarget
	case strings.Count(decoded, "/") != strings.Count(path, "/"), strings.Contains(decoded, "\\"):
		return fmt.Errorf("%w: an encoded slash", errTarget)
	}
	for segment := range strings.SplitSeq(decoded, "/") {
		if segment == "." || segment == ".." {
			return fmt.Errorf("%w: a dot segment", errTarget)
		}
	}
	return nil
}

// route finds the websocket for a request: of those that name its host most
// precisely the one with the most precise path; and notes the path's parameters.
func (p *Port) route(q *Request) *Websocket {
	var best *Websocket
	rank := 0
	for _, w := range p.Websockets {
		if w.Disabled || !PathPattern(w.Path).Matches(q.Path, w.Exact) {
			continue
		}
		mine := HostRank(w.Hosts, q.Host)
		if mine > rank || mine == rank && rank > 0 && PathPattern(w.Path).MorePrecise(PathPattern(best.Path)) {
			best, rank = w, mine
		}
	}
	if best != nil {
		q.PathParams = PathPattern(best.Path).Parameters(q.Path)
	}
	return best
}

// hostOnly is a Host header without its port.
func hostOnly(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		host = host[:i]
	}
	return strings.Trim(host, "[]")
}

// allowsOrigin checks the Origin header (RFC 6455 §10.2). Without a list of its
// own a websocket accepts the same host, and clients that send no Origin: those
// are no browsers.
func (w *Websocket) allowsOrigin(q *Request) bool {
	if !q.Headers.Has("Origin") {
		return true
	}
	if len(w.Origins) == 0 {
		return q.FromSameHost()
	}
	origin := q.Headers.Get("Origin")
	return slices.ContainsFunc(w.Origins, func(allowed string) bool { return MatchOrigin(allowed, origin) })
}

// offer is what the remote host may be offered of what the client offered; ok is
// false when a subprotocol is required and none is left.
func (w *Websocket) offer(q *Request) (offer Offer, ok bool) {
	for name := range q.Headers.Tokens("Sec-WebSocket-Protocol") {
		if len(w.Subprotocols) == 0 || contains(w.Subprotocols, name) {
			offer.Subprotocols = append(offer.Subprotocols, name)
		}
	}
	switch {
	case !w.needsMessages():
		var all []string
		for line := range q.Headers.Values("Sec-WebSocket-Extensions") {
			all = append(all, line)
		}
		offer.Extensions = strings.Join(all, ", ")
	case w.Compression.Host:
		terms := w.Compression.terms()
		offer.Extensions, offer.Deflate = wire.OfferDeflate(terms), &terms
	}
	return offer, len(offer.Subprotocols) > 0 || !w.NeedSub
}

func contains(list []string, name string) bool {
	for _, s := range list {
		if s == name {
			return true
		}
	}
	return false
}

package console

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/valyala/fasthttp"

	"framegate/engine"
)

// guard decides who may ask. A page of another site that a user of this machine
// has open reaches the console as well as the user does; what gives it away is
// the name it used (Host, which DNS rebinding cannot change) and where it comes
// from (Origin, Sec-Fetch-Site).
type guard struct {
	port     string     // that the console listens on
	name     string     // host as configured
	loopback bool       // nobody from elsewhere can reach it
	token    *[32]byte  // its hash, so that comparing takes the same time for every length
	local    netip.Addr // where it listens
}

func newGuard(settings engine.Console, addr *net.TCPAddr) guard {
	host, _, _ := net.SplitHostPort(settings.Listen)
	g := guard{port: strconv.Itoa(addr.Port), name: strings.ToLower(host), loopback: addr.IP.IsLoopback(), local: addr.AddrPort().Addr()}
	if settings.Token != "" {
		sum := sha256.Sum256([]byte(settings.Token))
		g.token = &sum
	}
	return g
}

// check refuses a request that a foreign page may have made, or that has no right.
func (g *guard) check(q *fasthttp.RequestHeader, api bool) error {
	host := string(q.Host())
	if !g.knows(host) {
		return refuse(fasthttp.StatusMisdirectedRequest, "the console does not answer to the host %q; use http://%s", host, g.address())
	}
	if origin, given := header(q, "Origin"); given && !strings.EqualFold(origin, "http://"+host) {
		return refuse(fasthttp.StatusForbidden, "requests from the origin %q are refused", origin)
	}
	if !api {
		return nil
	}
	// Requests for images and scripts carry no Origin; browsers say here whose they are (W3C Fetch Metadata).
	if site, given := header(q, "Sec-Fetch-Site"); given && site != "same-origin" && site != "none" {
		return refuse(fasthttp.StatusForbidden, "requests from another site are refused")
	}
	return g.authorize(q)
}

// authorize asks for the token (RFC 6750 §2.1).
func (g *guard) authorize(q *fasthttp.RequestHeader) error {
	if g.token == nil {
		return nil
	}
	value, _ := header(q, "Authorization")
	scheme, token, _ := strings.Cut(value, " ")
	sum := sha256.Sum256([]byte(strings.TrimSpace(token)))
	if !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare(sum[:], g.token[:]) != 1 {
		return refuse(fasthttp.StatusUnauthorized, "the console wants its token: Authorization: Bearer TOKEN")
	}
	return nil
}

// knows tells whether a Host header names this console: localhost or a loopback
// address, or the host of the configuration, with the port. Where other
// machines reach it, any IP address will do: rebinding needs a name.
func (g *guard) knows(host string) bool {
	name, port, err := net.SplitHostPort(host)
	if err != nil { // no port: that of http
		name, port = strings.Trim(host, "[]"), "80"
	}
	if port != g.port || name == "" {
		return false
	}
	if strings.EqualFold(name, "localhost") || strings.EqualFold(name, g.name) {
		return true
	}
	ip, err := netip.ParseAddr(name)
	return err == nil && (ip.IsLoopback() || !g.loopback || ip == g.local)
}

// address is one that the guard lets in.
func (g *guard) address() string {
	if g.loopback {
		return net.JoinHostPort(g.local.Unmap().String(), g.port)
	}
	return net.JoinHostPort("localhost", g.port)
}

// header returns the value of a header; of several of the same name, the last.
func header(q *fasthttp.RequestHeader, name string) (value string, given bool) {
	for k, v := range q.All() {
		if strings.EqualFold(string(k), name) {
			value, given = string(v), true
		}
	}
	return value, given
}

// secure sets the headers that keep a browser from doing more with an answer
// than the console's own page does.
func secure(h *fasthttp.ResponseHeader) {
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

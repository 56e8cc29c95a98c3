package remotehosts

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// address is where the proxy listens; without a port it is 80.
func (p *Proxy) address() string {
	u, err := url.Parse(p.URL)
	if err != nil { // found when the definition was checked
		return p.URL
	}
	if u.Port() == "" {
		return net.JoinHostPort(u.Hostname(), "80")
	}
	return u.Host
}

// covers tells whether a host is reached through the proxy.
func (p *Proxy) covers(host string) bool {
	if p == nil {
		return false
	}
	addr, noAddr := netip.ParseAddr(host)
	for _, rule := range p.Bypass {
		network, noNetwork := netip.ParsePrefix(rule)
		single, noSingle := netip.ParseAddr(rule)
		switch {
		case noAddr == nil && noNetwork == nil && network.Contains(addr.Unmap()),
			noAddr == nil && noSingle == nil && single == addr,
			strings.EqualFold(rule, host),
			strings.HasPrefix(rule, ".") && hasSuffixFold("."+host, rule):
			return false
		}
	}
	return true
}

func hasSuffixFold(text, suffix string) bool {
	return len(text) >= len(suffix) && strings.EqualFold(text[len(text)-len(suffix):], suffix)
}

// errEarly is an error of a proxy that sends before the tunnel is used.
var errEarly = errors.New("sends bytes of its own into the tunnel")

// tunnel asks the proxy to connect to an address (RFC 9110 §9.3.6). Any 2xx
// "indicates that the sender (and all inbound proxies) will switch to tunnel mode".
func (p *Proxy) tunnel(ctx context.Context, conn net.Conn, address string) error {
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	err := p.connect(conn, address)
	if !stop() {
		return ctx.Err()
	}
	return err
}

func (p *Proxy) connect(conn net.Conn, address string) error {
	head := fmt.Appendf(nil, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n", address, address)
	if p.Username != "" {
		credentials := base64.StdEncoding.EncodeToString([]byte(p.Username + ":" + p.Password))
		head = fmt.Appendf(head, "Proxy-Authorization: Basic %s\r\n", credentials)
	}
	return converse(conn, append(head, "\r\n"...), func(a *answer, r *bufio.Reader) error {
		switch {
		case a.status/100 != 2:
			return fmt.Errorf("answered %d", a.status)
		case r.Buffered() > 0:
			return errEarly
		}
		return nil
	})
}

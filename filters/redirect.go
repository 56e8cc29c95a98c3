package filters

import (
	"errors"
	"fmt"
	"net/url"

	"framegate/engine"
	"framegate/remotehosts"
)

// isRedirect tells whether a status leads elsewhere (RFC 9110 §15.4).
func isRedirect(status int) bool {
	switch status {
	case 301, 302, 303, 307, 308:
		return true
	}
	return false
}

// redirected is where a Location leads from a place: to another path of its
// host, or to a configured remote host.
func (c *connecting) redirected(from place, location string) (place, error) {
	if location == "" {
		return place{}, errors.New("redirects without saying where to")
	}
	base, err := url.Parse(from.target)
	if err != nil {
		return place{}, err
	}
	to, err := base.Parse(location)
	if err != nil {
		return place{}, fmt.Errorf("redirects to what is no URL: %w", err)
	}
	next := place{from.host, from.secure, to.RequestURI()}
	if to.Host != "" || to.Scheme != "" {
		if to.Scheme == "" {
			to.Scheme = "ws"
			if from.secure {
				to.Scheme = "wss"
			}
		}
		host, ok := c.hosts.Declared(to)
		if !ok {
			return place{}, fmt.Errorf("redirects to %.100q, which is no configured remote host", to.Scheme+"://"+to.Host)
		}
		next.host, next.secure = host, to.Scheme == "wss" || to.Scheme == "https"
	}
	if from.secure && !next.secure {
		return place{}, errors.New("redirects from TLS to none")
	}
	return next, remotehosts.CheckTarget(next.target)
}

// withoutCredentials is a request without what is for the host that it was
// made for.
func withoutCredentials(q *engine.Request) *engine.Request {
	bare := *q
	bare.Headers = q.Headers.Clone()
	for _, name := range []string{"Authorization", "Cookie"} {
		bare.Headers.Del(name)
	}
	return &bare
}

package filters

import (
	"net/url"
	"strings"

	"framegate/engine"
	"framegate/remotehosts"
)

// caller is where call-url goes: a destination among the remote hosts, or with
// anyHost any URL.
type caller struct {
	known     *destination    // nil: with anyHost
	whole     engine.Selector // with anyHost: a URL that selectors yield as a whole
	scheme    string
	authority engine.Selector // else its host, and
	target    engine.Selector // path and query
}

func newCaller(hosts *remotehosts.Set, field engine.Selector, any bool) (*caller, error) {
	text := field.Text()
	scheme, rest, ok := strings.Cut(text, "://")
	switch {
	case any && strings.HasPrefix(text, "${") && (!ok || strings.Contains(scheme, "${")):
		return &caller{whole: field}, nil
	case !ok || scheme != "http" && scheme != "https":
		return nil, wrong("url", "write http:// or https:// before the host", "%q is no URL of HTTP", text)
	}
	if !any {
		return newKnownCaller(hosts, field)
	}
	at, target := cutAuthority(rest)
	c := &caller{scheme: scheme}
	var err error
	if c.authority, err = engine.ParseSelector(at); err != nil {
		return nil, &FieldError{Field: "url", Err: err}
	}
	if host, literal := c.authority.Literal(); literal {
		if err := remotehosts.CheckHostHeader(host); err != nil {
			return nil, &FieldError{"url", "write http://HOST/PATH, without a user name", err}
		}
		if _, err := findHost(hosts, "url", scheme, host); err != nil {
			return nil, err
		}
	}
	c.target, err = newTarget("url", target)
	return c, err
}

// newKnownCaller is for URLs that lead to remote hosts of the configuration.
func newKnownCaller(hosts *remotehosts.Set, field engine.Selector) (*caller, error) {
	d, err := newDestination(hosts, "url", field)
	if err != nil {
		return nil, err
	}
	if d.host != nil {
		if _, declared := hosts.Declared(&url.URL{Scheme: d.scheme(), Host: d.at}); !declared {
			return nil, wrong("url", "declare it under remoteHosts, or write anyHost: true", "%s is no remote host", d.at)
		}
	}
	return &caller{known: d}, nil
}

// written tells whether the URL names its host itself: no message can choose it,
// beyond choosing among the remote hosts.
func (c *caller) written() bool {
	_, literal := c.authority.Literal()
	return c.known != nil || c.scheme != "" && literal
}

// url is the URL for a message; empty when the filter has failed.
func (c *caller) url(m *engine.Message) (string, error) {
	switch {
	case c.known != nil:
		host, err := c.known.find(m)
		if err != nil || host == nil {
			return "", err
		}
		at := c.known.at
		if c.known.host == nil {
			at = host.Definition().Name
		}
		return withTarget(c.known.scheme(), at, c.known.target, m)
	case c.scheme != "":
		at, err := c.authority.String(m)
		if err != nil {
			return "", err
		}
		if err := remotehosts.CheckHostHeader(at); err != nil {
			m.Fail(400, "url: %v", err)
			return "", nil
		}
		return withTarget(c.scheme, at, c.target, m)
	}
	text, err := c.whole.String(m)
	if err != nil {
		return "", err
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		m.Fail(400, "%s yields %.100q, which is no URL of HTTP", c.whole.Text(), text)
		return "", nil
	}
	return text, nil
}

func withTarget(scheme, at string, target engine.Selector, m *engine.Message) (string, error) {
	path, err := targetFor(target, m)
	if err != nil || path == "" {
		return "", err
	}
	return scheme + "://" + at + path, nil
}

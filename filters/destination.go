package filters

import (
	"errors"
	"fmt"
	"strings"

	"framegate/engine"
	"framegate/remotehosts"
)

// destination is where a URL of a filter's field leads: the remote host, known
// when the filter is prepared or named by a selector, and the path and query.
type destination struct {
	hosts  *remotehosts.Set
	field  string // of the URL, for problems
	secure bool
	at     string            // the URL's host and port, as they stand there
	host   *remotehosts.Host // nil: the name comes from a selector
	name   engine.Selector   // that selector, with the text around it
	target engine.Selector   // path and query
}

// newDestination takes the URL in a field apart and finds its host. Only what
// follows the scheme may be a selector.
func newDestination(hosts *remotehosts.Set, field string, url engine.Selector) (*destination, error) {
	d := &destination{hosts: hosts, field: field}
	scheme, rest, ok := strings.Cut(url.Text(), "://")
	if !ok || strings.Contains(scheme, "${") {
		return nil, &FieldError{field, "write ws://HOST/PATH; only what follows ws:// can be a selector", fmt.Errorf("the URL begins with no scheme")}
	}
	switch scheme {
	case "ws", "http":
	case "wss", "https":
		d.secure = true
	default:
		return nil, &FieldError{field, "write ws:// or, for TLS, wss://", fmt.Errorf("scheme %q leads to no WebSocket", scheme)}
	}
	authority, target := cutAuthority(rest)
	d.at = authority
	if err := d.prepareTarget(target); err != nil {
		return nil, err
	}
	if strings.Contains(authority, "${") {
		return d, d.prepareName(authority)
	}
	return d, d.prepareHost(scheme, authority)
}

func (d *destination) prepareTarget(text string) (err error) {
	d.target, err = newTarget(d.field, text)
	return err
}

func (d *destination) prepareName(text string) (err error) {
	if d.name, err = engine.ParseSelector(text); err != nil {
		return &FieldError{Field: d.field, Err: err}
	}
	if strings.ContainsAny(literals(text), ":@") {
		return &FieldError{d.field, "declare the address as a remote host, and let the selector yield its name", fmt.Errorf("a selector in place of the host can only yield the name of a remote host")}
	}
	return nil
}

func (d *destination) prepareHost(scheme, authority string) (err error) {
	d.host, err = findHost(d.hosts, d.field, scheme, authority)
	return err
}

// findHost finds the host that a scheme and an authority lead to; the problem
// is that of the field.
func findHost(hosts *remotehosts.Set, field, scheme, authority string) (*remotehosts.Host, error) {
	host, err := hosts.Find(scheme + "://" + authority + "/")
	var unknown *remotehosts.UnknownHost
	switch {
	case errors.As(err, &unknown) && unknown.Nearest != "":
		return nil, &FieldError{field, fmt.Sprintf("did you mean %q?", unknown.Nearest), err}
	case errors.As(err, &unknown):
		return nil, &FieldError{field, fmt.Sprintf("declare it under remoteHosts, or write its port: %s:PORT", authority), err}
	case err != nil:
		return nil, &FieldError{Field: field, Err: err}
	case !host.Definition().AllowHTTP11:
		return nil, &FieldError{field, "set allowHTTP11: true on the remote host", fmt.Errorf("remote host %q does not allow HTTP/1.1, which a WebSocket needs", host.Definition().Name)}
	}
	return host, nil
}

// scheme is http or https.
func (d *destination) scheme() string {
	if d.secure {
		return "https"
	}
	return "http"
}

// protocol is ws or wss.
func (d *destination) protocol() string {
	if d.secure {
		return "wss"
	}
	return "ws"
}

// find is the host to connect to; nil when the filter has failed.
func (d *destination) find(m *engine.Message) (*remotehosts.Host, error) {
	if d.host != nil {
		return d.host, nil
	}
	name, err := d.name.String(m)
	if err != nil {
		return nil, err
	}
	host, ok := d.hosts.Named(name)
	if !ok {
		m.Fail(502, "%s yields %q, which is no remote host", d.name.Text(), name)
		return nil, nil
	}
	return host, nil
}

// path is the path and query to ask for; empty when the filter has failed.
func (d *destination) path(m *engine.Message) (string, error) { return targetFor(d.target, m) }

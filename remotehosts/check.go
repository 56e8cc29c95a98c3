package remotehosts

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// DefinitionError is a problem with one field of a definition: the remote
// host's name, the field's path in YAML such as "tls.ca", what is wrong, and what to
// write instead.
type DefinitionError struct {
	Host  string
	Field string
	Hint  string
	Err   error
}

func (e *DefinitionError) Error() string {
	return fmt.Sprintf("remote host %q: %s: %v", e.Host, e.Field, e.Err)
}

// Unwrap returns what is wrong.
func (e *DefinitionError) Unwrap() error { return e.Err }

// report takes a problem: the field, the hint and what is wrong.
type report func(field, hint, format string, args ...any)

// check finds what the tags of a definition cannot say.
func (d *Definition) check() (problems []*DefinitionError) {
	wrong := func(field, hint, format string, args ...any) {
		problems = append(problems, &DefinitionError{d.Name, field, hint, fmt.Errorf(format, args...)})
	}
	if d.Host != "" && !isHostName(d.Host) && !isIP(d.Host) { // that it is missing, its tag says
		wrong("host", "write a name or an IP address; the port has a field of its own", "%q is no host name", d.Host)
	}
	if d.MaxConnections == 0 {
		wrong("maxConnections", "write -1 for no limit", "0 lets no connection through")
	}
	if d.CorrelationHeader != "" && !isToken(d.CorrelationHeader) {
		wrong("correlationHeader", "write a name such as X-CorrelationID", "%q is no name of a header", d.CorrelationHeader)
	}
	if isOurs(d.CorrelationHeader) {
		wrong("correlationHeader", "write a name such as X-CorrelationID", "%s is a header that the gateway writes itself", d.CorrelationHeader)
	}
	d.TLS.check(wrong)
	d.checkAddresses(wrong)
	d.Watchdog.check(wrong)
	d.Proxy.check(wrong)
	return problems
}

func (t *TLS) check(wrong report) {
	if t.ServerName != "" && !isHostName(t.ServerName) {
		wrong("tls.serverName", "write a name, without port", "%q is no host name", t.ServerName)
	}
	if t.TrustAll && t.CA != "" {
		wrong("tls.ca", "remove trustAll", "with trustAll nothing looks at the CA")
	}
	if t.TrustAll && t.VerifyHost != nil {
		wrong("tls.verifyHost", "remove trustAll", "with trustAll nothing looks at the name")
	}
	if (t.Cert == "") != (t.Key == "") {
		wrong("tls", "write both `cert` and `key`", "a certificate needs its key, and a key its certificate")
	}
}

func (d *Definition) checkAddresses(wrong report) {
	seen := make(map[string]bool)
	for i, group := range d.Addresses {
		if len(group.List) == 0 {
			wrong(fmt.Sprintf("addresses.%d", i), "write `list: ['10.0.0.1:9001']`", "the group has no address")
		}
		for j, text := range group.List {
			field := fmt.Sprintf("addresses.%d.list.%d", i, j)
			host, _, err := splitAddress(text, d.Port)
			switch {
			case err != nil || !isHostName(host) && !isIP(host):
				wrong(field, "write host and port, such as 10.0.0.1:9001", "%q is no address", text)
			case seen[text]:
				wrong(field, "delete one of the two; `weight` gives an address a bigger share", "%q stands there twice", text)
			}
			seen[text] = true
		}
	}
	switch {
	case d.Balancing == "sticky" && d.StickyKey.IsZero():
		wrong("balancing", "add `stickyKey: '${authentication.subject.id}'`", "sticky needs a key to go by")
	case d.Balancing != "sticky" && !d.StickyKey.IsZero():
		wrong("stickyKey", "write `balancing: sticky`", "nothing goes by the key")
	}
}

func (w *Watchdog) check(wrong report) {
	if w == nil {
		return
	}
	if !isToken(w.Method) {
		wrong("watchdog.method", "write a method such as OPTIONS, HEAD or GET", "%q is no method", w.Method)
	}
	if w.URI == "*" && w.Method != "OPTIONS" {
		wrong("watchdog.uri", "write a path such as /health", "only OPTIONS can ask for *")
	} else if err := CheckTarget(w.URI); err != nil && w.URI != "*" {
		wrong("watchdog.uri", "write a path such as /health", "%w", err)
	}
}

func (p *Proxy) check(wrong report) {
	if p == nil {
		return
	}
	u, err := url.Parse(p.URL)
	if err != nil || u.Scheme != "http" || u.Host == "" || u.Path != "" && u.Path != "/" || u.RawQuery != "" {
		wrong("proxy.url", "write http://HOST:PORT", "it is no address of an HTTP proxy")
	} else if u.User != nil {
		wrong("proxy.url", "write `username:` and `password:`", "credentials do not belong into the URL")
	}
	if p.Username == "" && p.Password != "" {
		wrong("proxy.password", "add `username:`", "there is a password and no name")
	}
	if strings.Contains(p.Username, ":") {
		wrong("proxy.username", "a name for Basic authentication has no colon (RFC 7617 §2)", "there is a colon in it")
	}
	for i, text := range p.Bypass {
		if _, err := netip.ParsePrefix(text); err != nil && !isHostName(text) && !isIP(text) {
			wrong(fmt.Sprintf("proxy.bypass.%d", i), "write a host name, .domain, address or network", "%q is none of them", text)
		}
	}
}

// splitAddress splits host:port; without a port it is the given one, which may be 0.
func splitAddress(text string, port int) (host string, number int, err error) {
	if isIP(text) || isHostName(text) {
		return text, port, nil
	}
	host, digits, err := net.SplitHostPort(text)
	if err != nil {
		return "", 0, err
	}
	n, err := strconv.ParseUint(digits, 10, 16)
	if err == nil && n == 0 {
		err = strconv.ErrRange
	}
	return host, int(n), err
}

// isToken follows RFC 9110 §5.6.2.
func isToken(text string) bool {
	special := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r))
	}
	return text != "" && !slices.ContainsFunc([]rune(text), special)
}

package engine

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// MatchOrigin compares an origin, as browsers send it (RFC 6454 §6.2), with what
// an author allows: scheme, host and port whole, one host label of any name
// ("https://*.example.test"), any port ("http://127.0.0.1:*"), or any origin ("*").
// The origin null, which sandboxed pages and local files have in common, is only
// matched by its name.
func MatchOrigin(allowed, origin string) bool {
	switch {
	case strings.EqualFold(allowed, origin):
		return true
	case allowed == "*":
		return !strings.EqualFold(origin, "null")
	}
	scheme, host, ok := strings.Cut(origin, "://")
	wantScheme, wantHost, wantOK := strings.Cut(allowed, "://")
	if !ok || !wantOK || !strings.EqualFold(scheme, wantScheme) || strings.ContainsAny(host, "/@?#") {
		return false
	}
	name, port := cutPort(host)
	wantName, wantPort := cutPort(wantHost)
	if wantPort != "*" && port != wantPort {
		return false
	}
	if rest, wild := strings.CutPrefix(wantName, "*."); wild {
		label, domain, found := strings.Cut(name, ".")
		return found && label != "" && strings.EqualFold(domain, rest)
	}
	return strings.EqualFold(name, wantName)
}

func cutPort(host string) (name, port string) {
	i := strings.LastIndexByte(host, ':')
	if i < 0 || strings.HasSuffix(host, "]") {
		return host, ""
	}
	return host[:i], host[i+1:]
}

// CheckOrigin is the problem with what an author allows as an origin: what no
// browser sends would never match. The hint says what to write instead.
func CheckOrigin(allowed string) (hint string, err error) {
	if allowed == "*" || allowed == "null" {
		return "", nil
	}
	u, err := url.Parse(strings.Replace(allowed, ":*", ":0", 1))
	switch {
	case !strings.Contains(allowed, "://"):
		return "write scheme and host, such as https://" + allowed, fmt.Errorf("origin %q has no scheme", allowed)
	case err != nil || u.Host == "":
		return "write scheme and host, such as https://app.example.test", fmt.Errorf("%q is no origin", allowed)
	case u.Path != "" || u.RawQuery != "":
		return fmt.Sprintf("write %s://%s", u.Scheme, u.Host), fmt.Errorf("origin %q has a path; browsers send scheme, host and port only", allowed)
	case strings.Contains(strings.TrimPrefix(u.Host, "*."), "*"):
		return "write *. in front of the host for one label of any name, such as https://*.example.test", errors.New("a * stands for one whole label, the first")
	}
	return "", nil
}

// FromSameHost tells whether the request's Origin is the scheme and host that it asks for.
func (r *Request) FromSameHost() bool {
	scheme := "http://"
	if r.Secure() {
		scheme = "https://"
	}
	return strings.EqualFold(r.Headers.Get("Origin"), scheme+r.Host)
}

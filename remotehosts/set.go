package remotehosts

import (
	"fmt"
	"io/fs"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// maxUndeclared is how many connections may be open to all hosts together that
// no definition is about: the cap that Axway has for hosts without settings.
const maxUndeclared = 128

// Set is the remote hosts of one state of the configuration. It does not change
// once made. Between Start and Close, watchdogs run.
type Set struct {
	hosts      map[string]*Host
	names      []string // sorted
	undeclared *slots   // of all hosts that are dialled as they stand
	loose      loose
	clock      clock
	using      sync.Mutex
	started    bool
}

// NewSet makes the set of the definitions, and lists all that is wrong with
// them; with problems the set can be asked, but not used to connect. Files is the
// gateway's directory, where certificates and keys are read. A remote host that
// is the same in old, which may be nil, stays the same object and keeps its
// connections' count, what is known of its addresses, and its watchdog; the texts
// of certificates and keys count as part of the definition.
func NewSet(defs []Definition, files fs.FS, old *Set) (*Set, []*DefinitionError) {
	return newSet(defs, files, old, systemClock)
}

func newSet(defs []Definition, files fs.FS, old *Set, c clock) (*Set, []*DefinitionError) {
	s := &Set{hosts: make(map[string]*Host, len(defs)), undeclared: newSlots(maxUndeclared), clock: c}
	if old != nil {
		s.undeclared = old.undeclared
	}
	var problems []*DefinitionError
	for _, def := range defs {
		problems = append(problems, def.check()...)
		h, err := newHost(def, files, c)
		h.declared = true
		if err != nil {
			problems = append(problems, err)
		}
		if old != nil && err == nil {
			if same := old.hosts[def.Name]; same != nil && same.pems == h.pems && reflect.DeepEqual(same.def, h.def) {
				h = same
			}
		}
		s.hosts[def.Name] = h
	}
	s.names = slices.Sorted(maps.Keys(s.hosts))
	return s, problems
}

// Names lists the names of the declared remote hosts, sorted.
func (s *Set) Names() []string { return s.names }

// Named returns the declared remote host of that name.
func (s *Set) Named(name string) (*Host, bool) {
	h, ok := s.hosts[name]
	return h, ok
}

// UnknownHost is the error of [Set.Find] for a URL whose host is a bare word,
// neither a declared remote host nor anything that looks like an address.
type UnknownHost struct {
	Name    string
	Nearest string // the declared name that looks most like it; may be empty
}

func (e *UnknownHost) Error() string { return fmt.Sprintf("there is no remote host %q", e.Name) }

// Find returns the host that a ws, wss, http or https URL leads to: the declared
// remote host of that name, else the one with that host and port (the first by
// name, if there are several), else the host and port as they stand with the
// default settings. A bare word without a port is never dialled as it stands,
// except localhost: the error is [UnknownHost]; it wraps a [BadURL] where no host
// could be meant. The path is not looked at.
func (s *Set) Find(rawURL string) (*Host, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, fmt.Errorf("find remote host: %w", err)
	}
	port, err := portOf(u)
	if err != nil {
		return nil, fmt.Errorf("find remote host of %q: %w", rawURL, &BadURL{err})
	}
	name := u.Hostname()
	if h, ok := s.hosts[name]; ok && u.Port() == "" {
		return h, nil
	}
	if h := s.at(name, port, isSecure(u.Scheme)); h != nil {
		return h, nil
	}
	if h, ok := s.hosts[name]; ok && isBareWord(name) {
		return nil, fmt.Errorf("find remote host of %q: remote host %q has the address %s; leave the port out, or write the address", rawURL, name, h.authority(isSecure(u.Scheme)))
	}
	if u.Port() == "" && isBareWord(name) {
		return nil, &UnknownHost{name, s.nearest(name)}
	}
	return s.asItStands(name, port), nil
}

// BadURL is why a URL can lead to no host at all: its scheme, user name, host name or port.
type BadURL struct{ error }

// Unwrap returns what is wrong with it.
func (e *BadURL) Unwrap() error { return e.error }

// asItStands is the host of an address that no definition is about.
func (s *Set) asItStands(name string, port int) *Host {
	def := defaultDefinition()
	def.Name, def.Host, def.Port = net.JoinHostPort(name, strconv.Itoa(port)), name, port
	h := &Host{def: def, tls: newTLS(&def, &identity{}), slots: s.undeclared, clock: s.clock}
	h.pool, h.http = newPool(&h.def, s.clock.now), newClient(h)
	return h
}

// Declared returns the declared remote host that a ws, wss, http or https URL
// leads to: the one of that name, else the one with that host and port. A URL with
// a user name leads to none.
func (s *Set) Declared(u *url.URL) (*Host, bool) {
	port, err := portOf(u)
	if err != nil {
		return nil, false
	}
	if h, ok := s.hosts[u.Hostname()]; ok && u.Port() == "" {
		return h, true
	}
	h := s.at(u.Hostname(), port, isSecure(u.Scheme))
	return h, h != nil
}

// at finds the declared remote host with an address; a definition without a
// port has the port of the URL's scheme.
func (s *Set) at(host string, port int, secure bool) *Host {
	for _, name := range s.names {
		h := s.hosts[name]
		if strings.EqualFold(h.def.Host, host) && h.port(secure) == port {
			return h
		}
	}
	return nil
}

// isSecure tells whether a URL's scheme means TLS.
func isSecure(scheme string) bool { return scheme == "wss" || scheme == "https" }

// portOf checks a URL as far as finding its host goes, and returns its port.
func portOf(u *url.URL) (int, error) {
	name := u.Hostname()
	switch u.Scheme {
	case "ws", "wss", "http", "https":
	default:
		return 0, fmt.Errorf("scheme %q is not ws, wss, http or https", u.Scheme)
	}
	switch {
	case u.User != nil:
		return 0, fmt.Errorf("a user name cannot stand in the URL of a remote host")
	case !isHostName(name) && !isIP(name):
		return 0, fmt.Errorf("%q is no host name or IP address", name)
	case u.Port() != "":
		port, err := strconv.ParseUint(u.Port(), 10, 16)
		if err != nil || port == 0 {
			return 0, fmt.Errorf("port %q is not between 1 and 65535", u.Port())
		}
		return int(port), nil
	}
	return defaultPort(isSecure(u.Scheme)), nil
}

func defaultPort(secure bool) int {
	if secure {
		return 443
	}
	return 80
}

// isBareWord tells whether a host is a single label that only a private name
// service could know: more likely the misspelt name of a remote host.
func isBareWord(host string) bool {
	return !strings.ContainsAny(host, ".:") && !strings.EqualFold(host, "localhost")
}

// isIP takes no zones: they mean nothing to the other side of a Host header.
func isIP(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Zone() == ""
}

// isHostName tells whether text can stand as a name in a URL and a Host header.
func isHostName(text string) bool {
	for i := range len(text) {
		c := text[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_') {
			return false
		}
	}
	return text != "" && len(text) <= 253 // RFC 1035 §2.3.4
}

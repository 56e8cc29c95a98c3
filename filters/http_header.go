package filters

import (
	"crypto/x509"
	"errors"
	"unicode/utf8"

	"framegate/engine"
)

func init() {
	register[httpHeader](Kind{Type: "http-header", Family: Identity, Aliases: []string{"HttpHeaderFilter"}, Hooks: engine.OnHTTP, Reads: []string{"http.headers"}, Writes: identityWrites})
}

// Passes when a trusted proxy in front says in a header who the client is. A refused
// upgrade gets 403. As in Axway's HTTP Header filter.
//
// The header counts only when the proxy is a peer that may speak for clients: one of
// the port's trustedProxies, or of those in from. From anybody else it is removed and the
// filter fails, as it does when the header stands there twice. Headers that differ from it only
// in _ and - are always removed, because many servers take them for the same.
//
// It sets authentication.subject.id, authentication.subject.format (User Name or X509DName) and
// authentication.method (header); with a store authentication.subject.attributes too (the
// record without its secrets); with a certificate, its issuer as authentication.issuer.id, and its end is
// that of the session. The user can be revoked as user:NAME.
//
//	filters:
//	  - type: http-header
//	    header: X-Forwarded-User
//	    from: [10.0.0.0/24]
type httpHeader struct {
	// Header is the name of the header.
	Header string `yaml:"header" required:"true"`

	// Format says what the header holds: a user's name, a distinguished name (RFC 4514: CN=ann,O=Example),
	// or a certificate: PEM in percent-encoding (nginx, Apache), base64 (RFC 9440, Traefik), or
	// X-Forwarded-Client-Cert (Envoy).
	Format string `yaml:"format" default:"user-name" oneof:"user-name distinguished-name certificate"`

	// Identity says what of a distinguished name or certificate is the subject: all of its name (dn), the common
	// name (cn), or the first alternative name of a kind (email, dns, uri; of certificates only).
	Identity string `yaml:"identity" default:"dn" oneof:"dn cn email dns uri"`

	// From lists the proxies that may set the header. None given: the port's trustedProxies.
	From []engine.Prefix `yaml:"from"`

	// Store is the name of a store that must have a record with the subject as its key. A record with
	// enabled: false is none, and a reload that takes it away ends the user's sessions.
	Store string `yaml:"store"`

	// Remove takes the header away, so that the remote host does not get it.
	Remove bool `yaml:"remove"`

	header proxyHeader
	users  *userStore
}

func (f *httpHeader) Prepare(env *Env) (err error) {
	if err := checkProxyHeader("header", f.Header); err != nil {
		return err
	}
	switch {
	case f.Format == "user-name" && f.Identity != "dn":
		return wrong("identity", "leave it out, or write format: certificate beside it", "a user's name has no parts to choose from")
	case f.Format == "distinguished-name" && f.Identity != "dn" && f.Identity != "cn":
		return wrong("identity", "write dn or cn, or format: certificate beside it", "a distinguished name has no %s", f.Identity)
	}
	f.header = proxyHeader{f.Header, f.From}
	f.users, err = loadUserStore(env, f.Store)
	return err
}

// maxUserName is the most bytes of a name in a header.
const maxUserName = 1 << 10

// Why a header says nothing about who the client is.
var (
	errNoUser  = errors.New("the trusted proxy names no user")
	errBadUser = errors.New("what the trusted proxy says is no user's name")
)

func (f *httpHeader) Run(m *engine.Message) (bool, error) {
	who, err := f.read(m)
	if err != nil {
		m.Fail(403, "header %s: %v", f.Header, err)
		return false, nil
	}
	if f.Remove {
		m.Request.Headers.Del(f.Header)
	}
	return identify(m, who, func(why error) (bool, error) {
		m.Fail(403, "%v", why)
		return false, nil
	})
}

// read finds out who the client is.
func (f *httpHeader) read(m *engine.Message) (*engine.Identity, error) {
	text, err := f.header.take(m.Request)
	switch {
	case err != nil:
		return nil, err
	case text == "":
		return nil, errNoUser
	}
	var cert *x509.Certificate
	name := text
	switch f.Format {
	case "distinguished-name":
		name, err = nameOfDN(text, f.Identity)
	case "certificate":
		if cert, err = headerCertificate(text, m.Now()); err == nil {
			name, err = nameOfCertificate(cert, f.Identity)
		}
	}
	switch {
	case err != nil:
		return nil, err
	case name == "" || len(name) > maxUserName || !utf8.ValidString(name):
		return nil, errBadUser
	}
	who, err := f.users.identity("header", name)
	if err != nil {
		return nil, err
	}
	if f.Format != "user-name" && f.Identity == "dn" {
		who.Format = formatDN
	}
	if cert != nil {
		who.Issuer, who.Expires = cert.Issuer.String(), cert.NotAfter
	}
	return who, nil
}

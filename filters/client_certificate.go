package filters

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"framegate/engine"
)

func init() {
	register[clientCertificate](Kind{
		Type: "client-certificate", Family: Identity, Aliases: []string{"SslFilter"}, Hooks: engine.OnHTTP,
		Reads: []string{"http.request.clientcert"}, Writes: identityWrites,
	})
}

// Passes when the client came with a certificate that the port has verified and that is
// one of those wanted. A refused upgrade gets 401 without a certificate and 403 with one
// that does not fit. As in Axway's SSL Authentication filter.
//
// The port must ask for certificates: `tls: {clientAuth: request, clientCA: …}`, or require.
// Without subject, issuer, names and fingerprints every verified certificate passes; those that are
// given must all fit. In their texts a * stands for any characters.
//
// It sets authentication.subject.id, authentication.subject.format (User Name or X509DName),
// authentication.method (certificate), authentication.issuer.id (the issuer's distinguished name) and
// authentication.subject.attributes (subject, issuer, serial, fingerprint, notAfter, and with a store the
// record without its secrets). The session ends when the certificate does. It can be revoked
// as certificate:FINGERPRINT, and its user as user:NAME.
//
//	filters:
//	  - type: client-certificate
//	    subject: {O: Example, CN: 'device-*'}
//	    names: ['dns:*.devices.example.test']
//	    identity: cn
type clientCertificate struct {
	// Subject says what the subject's distinguished name must have: CN, O, OU, C, L, ST, STREET, POSTALCODE,
	// SERIALNUMBER, DC, UID, or a dotted OID, each with a text, or a list of which one must fit. The case counts.
	Subject map[string][]string `yaml:"subject"`

	// Issuer says the same of the issuer.
	Issuer map[string][]string `yaml:"issuer"`

	// Names are alternative names, of which the certificate must have one: dns:NAME, email:ADDRESS, uri:URI
	// or ip:ADDRESS (a network too). In a DNS name a * stands for one label, in an address for a part before
	// or behind the @, in a URI for one segment of its path; ** for any characters.
	Names []string `yaml:"names"`

	// Fingerprints are the SHA-256 hashes of certificates in hexadecimal, of which it must be one; colons do not count.
	Fingerprints []string `yaml:"fingerprints"`

	// Identity says what of the certificate is the subject: the common name (cn), all of its distinguished
	// name (dn), or its first alternative name of a kind (email, dns, uri).
	Identity string `yaml:"identity" default:"cn" oneof:"cn dn email dns uri"`

	// Store is the name of a store that must have a record with the subject as its key. A record with
	// enabled: false is none, and a reload that takes it away ends the user's sessions.
	Store string `yaml:"store"`

	// Header is the name of a header in which a trusted proxy, where TLS ends, puts the certificate that it
	// has verified: PEM in percent-encoding (nginx, Apache), base64 (RFC 9440, Traefik) or
	// X-Forwarded-Client-Cert (Envoy). A certificate of the connection itself does not count then.
	Header string `yaml:"header"`

	// From lists the proxies that may set the header. None given: the port's trustedProxies.
	From []engine.Prefix `yaml:"from"`

	// Realm is the name of what is protected, in the challenge.
	Realm string `yaml:"realm" default:"framegate"`

	subject, issuer []dnRule
	names           []nameRule
	fingerprints    [][sha256.Size]byte
	header          proxyHeader
	users           *userStore
	challenge       string
}

func (f *clientCertificate) Prepare(env *Env) (err error) {
	if f.subject, err = dnRules("subject", f.Subject); err != nil {
		return err
	}
	if f.issuer, err = dnRules("issuer", f.Issuer); err != nil {
		return err
	}
	for i, text := range f.Names {
		rule, err := parseNameRule(text)
		if err != nil {
			return wrong(indexed("names", i), "write dns:NAME, email:ADDRESS, uri:URI or ip:ADDRESS", "%w", err)
		}
		f.names = append(f.names, rule)
	}
	for i, text := range f.Fingerprints {
		sum, err := parseFingerprint(text)
		if err != nil {
			return wrong(indexed("fingerprints", i), "write what `openssl x509 -fingerprint -sha256` prints", "%w", err)
		}
		f.fingerprints = append(f.fingerprints, sum)
	}
	switch {
	case f.Header == "" && len(f.From) > 0:
		return wrong("from", "name the header, or leave it out", "proxies are listed, and no header is named that they set")
	case f.Header != "":
		if err := checkProxyHeader("header", f.Header); err != nil {
			return err
		}
		f.header = proxyHeader{f.Header, f.From}
	}
	realm, err := quotedString(f.Realm)
	if err != nil {
		return wrong("realm", "write plain text", "%w", err)
	}
	f.challenge = `ClientCertificate realm=` + realm
	f.users, err = loadUserStore(env, f.Store)
	return err
}

// Why a certificate is refused.
var (
	errNoCertificate    = errors.New("no verified client certificate")
	errOtherSubject     = errors.New("the subject of the certificate does not fit")
	errOtherIssuer      = errors.New("the issuer of the certificate does not fit")
	errOtherName        = errors.New("none of the certificate's alternative names fits")
	errOtherFingerprint = errors.New("the certificate is none of those listed")
)

func (f *clientCertificate) Run(m *engine.Message) (bool, error) {
	cert, err := f.certificate(m)
	if err != nil {
		m.Fail(401, "%v", err)
		return false, m.Challenge("WWW-Authenticate", f.challenge)
	}
	refuse := func(why error) (bool, error) {
		m.Fail(403, "%v", why)
		return false, nil
	}
	if err := f.fits(cert); err != nil {
		return refuse(err)
	}
	name, err := nameOfCertificate(cert, f.Identity)
	if err != nil {
		return refuse(err)
	}
	who, err := f.users.identity("certificate", name)
	if err != nil {
		return refuse(err)
	}
	f.describe(who, cert)
	return identify(m, who, refuse)
}

// certificate is the client's, verified by the port or by the proxy in front.
func (f *clientCertificate) certificate(m *engine.Message) (*x509.Certificate, error) {
	if f.Header == "" {
		if state := m.Request.TLS; state != nil && len(state.VerifiedChains) > 0 {
			return state.PeerCertificates[0], nil
		}
		return nil, errNoCertificate
	}
	text, err := f.header.take(m.Request)
	switch {
	case err != nil:
		return nil, err
	case text == "":
		return nil, errNoCertificate
	}
	return headerCertificate(text, m.Now())
}

// fits tells whether the certificate is one of those wanted.
func (f *clientCertificate) fits(cert *x509.Certificate) error {
	switch {
	case !dnFits(f.subject, cert.Subject.Names):
		return errOtherSubject
	case !dnFits(f.issuer, cert.Issuer.Names):
		return errOtherIssuer
	case len(f.names) > 0 && !slices.ContainsFunc(f.names, func(r nameRule) bool { return r.fits(cert) }):
		return errOtherName
	case len(f.fingerprints) > 0 && !slices.Contains(f.fingerprints, sha256.Sum256(cert.Raw)):
		return errOtherFingerprint
	}
	return nil
}

// describe adds to an identity what the certificate says.
func (f *clientCertificate) describe(who *engine.Identity, cert *x509.Certificate) {
	sum := sha256.Sum256(cert.Raw)
	fingerprint := hex.EncodeToString(sum[:])
	attributes := map[string]any{
		"subject": cert.Subject.String(), "issuer": cert.Issuer.String(), "serial": cert.SerialNumber.Text(16),
		"fingerprint": fingerprint, "notAfter": cert.NotAfter.UTC().Format(time.RFC3339),
	}
	record, _ := who.Attributes.Any().(map[string]any)
	for key, value := range record {
		attributes[key] = value
	}
	who.Attributes = engine.TreeValue(attributes)
	who.Issuer, who.Issued, who.Expires = cert.Issuer.String(), cert.NotBefore, cert.NotAfter
	who.Handles = append(who.Handles, "certificate:"+fingerprint)
	if f.Identity == "dn" {
		who.Format = formatDN
	}
}

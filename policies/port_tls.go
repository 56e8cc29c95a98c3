package policies

import (
	"crypto/tls"
	"crypto/x509"
	"io/fs"
	"os"
	"path"
	"slices"
	"time"
)

// tlsItem is the place of an item of a list under `tls:`, which may be written
// as one scalar.
func (p *Port) tlsItem(field string, i int) place {
	if section := member(p.node, "tls"); section != nil {
		in := located{p.source, section, p.at("tls")}
		return in.item(field, i)
	}
	return p.place
}

// portTLS loads the certificates of a port, and keeps watching their files.
func (c *compiler) portTLS(name string, p *Port) *tls.Config {
	id := &identity{port: name, settings: p.TLS, log: c.options.Log, reopen: c.options.reopen, checked: time.Now()}
	config, broken := id.load(c.reader.files, c.noted)
	for _, b := range broken {
		c.errorf(p.at(b.field), b.hint, "port %q: %s", name, b.what)
	}
	if len(broken) > 0 {
		return &tls.Config{}
	}
	for i := range config.Certificates {
		c.checkDates(name, p, config.Certificates[i].Leaf)
	}
	id.config.Store(config)
	return &tls.Config{MinVersion: config.MinVersion, NextProtos: config.NextProtos, GetConfigForClient: id.forClient}
}

// noted reads a file that may lie outside the gateway's directory, and
// remembers it for the revision.
func (c *compiler) noted(name string) ([]byte, error) {
	text, err := readOutside(name)
	if err == nil {
		c.reader.files.note(name, text)
	}
	return text, err
}

// checkDates warns of a certificate that no client accepts now.
func (c *compiler) checkDates(name string, p *Port, leaf *x509.Certificate) {
	switch now := time.Now(); {
	case now.After(leaf.NotAfter):
		c.warnf(p.at("tls"), "renew it", "port %q: the certificate of %s has expired on %s", name, subjectOf(leaf), leaf.NotAfter.UTC().Format("2 January 2006"))
	case now.Before(leaf.NotBefore):
		c.warnf(p.at("tls"), "look at this machine's clock", "port %q: the certificate of %s is valid from %s only", name, subjectOf(leaf), leaf.NotBefore.UTC().Format("2 January 2006"))
	}
}

// subjectOf is how messages name a certificate.
func subjectOf(cert *x509.Certificate) string {
	if len(cert.DNSNames) > 0 {
		return cert.DNSNames[0]
	}
	return cert.Subject.String()
}

// readFile reads a file of the gateway's directory, or by an absolute name.
func readFile(files fs.FS, outside func(string) ([]byte, error), name string) ([]byte, error) {
	if path.IsAbs(name) {
		return outside(name)
	}
	return fs.ReadFile(files, path.Clean(name))
}

func readOutside(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readLimited(f, maxFile)
}

// pairs lists the certificates of a port, the one beside `listen` first, with
// the fields that name them.
func (t *PortTLS) pairs() (pairs []Certificate, fields []string) {
	if t.Cert != "" || t.Key != "" || t.PKCS12 != "" {
		pairs, fields = append(pairs, Certificate{t.Cert, t.Key, t.PKCS12, t.Password}), append(fields, "tls")
	}
	for range t.Certificates {
		fields = append(fields, "tls.certificates")
	}
	return slices.Concat(pairs, t.Certificates), fields
}

package remotehosts

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
)

// sessionsCached is how many TLS sessions are kept for quicker handshakes, as
// Axway's sessionCacheSize.
const sessionsCached = 32

// identity is what the files of `tls:` hold.
type identity struct {
	roots  *x509.CertPool // nil: the machine's own
	own    []tls.Certificate
	digest [sha256.Size]byte
}

// readIdentity reads the files that a definition names.
func readIdentity(def *Definition, files fs.FS) (*identity, *DefinitionError) {
	id, digest := &identity{}, sha256.New()
	read := func(field, name string) ([]byte, *DefinitionError) {
		text, err := readPEM(files, name)
		if err != nil {
			return nil, &DefinitionError{def.Name, field, "a relative path begins at the gateway's directory and stays in it", err}
		}
		fmt.Fprintf(digest, "%s %d %s", field, len(text), text)
		return text, nil
	}
	if def.TLS.CA != "" {
		text, problem := read("tls.ca", def.TLS.CA)
		if problem != nil {
			return nil, problem
		}
		if id.roots = x509.NewCertPool(); !id.roots.AppendCertsFromPEM(text) {
			return nil, &DefinitionError{def.Name, "tls.ca", "a certificate begins with -----BEGIN CERTIFICATE-----", fmt.Errorf("%s holds no PEM certificate", def.TLS.CA)}
		}
	}
	if def.TLS.Cert != "" && def.TLS.Key != "" {
		cert, problem := read("tls.cert", def.TLS.Cert)
		if problem != nil {
			return nil, problem
		}
		key, problem := read("tls.key", def.TLS.Key)
		if problem != nil {
			return nil, problem
		}
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			return nil, &DefinitionError{def.Name, "tls.cert", "both files must be PEM, and belong together",
				fmt.Errorf("certificate %s with key %s cannot be used: %s", def.TLS.Cert, def.TLS.Key, strings.TrimPrefix(err.Error(), "tls: "))}
		}
		id.own = []tls.Certificate{pair}
	}
	copy(id.digest[:], digest.Sum(nil))
	return id, nil
}

func readPEM(files fs.FS, name string) ([]byte, error) {
	if path.IsAbs(name) {
		return os.ReadFile(name)
	}
	return fs.ReadFile(files, name)
}

// newTLS makes the client side's TLS settings.
func newTLS(def *Definition, id *identity) *tls.Config {
	name := def.TLS.ServerName
	if name == "" {
		name = def.Host
	}
	config := &tls.Config{
		ServerName:         name,
		RootCAs:            id.roots,
		Certificates:       id.own,
		InsecureSkipVerify: def.TLS.TrustAll,
		NextProtos:         []string{"http/1.1"},
		MinVersion:         tls.VersionTLS12,
		ClientSessionCache: tls.NewLRUClientSessionCache(sessionsCached),
	}
	sends, verifies := isOn(def.TLS.SNI), isOn(def.TLS.VerifyHost)
	if sends && verifies || def.TLS.TrustAll && sends {
		return config
	}
	if !sends {
		config.ServerName = ""
	}
	config.InsecureSkipVerify = true // crypto/tls checks all or nothing
	if !def.TLS.TrustAll {
		if !verifies {
			name = ""
		}
		config.VerifyConnection = verifier(id.roots, name)
	}
	return config
}

// verifier checks a host's certificate as crypto/tls does, with a name of its
// own or none.
func verifier(roots *x509.CertPool, name string) func(tls.ConnectionState) error {
	return func(state tls.ConnectionState) error {
		if len(state.PeerCertificates) == 0 {
			return errors.New("it shows no certificate")
		}
		options := x509.VerifyOptions{DNSName: name, Roots: roots, Intermediates: x509.NewCertPool()}
		for _, cert := range state.PeerCertificates[1:] {
			options.Intermediates.AddCert(cert)
		}
		_, err := state.PeerCertificates[0].Verify(options)
		return err
	}
}

// isOn reads a switch that is on when left out.
func isOn(b *bool) bool { return b == nil || *b }

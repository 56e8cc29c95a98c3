package policies

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"sync"
	"sync/atomic"
	"time"
)

// recheck is how often the files of a port's certificates are looked at, while
// clients connect.
const recheck = time.Second

// identity is what a port proves itself with, and by whom it wants clients
// certified. It follows its files: certificates are renewed in place, by
// programs that know nothing of the gateway, one file after the other.
type identity struct {
	port     string
	settings *PortTLS
	log      *slog.Logger
	reopen   func() (fs.FS, io.Closer, error)
	config   atomic.Pointer[tls.Config]

	mu      sync.Mutex // held while looking at the files
	checked time.Time
	stamps  map[string]fs.FileInfo // of the files that config was made of
	said    string                 // the last complaint: each is logged once
}

// unusable is why a certificate cannot be used.
type unusable struct{ field, what, hint string }

// forClient gives a handshake the certificates as the files have them. Nobody
// waits for another's look at the files.
func (id *identity) forClient(*tls.ClientHelloInfo) (*tls.Config, error) {
	if id.mu.TryLock() {
		defer id.mu.Unlock()
		if now := time.Now(); now.Sub(id.checked) >= recheck {
			id.checked = now
			id.follow()
		}
	}
	return id.config.Load(), nil
}

// follow loads the files again when they have changed. What cannot be used, such
// as a new certificate whose key is still the old one, changes nothing.
func (id *identity) follow() {
	files, closer, err := id.reopen()
	if err != nil {
		id.complain(err.Error())
		return
	}
	defer closer.Close()
	if !id.changed(files) {
		return
	}
	before := id.stamps
	config, broken := id.load(files, readOutside)
	if len(broken) > 0 {
		id.stamps = before
		id.complain(broken[0].what)
		return
	}
	id.said = ""
	id.config.Store(config)
	for _, cert := range config.Certificates {
		id.log.Info("certificate loaded again", "port", id.port, "of", subjectOf(cert.Leaf), "expires", cert.Leaf.NotAfter)
	}
}

func (id *identity) complain(what string) {
	if what != id.said {
		id.log.Warn("the changed certificates cannot be used, those before stay", "port", id.port, "error", what)
		id.said = what
	}
}

// changed tells whether a file is another than the one that was loaded: newer,
// of another size, or renamed into its place.
func (id *identity) changed(files fs.FS) bool {
	for name, was := range id.stamps {
		is, err := stat(files, name)
		if err != nil || was == nil || !is.ModTime().Equal(was.ModTime()) || is.Size() != was.Size() || is.Sys() != nil && !os.SameFile(is, was) {
			return true
		}
	}
	return false
}

func stat(files fs.FS, name string) (fs.FileInfo, error) {
	if path.IsAbs(name) {
		return os.Stat(name)
	}
	return fs.Stat(files, path.Clean(name))
}

// load makes the TLS settings of the files as they are now, or says all that is
// wrong with them. Files are described before they are read: one that is
// written in between is read once more.
func (id *identity) load(files fs.FS, outside func(string) ([]byte, error)) (*tls.Config, []unusable) {
	out := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	if id.settings.MinVersion == "1.3" {
		out.MinVersion = tls.VersionTLS13
	}
	id.stamps = make(map[string]fs.FileInfo)
	read := func(name string) ([]byte, error) {
		id.stamps[name], _ = stat(files, name)
		text, err := readFile(files, outside, name)
		if err != nil {
			return nil, fmt.Errorf("%s", fileProblem(name, err))
		}
		return text, nil
	}
	var broken []unusable
	pairs, fields := id.settings.pairs()
	if len(pairs) == 0 {
		broken = append(broken, unusable{"tls", "TLS needs a certificate", "write `tls: {cert: tls/server.crt, key: tls/server.key}`"})
	}
	for i, pair := range pairs {
		cert, problem := pair.load(read)
		if problem != nil {
			problem.field = fields[i]
			broken = append(broken, *problem)
			continue
		}
		out.Certificates = append(out.Certificates, cert)
	}
	if problem := id.settings.clients(out, read); problem != nil {
		broken = append(broken, *problem)
	}
	return out, broken
}

// clients makes the port ask clients for certificates.
func (t *PortTLS) clients(out *tls.Config, read func(string) ([]byte, error)) *unusable {
	switch t.ClientAuth {
	case "request":
		out.ClientAuth = tls.VerifyClientCertIfGiven
	case "require":
		out.ClientAuth = tls.RequireAndVerifyClientCert
	default:
		if t.ClientCA != "" {
			return &unusable{"tls.clientCA", "an authority for client certificates is named, and none is asked for", "write `clientAuth: require` or `clientAuth: request`"}
		}
		return nil
	}
	if t.ClientCA == "" {
		return &unusable{"tls.clientAuth", "client certificates are asked for, and no authority is known", "add `clientCA:` with the PEM file of the authority"}
	}
	text, err := read(t.ClientCA)
	if err != nil {
		return &unusable{"tls.clientCA", err.Error(), outsideHint}
	}
	out.ClientCAs = x509.NewCertPool()
	if !out.ClientCAs.AppendCertsFromPEM(text) {
		return &unusable{"tls.clientCA", "no certificate in " + t.ClientCA, "the file must hold certificates as PEM"}
	}
	return nil
}

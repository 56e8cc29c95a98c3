package policies

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// pair makes a certificate for a name, and its key, as PEM.
func pair(t *testing.T, name string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))
}

func TestPortTLS(t *testing.T) {
	certA, keyA := pair(t, "a.example.test")
	certB, keyB := pair(t, "b.example.test")
	outside := filepath.Join(t.TempDir(), "b.key")
	if err := os.WriteFile(outside, []byte(keyB), 0o600); err != nil {
		t.Fatal(err)
	}
	g := portWith("tls: {cert: tls/a.crt, key: tls/a.key, certificates: [{cert: tls/b.crt, key: '" + outside + "'}], clientAuth: require, clientCA: tls/a.crt, minVersion: 1.3}")
	g["tls/a.crt"], g["tls/a.key"], g["tls/b.crt"] = certA, keyA, certB
	o := options(t, nil)
	s := g.load(t, o, nil)
	config := s.Ports["public"].TLS
	for _, name := range []string{"a.example.test", "b.example.test"} {
		hello := &tls.ClientHelloInfo{ServerName: name, SupportedVersions: []uint16{tls.VersionTLS13}, SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256}}
		found := false
		for _, cert := range config.Certificates {
			found = found || hello.SupportsCertificate(&cert) == nil
		}
		if !found {
			t.Errorf("no certificate for %s", name)
		}
	}
	if config.MinVersion != tls.VersionTLS13 || config.ClientAuth != tls.RequireAndVerifyClientCert || config.ClientCAs == nil {
		t.Errorf("%+v", config)
	}

	// A renewed certificate is a new revision.
	before := s.Revision
	g["tls/a.crt"], g["tls/a.key"] = pair(t, "a.example.test")
	if g.load(t, o, s).Revision == before {
		t.Error("the revision is the same with another certificate")
	}

	for name, wrong := range map[string]string{
		"a key of another":  "tls: {cert: tls/a.crt, key: tls/b.key}",
		"no key":            "tls: {cert: tls/a.crt}",
		"no PEM":            "tls: {cert: gateway.yaml, key: gateway.yaml}",
		"no authority":      "tls: {cert: tls/a.crt, key: tls/a.key, clientAuth: request}",
		"no PEM, authority": "tls: {cert: tls/a.crt, key: tls/a.key, clientAuth: request, clientCA: gateway.yaml}",
		"an old version":    "tls: {cert: tls/a.crt, key: tls/a.key, minVersion: 1.1}",
		"outside":           "tls: {cert: ../a.crt, key: tls/a.key}",
	} {
		broken := portWith(wrong)
		broken["tls/a.crt"], broken["tls/a.key"], broken["tls/b.key"] = g["tls/a.crt"], g["tls/a.key"], keyB
		if got := broken.problems(t, o); strings.Count(got, "\n        = ") != 1 || strings.Contains(got, "PRIVATE KEY") {
			t.Errorf("%s: want one problem, got\n%s", name, got)
		}
	}
}

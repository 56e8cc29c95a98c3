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

	"software.sslmate.com/src/go-pkcs12"
)

// pair makes a certificate for a name, and its key, as PEM.
func pair(t *testing.T, name string) (cert, key string) {
	t.Helper()
	return pairFor(t, name, -time.Hour, time.Hour)
}

// pairFor is pair with a time in which the certificate is valid, from now.
func pairFor(t *testing.T, name string, from, to time.Duration) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(from), NotAfter: time.Now().Add(to), IsCA: true, BasicConstraintsValid: true,
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
	config, err := s.Ports["public"].TLS.GetConfigForClient(nil)
	if err != nil {
		t.Fatal(err)
	}
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
		"unwanted CA":       "tls: {cert: tls/a.crt, key: tls/a.key, clientCA: tls/a.crt}",
		"two kinds":         "tls: {cert: tls/a.crt, key: tls/a.key, pkcs12: tls/a.p12}",
		"no PKCS#12":        "tls: {pkcs12: tls/a.crt}",
	} {
		broken := portWith(wrong)
		broken["tls/a.crt"], broken["tls/a.key"], broken["tls/b.key"] = g["tls/a.crt"], g["tls/a.key"], keyB
		if got := broken.problems(t, o); strings.Count(got, "\n        = ") != 1 || strings.Contains(got, "PRIVATE KEY") {
			t.Errorf("%s: want one problem, got\n%s", name, got)
		}
	}
}

// What stands in the place of PEM is recognized, and the way from there is said.
func TestFilesThatAreNoPEM(t *testing.T) {
	cert, key := pair(t, "a.example.test")
	block, _ := pem.Decode([]byte(cert))
	for name, test := range map[string]struct{ tls, file, want string }{
		"java key store": {"{cert: tls/server.jks, key: tls/a.key}", "\xfe\xed\xfe\xed\x00\x00\x00\x02", "keytool -importkeystore -srckeystore tls/server.jks -destkeystore tls/server.p12 -deststoretype PKCS12"},
		"jceks":          {"{pkcs12: tls/server.jks}", "\xce\xce\xce\xce\x00\x00\x00\x02", "write `pkcs12: tls/server.p12`"},
		"binary":         {"{cert: tls/server.jks, key: tls/a.key}", string(block.Bytes), "a PKCS#12 file goes under `pkcs12:`"},
		"encrypted key":  {"{cert: tls/a.crt, key: tls/server.jks}", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n", "openssl pkey"},
	} {
		g := portWith("tls: " + test.tls)
		g["tls/a.crt"], g["tls/a.key"], g["tls/server.jks"] = cert, key, test.file
		if got := g.problems(t, options(t, nil)); !strings.Contains(got, test.want) || strings.Count(got, "\n        = ") != 1 {
			t.Errorf("%s: want %q, got\n%s", name, test.want, got)
		}
	}
}

func TestExpiredCertificateIsAWarning(t *testing.T) {
	for name, dates := range map[string][2]time.Duration{"has expired": {-2 * time.Hour, -time.Hour}, "is valid from": {time.Hour, 2 * time.Hour}} {
		g := portWith("tls: {cert: a.crt, key: a.key}")
		g["a.crt"], g["a.key"] = pairFor(t, "a.example.test", dates[0], dates[1])
		if got := g.problems(t, options(t, nil)); !strings.Contains(got, name) || !strings.Contains(got, "warning") {
			t.Errorf("want %q, got\n%s", name, got)
		}
	}
}

func TestPasswordOfPKCS12StaysSecret(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert, _ := pair(t, "a.example.test")
	block, _ := pem.Decode([]byte(cert))
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	data, err := pkcs12.Modern.Encode(key, leaf, nil, "right")
	if err != nil {
		t.Fatal(err)
	}
	g := portWith(`tls: {pkcs12: a.p12, password: '{{env "P12"}}'}`)
	g["a.p12"] = string(data)
	for password, want := range map[string]string{"wrong-one": "the password does not open a.p12", "right": "the key is not that of the certificate"} {
		if got := g.problems(t, options(t, map[string]string{"P12": password})); !strings.Contains(got, want) || strings.Contains(got, "wrong-one") {
			t.Errorf("want %q, got\n%s", want, got)
		}
	}
}

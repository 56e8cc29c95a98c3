package policies_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"software.sslmate.com/src/go-pkcs12"
)

// authority signs certificates for a test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  string
}

var serials atomic.Int64

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	template := &x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	a := &authority{}
	a.cert, a.key = sign(t, template, nil)
	a.pem = certPEM(a.cert)
	return a
}

// sign makes a certificate and its key; without an authority it signs itself.
func sign(t *testing.T, template *x509.Certificate, by *authority) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(serials.Add(1))
	if template.NotAfter.IsZero() {
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// issue makes a certificate for a name.
func (a *authority) issue(t *testing.T, name string) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	return sign(t, &x509.Certificate{Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}}, a)
}

// files issues a certificate as the two PEM files NAME.crt and NAME.key.
func (a *authority) files(t *testing.T, files map[string]string, name string) *x509.Certificate {
	t.Helper()
	cert, key := a.issue(t, name)
	files[name+".crt"], files[name+".key"] = certPEM(cert), keyPEM(t, key)
	return cert
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// client is a client's certificate for TLS.
func (a *authority) client(t *testing.T, name string) tls.Certificate {
	t.Helper()
	cert, key := a.issue(t, name)
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}
}

func certPEM(c *x509.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
}

func keyPEM(t *testing.T, key *ecdsa.PrivateKey) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// tlsPort is a gateway's YAML with what stands under the port's `tls:`.
func tlsPort(section string) string {
	return "ports:\n  public:\n    listen: 127.0.0.1:0\n    tls: " + section + "\n    websockets: [{path: /chat, onUpgrade: admit}]\n" + admission
}

// wss opens a session over TLS as a client of a server name.
func wss(g *served, config *tls.Config) (*websocket.Conn, *tls.ConnectionState, error) {
	dialer := websocket.Dialer{HandshakeTimeout: 10 * time.Second, TLSClientConfig: config, NetDial: func(string, string) (net.Conn, error) {
		return net.Dial("tcp", g.address(true))
	}}
	c, _, err := dialer.Dial("wss://"+config.ServerName+"/chat", http.Header{"Origin": {"https://" + config.ServerName}})
	if err != nil {
		return nil, nil, err
	}
	g.t.Cleanup(func() { c.Close() })
	state := c.NetConn().(*tls.Conn).ConnectionState()
	return c, &state, nil
}

// serial is the serial number of the certificate that the port shows for a name.
func serial(t *testing.T, g *served, config *tls.Config) *big.Int {
	t.Helper()
	c, state, err := wss(g, config)
	if err != nil {
		t.Fatal(err)
	}
	echoes(t, c, "hello")
	c.Close()
	return state.PeerCertificates[0].SerialNumber
}

func TestServerNameChoosesTheCertificate(t *testing.T) {
	ca := newAuthority(t, "test authority")
	files := make(map[string]string)
	a, b := ca.files(t, files, "a.example.test"), ca.files(t, files, "b.example.test")
	g := serve(t, tlsPort("{cert: a.example.test.crt, key: a.example.test.key, certificates: [{cert: b.example.test.crt, key: b.example.test.key}]}"), files)
	for name, want := range map[string]*x509.Certificate{"a.example.test": a, "b.example.test": b} {
		if got := serial(t, g, &tls.Config{ServerName: name, RootCAs: ca.pool()}); got.Cmp(want.SerialNumber) != 0 {
			t.Errorf("%s got the certificate %v, want %v", name, got, want.SerialNumber)
		}
	}
	// Who names no server of ours gets the first.
	conn, err := tls.Dial("tcp", g.address(true), &tls.Config{ServerName: "other.test", InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got := conn.ConnectionState().PeerCertificates[0]; got.SerialNumber.Cmp(a.SerialNumber) != 0 {
		t.Errorf("an unknown name got the certificate of %v", got.DNSNames)
	}
}

func TestRenewedCertificateIsServedWhileSessionsGoOn(t *testing.T) {
	for name, take := range map[string]func(g *served){
		"with a reload":    func(g *served) { g.reload() },
		"without a reload": func(*served) {},
	} {
		t.Run(name, func(t *testing.T) {
			ca := newAuthority(t, "test authority")
			files := make(map[string]string)
			before := ca.files(t, files, "a.example.test")
			g := serve(t, tlsPort("{cert: a.example.test.crt, key: a.example.test.key}"), files)
			config := &tls.Config{ServerName: "a.example.test", RootCAs: ca.pool()}
			old, _, err := wss(g, config)
			if err != nil {
				t.Fatal(err)
			}
			echoes(t, old, "before")

			after := ca.files(t, files, "a.example.test")
			g.put("a.example.test.crt", files["a.example.test.crt"])
			if name == "without a reload" { // half renewed: the certificate has no key yet
				eventually(t, "the log tells of the half of a pair", func() bool {
					if got := serial(t, g, config); got.Cmp(before.SerialNumber) != 0 {
						t.Fatalf("half a renewal is served: %v", got)
					}
					return strings.Contains(g.log.String(), "cannot be used")
				})
			}
			g.put("a.example.test.key", files["a.example.test.key"])
			take(g)
			eventually(t, "the new certificate is served", func() bool { return serial(t, g, config).Cmp(after.SerialNumber) == 0 })
			echoes(t, old, "after")
			if n := strings.Count(g.log.String(), "private key does not match"); n > 1 {
				t.Errorf("the log complains %d times of one thing", n)
			}
		})
	}
}

func TestOldVersionsOfTLSAreRefused(t *testing.T) {
	ca := newAuthority(t, "test authority")
	files := make(map[string]string)
	ca.files(t, files, "a.example.test")
	for least, versions := range map[string]map[uint16]bool{
		"1.2": {tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true},
		"1.3": {tls.VersionTLS12: false, tls.VersionTLS13: true},
	} {
		g := serve(t, tlsPort("{cert: a.example.test.crt, key: a.example.test.key, minVersion: "+least+"}"), files)
		for version, wanted := range versions {
			c, _, err := wss(g, &tls.Config{ServerName: "a.example.test", RootCAs: ca.pool(), MinVersion: version, MaxVersion: version})
			if (err == nil) != wanted {
				t.Errorf("minVersion %s: %s: %v", least, tls.VersionName(version), err)
			}
			if c != nil {
				echoes(t, c, "hello")
			}
		}
		eventually(t, "the log says who was refused", func() bool {
			log := g.log.String()
			return strings.Contains(log, "connections refused") && strings.Contains(log, "TLS handshake")
		})
	}
}

// subjectHeader tells the host who the client is.
const subjectHeader = `      - type: add-http-header
        header: X-Client
        value: '${http.request.clientcert.subject ?: "nobody"}'
`

func TestClientCertificates(t *testing.T) {
	ca, others := newAuthority(t, "test authority"), newAuthority(t, "another authority")
	files := map[string]string{"clients.crt": ca.pem}
	ca.files(t, files, "a.example.test")
	section := "{cert: a.example.test.crt, key: a.example.test.key, clientAuth: %s, clientCA: clients.crt}"
	right, wrong := ca.client(t, "device-7"), others.client(t, "device-7")
	for auth, want := range map[string][3]bool{ // no certificate, a right one, one of another authority
		"none": {true, true, true}, "request": {true, true, false}, "require": {false, true, false},
	} {
		t.Run(auth, func(t *testing.T) {
			text := fmt.Sprintf(section, auth)
			if auth == "none" {
				text = strings.Replace(text, ", clientCA: clients.crt", "", 1)
			}
			yaml := strings.Replace(tlsPort(text), "    filters:\n", "    filters:\n"+subjectHeader, 1)
			g := serve(t, yaml, files)
			for i, certs := range [][]tls.Certificate{nil, {right}, {wrong}} {
				config := &tls.Config{ServerName: "a.example.test", RootCAs: ca.pool()}
				if certs != nil {
					config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &certs[0], nil }
				}
				c, _, err := wss(g, config)
				if (err == nil) != want[i] {
					t.Errorf("%v: %v", certs != nil, err)
					continue
				}
				if c == nil {
					continue
				}
				echoes(t, c, "hello")
				if got, known := g.lastReached()["X-Client"], auth != "none" && i == 1; known != (got == "CN=device-7") {
					t.Errorf("case %d: policies see the client as %q", i, got)
				}
			}
		})
	}
}

func TestOneWebsocketOverPlainAndTLS(t *testing.T) {
	ca := newAuthority(t, "test authority")
	files := make(map[string]string)
	ca.files(t, files, "a.example.test")
	text := tlsPort("{listen: 'localhost:0', cert: a.example.test.crt, key: a.example.test.key}")
	g := serve(t, strings.Replace(text, "onUpgrade: admit}", "onUpgrade: admit, limits: {total: 2}}", 1), files)
	plain, _, err := websocket.DefaultDialer.Dial("ws://"+g.address(false)+"/chat", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	config := &tls.Config{ServerName: "a.example.test", RootCAs: ca.pool()}
	secured, _, err := wss(g, config)
	if err != nil {
		t.Fatal(err)
	}
	echoes(t, plain, "over ws")
	echoes(t, secured, "over wss")
	if _, _, err := wss(g, config); err == nil {
		t.Error("the limit of the websocket does not count both")
	}
	if got := g.lastReached()["X-Forwarded-Proto"]; got != "https" {
		t.Errorf("the host is told %q", got)
	}
}

func TestPKCS12(t *testing.T) {
	ca := newAuthority(t, "test authority")
	cert, key := ca.issue(t, "a.example.test")
	for name, encoder := range map[string]*pkcs12.Encoder{"modern": pkcs12.Modern, "of old": pkcs12.LegacyDES} {
		data, err := encoder.Encode(key, cert, []*x509.Certificate{ca.cert}, "open sesame")
		if err != nil {
			t.Fatal(err)
		}
		g := serve(t, tlsPort("{pkcs12: server.p12, password: open sesame}"), map[string]string{"server.p12": string(data)})
		if got := serial(t, g, &tls.Config{ServerName: "a.example.test", RootCAs: ca.pool()}); got.Cmp(cert.SerialNumber) != 0 {
			t.Errorf("%s: the certificate %v is served", name, got)
		}
	}
}

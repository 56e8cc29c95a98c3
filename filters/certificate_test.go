package filters_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
)

// authority issues certificates.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, dir: t.TempDir()}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "clients' authority", Organization: []string{"Example"}},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der := a.sign(template)
	a.cert, _ = x509.ParseCertificate(der)
	a.write("ca.crt", "CERTIFICATE", der)
	server := &x509.Certificate{SerialNumber: big.NewInt(2), DNSNames: []string{"gw.test"}}
	a.write("gw.crt", "CERTIFICATE", a.sign(server))
	key, err := x509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		t.Fatal(err)
	}
	a.write("gw.key", "PRIVATE KEY", key)
	return a
}

// sign makes a certificate; one key is enough for all of them.
func (a *authority) sign(template *x509.Certificate) []byte {
	a.t.Helper()
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(24 * time.Hour)
	}
	template.NotBefore = time.Now().Add(-time.Hour)
	issuer := a.cert
	if issuer == nil {
		issuer = template
	}
	if a.key == nil {
		var err error
		if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			a.t.Fatal(err)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, &a.key.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return der
}

func (a *authority) write(name, kind string, der []byte) {
	if err := os.WriteFile(filepath.Join(a.dir, name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
}

// device is a client's certificate.
func (a *authority) device() []byte {
	page, _ := url.Parse("spiffe://example.test/fleet/7")
	return a.sign(&x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "device-7", Organization: []string{"Example"}, OrganizationalUnit: []string{"Pumps", "Field"}},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, DNSNames: []string{"d7.devices.example.test"},
		EmailAddresses: []string{"Seven@example.test"}, URIs: []*url.URL{page}, IPAddresses: []net.IP{net.IPv4(192, 0, 2, 7)},
	})
}

func (a *authority) port() string {
	return "\n    tls: {cert: " + a.dir + "/gw.crt, key: " + a.dir + "/gw.key, clientAuth: request, clientCA: " + a.dir + "/ca.crt}\n"
}

// upgradeTLS asks for a session with a client's certificate, or without one.
func (g *gateway) upgradeTLS(a *authority, der []byte, headers ...string) (*websocket.Conn, *http.Response) {
	g.t.Helper()
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	config := &tls.Config{ServerName: "gw.test", RootCAs: pool}
	if der != nil {
		config.Certificates = []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: a.key}}
	}
	dialer := websocket.Dialer{HandshakeTimeout: 10 * time.Second, TLSClientConfig: config}
	h := http.Header{}
	for i := 0; i+1 < len(headers); i += 2 {
		h.Add(headers[i], headers[i+1])
	}
	c, answer, err := dialer.Dial("wss://"+g.address+"/chat", h)
	if answer == nil {
		g.t.Fatal(err)
	}
	if c != nil {
		g.t.Cleanup(func() { c.Close() })
		c.SetReadDeadline(time.Now().Add(10 * time.Second))
	}
	return c, answer
}

const tellWho = `
      - {type: add-http-header, header: X-Who, value: '${authentication.subject.id} ${authentication.subject.format} ${authentication.method} ${authentication.issuer.id ?: "-"}'}
      - {type: connect-to-url, url: ws://HOST/}
`

func TestClientCertificateFields(t *testing.T) {
	a := newAuthority(t)
	device := a.device()
	sum := sha256.Sum256(device)
	fingerprint := hex.EncodeToString(sum[:])
	for settings, want := range map[string]string{ // empty: refused with 403
		"":                                                              "device-7",
		"subject: {O: Example, CN: 'device-*'}":                         "device-7",
		"subject: {OU: [Valves, Field]}":                                "device-7",
		"subject: {'2.5.4.10': Example}":                                "device-7",
		"subject: {o: Example}":                                         "device-7",
		"subject: {O: example}":                                         "",
		"subject: {CN: device}":                                         "",
		"subject: {O: Example, OU: Valves}":                             "",
		"subject: {L: '*'}":                                             "",
		"issuer: {CN: \"clients' *\"}":                                  "device-7",
		"issuer: {CN: other}":                                           "",
		"names: ['dns:*.devices.example.test']":                         "device-7",
		"names: ['dns:*.example.test']":                                 "",
		"names: ['dns:**.example.test']":                                "device-7",
		"names: ['dns:d7.devices.example.test.evil']":                   "",
		"names: ['email:*@EXAMPLE.test']":                               "device-7",
		"names: ['email:*@ample.test']":                                 "",
		"names: ['uri:spiffe://example.test/fleet/*']":                  "device-7",
		"names: ['uri:spiffe://example.test/*']":                        "",
		"names: ['uri:spiffe://example.test/**']":                       "device-7",
		"names: ['ip:192.0.2.0/24']":                                    "device-7",
		"names: ['ip:192.0.2.8']":                                       "",
		"names: ['ip:192.0.2.8', 'email:seven@example.test']":           "device-7",
		"fingerprints: ['" + fingerprint + "']":                         "device-7",
		"fingerprints: ['sha256:" + strings.ToUpper(fingerprint) + "']": "device-7",
		"fingerprints: ['00" + fingerprint[2:] + "']":                   "",
		"identity: dn":                                                  "CN=device-7,OU=Field+OU=Pumps,O=Example",
		"identity: email":                                               "Seven@example.test",
		"identity: dns":                                                 "d7.devices.example.test",
		"identity: uri":                                                 "spiffe://example.test/fleet/7",
		"store: devices":                                                "pump-7",
		"store: devices, identity: email":                               "",
	} {
		g := start(t, "onUpgrade: admit", a.port()+`
policies:
  admit:
    filters:
      - {type: client-certificate, `+settings+`}`+tellWho+`
stores:
  devices: {records: {device-7: {subject: pump-7, place: cellar}}}
`)
		c, answer := g.upgradeTLS(a, device)
		if want == "" {
			if c != nil || answer.StatusCode != 403 {
				t.Errorf("%s: %d, want 403", settings, answer.StatusCode)
			}
			continue
		}
		format := "User Name"
		if strings.Contains(settings, "dn") && !strings.Contains(settings, "dns") {
			format = "X509DName"
		}
		if c == nil {
			t.Errorf("%s: refused with %s", settings, answer.Status)
			continue
		}
		if head := <-g.reached; !strings.Contains(head, "X-Who: "+want+" "+format+" certificate CN=clients' authority,O=Example\r\n") {
			t.Errorf("%s: the host got %s", settings, head)
		}
	}
}

func TestClientsWithoutAVerifiedCertificate(t *testing.T) {
	a, others := newAuthority(t), newAuthority(t)
	g := start(t, "onUpgrade: admit", a.port()+"policies:\n  admit:\n    filters:\n      - {type: client-certificate, realm: pumps}"+tellWho)
	c, answer := g.upgradeTLS(a, nil, "X-Forwarded-Client-Cert", `Cert="`+url.QueryEscape(pemOf(a.device()))+`"`)
	if c != nil || answer.StatusCode != 401 || answer.Header.Get("Www-Authenticate") != `ClientCertificate realm="pumps"` {
		t.Errorf("without a certificate: %s %q", answer.Status, answer.Header)
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	dialer := websocket.Dialer{TLSClientConfig: &tls.Config{ServerName: "gw.test", RootCAs: pool, Certificates: []tls.Certificate{{Certificate: [][]byte{others.device()}, PrivateKey: others.key}}}}
	if c, _, err := dialer.Dial("wss://"+g.address+"/chat", nil); err == nil {
		c.Close()
		t.Error("a certificate of another authority was let in")
	}
	plain := start(t, "onUpgrade: admit", "\npolicies:\n  admit:\n    filters:\n      - {type: client-certificate}"+tellWho)
	plain.refuses(401, "/chat")
}

func TestASessionEndsWithItsCertificate(t *testing.T) {
	a, c := newAuthority(t), newHands()
	c.at = time.Now()
	g := startAt(t, c.now, "onUpgrade: admit", a.port()+"policies:\n  admit:\n    filters:\n      - {type: client-certificate}"+tellWho)
	conn, answer := g.upgradeTLS(a, a.device())
	if conn == nil {
		t.Fatal(answer.Status)
	}
	c.turn(23 * time.Hour)
	g.Sweep()
	says(t, conn, "hello", "hello")
	c.turn(time.Hour)
	g.Sweep()
	if closed := ended(t, conn); closed.Code != 3000 {
		t.Errorf("the session ended with %v", closed)
	}
}

func pemOf(der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// The forms in which proxies hand a certificate on.
func TestCertificatesFromAProxy(t *testing.T) {
	a := newAuthority(t)
	device, other := a.device(), a.sign(&x509.Certificate{SerialNumber: big.NewInt(8), Subject: pkix.Name{CommonName: "device-8"}})
	old := a.sign(&x509.Certificate{SerialNumber: big.NewInt(9), Subject: pkix.Name{CommonName: "device-9"}, NotAfter: time.Now().Add(-time.Minute)})
	xfcc := func(der []byte) string {
		return `By=spiffe://gw;Hash=00;Subject="CN=\",Cert=\"x";Cert="` + url.QueryEscape(pemOf(der)) + `";URI=`
	}
	base64 := base64.StdEncoding.EncodeToString
	forms := map[string]int{
		strings.ReplaceAll(url.QueryEscape(pemOf(device)), "+", "%20"): 101,
		base64(device):                                               101,
		base64(device) + "," + base64(old):                           101,
		":" + base64(device) + ":":                                   101,
		strings.ReplaceAll(xfcc(device), "+", "%20"):                 101,
		strings.ReplaceAll(xfcc(other)+","+xfcc(device), "+", "%20"): 101,
		strings.ReplaceAll(xfcc(device)+","+xfcc(other), "+", "%20"): 403,
		strings.ReplaceAll(xfcc(device)+",By=x;Hash=1", "+", "%20"):  401,
		base64(other): 403,
		base64(old):   401,
		"nonsense":    401,
		"%zz":         401,
		"":            401,
	}
	port := "\n    trustedProxies: [127.0.0.1]\npolicies:\n  admit:\n    filters:\n"
	g := start(t, "onUpgrade: admit", port+"      - {type: client-certificate, header: X-Cert, subject: {CN: device-7}}"+tellWho)
	for value, status := range forms {
		c, answer, _ := g.upgrade("/chat", "X-Cert", value, "X-Forwarded-For", "192.0.2.1")
		if answer.StatusCode != status {
			t.Errorf("%.200s: %d, want %d", value, answer.StatusCode, status)
		}
		if c != nil {
			<-g.reached
		}
	}
	g.refuses(401, "/chat", "X-Cert", base64(device), "X-Cert", base64(device))

	strangers := start(t, "onUpgrade: admit", port+"      - {type: client-certificate, header: X-Cert, from: [192.0.2.1], failure: connect}\n      - {name: connect, type: connect-to-url, url: ws://HOST/}\n")
	strangers.open("/chat", "X-Cert", base64(device), "X_Cert", base64(device))
	if head := <-strangers.reached; strings.Contains(head, "Cert") {
		t.Errorf("a stranger's certificate reached the host: %s", head)
	}
}

func TestHTTPHeaderOfATrustedProxy(t *testing.T) {
	a := newAuthority(t)
	for _, c := range []struct{ settings, value, want string }{
		{"", "ann", "ann User Name header -"},
		{"", "", ""},
		{"", strings.Repeat("x", 1025), ""},
		{"", "a\xff", ""},
		{"store: users", "ann", "u-1 User Name header -"},
		{"store: users", "eve", ""},
		{"format: distinguished-name", "CN=ann, O=Example", "CN=ann, O=Example X509DName header -"},
		{"format: distinguished-name, identity: cn", `O=Ex\, Inc.,CN = a\C3\A4 b \ ,OU=x+L=y`, "aä b   User Name header -"},
		{"format: distinguished-name, identity: cn", "O=Example", ""},
		{"format: distinguished-name, identity: cn", "CN=ann,CN=bob", ""},
		{"format: distinguished-name", "ann", ""},
		{"format: distinguished-name", `CN=a"b`, ""},
		{"format: distinguished-name", `CN=a\`, ""},
		{"format: certificate", base64.StdEncoding.EncodeToString(a.device()), "CN=device-7,OU=Field+OU=Pumps,O=Example X509DName header CN=clients' authority,O=Example"},
		{"format: certificate, identity: cn", base64.StdEncoding.EncodeToString(a.device()), "device-7 User Name header CN=clients' authority,O=Example"},
		{"format: certificate", "ann", ""},
	} {
		g := start(t, "onUpgrade: admit", `
    trustedProxies: [127.0.0.1]
policies:
  admit:
    filters:
      - {type: http-header, header: X-User, `+c.settings+`}`+tellWho+`
stores:
  users: {records: {ann: {subject: u-1}}}
`)
		conn, answer, _ := g.upgrade("/chat", "X-User", c.value, "X_User", "twin")
		switch {
		case c.want == "" && answer.StatusCode != 403:
			t.Errorf("%s, %.40q: %s, want 403", c.settings, c.value, answer.Status)
		case c.want != "" && conn == nil:
			t.Errorf("%s, %.40q: %s", c.settings, c.value, answer.Status)
		case c.want != "":
			head := <-g.reached
			if !strings.Contains(head, "X-Who: "+c.want+"\r\n") || !strings.Contains(head, "X-User: ") || strings.Contains(head, "twin") {
				t.Errorf("%s, %.40q: the host got %s", c.settings, c.value, head)
			}
		}
	}
}

func TestHTTPHeaderOfAStranger(t *testing.T) {
	policy := `
policies:
  admit:
    filters:
      - {type: http-header, header: X-User%s, failure: connect}
      - {name: connect, type: connect-to-url, url: ws://HOST/}
`
	for settings, trusted := range map[string]bool{"": false, ", from: [192.0.2.1]": false, ", from: [127.0.0.0/8], remove: true": true} {
		g := start(t, "onUpgrade: admit", strings.Replace(policy, "%s", settings, 1))
		g.open("/chat", "X-User", "ann", "X-Forwarded-For", "192.0.2.1")
		head := <-g.reached
		if strings.Contains(head, "X-User") {
			t.Errorf("%s: the host got %s", settings, head)
		}
		if got := recorded(g)[0].Subject == "ann"; got != trusted {
			t.Errorf("%s: taken for ann: %v", settings, got)
		}
	}
	g := start(t, "onUpgrade: admit", strings.Replace(strings.Replace(policy, "%s", "", 1), ", failure: connect", "", 1))
	g.refuses(403, "/chat", "X-User", "ann")
	behind := start(t, "onUpgrade: admit", "\n    trustedProxies: [127.0.0.1]"+strings.Replace(strings.Replace(policy, "%s", "", 1), ", failure: connect", "", 1))
	behind.refuses(403, "/chat", "X-User", "ann", "X-User", "bob")
	behind.open("/chat", "X-User", "ann", "X-Forwarded-For", "192.0.2.1")
}

package remotehosts_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"framegate/engine"
	"framegate/remotehosts"
)

// secured upgrades over TLS at a host that is set up so.
func secured(t *testing.T, address string, settings remotehosts.TLS, files fstest.MapFS) (*engine.Socket, error) {
	t.Helper()
	def := definition("chat", address)
	def.TLS = settings
	set, problems := remotehosts.NewSet([]remotehosts.Definition{def}, files, nil)
	if len(problems) > 0 {
		t.Fatal(problems[0])
	}
	h, _ := set.Named("chat")
	c := call()
	c.TLS = true
	return h.Upgrade(t.Context(), c)
}

// pair is a certificate of the authority and its key, as PEM.
func (a *authority) pair(t *testing.T, name string) (cert, key []byte) {
	t.Helper()
	made := a.server(t, name, time.Now().Add(time.Hour)).Certificates[0]
	text, err := x509.MarshalPKCS8PrivateKey(made.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: made.Certificate[0]}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text})
}

// A host that asks for a certificate gets the gateway's.
func TestClientCertificate(t *testing.T) {
	ca := newAuthority(t)
	cert, key := ca.pair(t, "gateway.test")
	files := fstest.MapFS{"ca.pem": {Data: ca.pem}, "gw.crt": {Data: cert}, "gw.key": {Data: key}}
	config := ca.server(t, "chat.test", time.Now().Add(time.Hour))
	config.ClientAuth = tls.RequireAnyClientCert
	seen := make(chan string, 1)
	b := serve(t, config, func(c net.Conn, head string) {
		seen <- c.(*tls.Conn).ConnectionState().PeerCertificates[0].Subject.CommonName
		accept(c, head)
	})
	s, err := secured(t, b.address, remotehosts.TLS{CA: "ca.pem", ServerName: "chat.test", Cert: "gw.crt", Key: "gw.key"}, files)
	if err != nil {
		t.Fatal(err)
	}
	hangUp(s)
	if name := <-seen; name != "gateway.test" {
		t.Errorf("the host saw %q", name)
	}
	if s, err := secured(t, b.address, remotehosts.TLS{CA: "ca.pem", ServerName: "chat.test"}, files); err == nil {
		hangUp(s)
		t.Error("upgraded without a certificate")
	}
	_, other := ca.pair(t, "other.test")
	files["gw.key"].Data = other
	def := definition("chat", b.address)
	def.TLS = remotehosts.TLS{Cert: "gw.crt", Key: "gw.key"}
	_, problems := remotehosts.NewSet([]remotehosts.Definition{def}, files, nil)
	if len(problems) != 1 || problems[0].Field != "tls.cert" || strings.Contains(problems[0].Error(), "PRIVATE") {
		t.Errorf("with the key of another: %v", problems)
	}
}

// The name can be kept from the host, and its check left out; the authority is
// checked all the same.
func TestServerNameOnAndOff(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	files := fstest.MapFS{"ca.pem": {Data: ours.pem}}
	off := new(false)
	for _, test := range []struct {
		name     string
		from     *authority
		settings remotehosts.TLS
		sent     string
		what     string // empty: upgraded
	}{
		{"no SNI", ours, remotehosts.TLS{CA: "ca.pem", ServerName: "chat.test", SNI: off}, "", ""},
		{"no SNI, wrong name", ours, remotehosts.TLS{CA: "ca.pem", ServerName: "other.test", SNI: off}, "", "not for other.test"},
		{"no SNI, wrong authority", theirs, remotehosts.TLS{CA: "ca.pem", ServerName: "chat.test", SNI: off}, "", "unknown authority"},
		{"no name check", ours, remotehosts.TLS{CA: "ca.pem", ServerName: "other.test", VerifyHost: off}, "other.test", ""},
		{"no name check, wrong authority", theirs, remotehosts.TLS{CA: "ca.pem", ServerName: "other.test", VerifyHost: off}, "other.test", "unknown authority"},
		{"no SNI, trust all", theirs, remotehosts.TLS{TrustAll: true, SNI: off}, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			seen := make(chan string, 10)
			config := test.from.server(t, "chat.test", time.Now().Add(time.Hour))
			config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
				seen <- hello.ServerName
				return nil, nil
			}
			s, err := secured(t, serve(t, config, accept).address, test.settings, files)
			switch {
			case err == nil:
				hangUp(s)
				if test.what != "" {
					t.Error("upgraded")
				}
			case test.what == "" || !strings.Contains(err.Error(), test.what):
				t.Errorf("error is %v, want %q", err, test.what)
			}
			if sent := <-seen; sent != test.sent {
				t.Errorf("the host was sent the name %q", sent)
			}
		})
	}
}

// The host is told the session's id, and a client cannot say another.
func TestCorrelationHeader(t *testing.T) {
	b := serve(t, nil, accept)
	h := declare(t, b.address, func(d *remotehosts.Definition) { d.CorrelationHeader = "X-CorrelationID" })
	c := callWith("X-CorrelationID: mallory\r\nX_CorrelationID: mallory\r\n")
	c.Correlation = "SESSION"
	hangUp(upgraded(t, h, c))
	if head := <-b.heads; header(head, "X-CorrelationID") != "SESSION" || strings.Contains(head, "mallory") {
		t.Errorf("sent\n%s", head)
	}
}

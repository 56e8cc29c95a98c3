package engine

import (
	"crypto/tls"
	"net"
	"testing"
)

// dialTLS is dial with TLS.
type dialTLS struct{ address string }

func (d dialTLS) Run(m *Message) (bool, error) {
	conn, err := net.Dial("tcp", d.address)
	if err != nil {
		return false, err
	}
	return dial(d).upgrade(m, tls.Client(UnderTLS(conn), &tls.Config{InsecureSkipVerify: true}))
}

// newTLSHost is newWSHost with TLS.
func newTLSHost(t *testing.T, config *tls.Config) *wsHost {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	config.Certificates = []tls.Certificate{selfSigned(t)}
	return serveWSHost(t, tls.NewListener(ln, config))
}

// throughTLS is through with a host that speaks TLS.
func throughTLS(t *testing.T, w *Websocket, config *tls.Config) (*running, *wsHost) {
	t.Helper()
	host := newTLSHost(t, config)
	w.Upgrade = policyOf("admit", dialTLS{host.address})
	return start(t, snapshotOf(w)), host
}

// tcp is the peer's TCP connection, also under TLS.
func (p *wsPeer) tcp() *net.TCPConn {
	if secured, ok := p.Conn.(*tls.Conn); ok {
		return secured.NetConn().(*net.TCPConn)
	}
	return p.Conn.(*net.TCPConn)
}

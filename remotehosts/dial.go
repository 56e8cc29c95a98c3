package remotehosts

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"time"
)

// keepAlive finds hosts that are gone without a word: a connection that has
// been silent for 30 s is probed every 10 s and given up after three probes
// without an answer.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 10 * time.Second, Count: 3}

// userTimeout is how long sent bytes may stay unacknowledged, or the host may
// take none at all, before the kernel gives the connection up (TCP_USER_TIMEOUT,
// RFC 5482; Linux only).
const userTimeout = 60 * time.Second

// sessionsCached is how many TLS sessions are kept for quicker handshakes, as
// Axway's sessionCacheSize.
const sessionsCached = 32

// newTLS makes the client side's TLS settings; roots may be nil for the
// machine's own authorities.
func newTLS(def *Definition, roots *x509.CertPool) *tls.Config {
	name := def.TLS.ServerName
	if name == "" {
		name = def.Host
	}
	return &tls.Config{
		ServerName:         name,
		RootCAs:            roots,
		InsecureSkipVerify: def.TLS.TrustAll,
		NextProtos:         []string{"http/1.1"},
		MinVersion:         tls.VersionTLS12,
		ClientSessionCache: tls.NewLRUClientSessionCache(sessionsCached),
	}
}

// dial connects to the host, with TLS if the call wants it, within the connect timeout.
func (h *Host) dial(ctx context.Context, c *Call) (net.Conn, error) {
	limited, cancel := context.WithTimeout(ctx, c.ConnectTimeout)
	defer cancel()
	dialer := net.Dialer{KeepAliveConfig: keepAlive, Control: setUserTimeout}
	conn, err := dialer.DialContext(limited, "tcp", h.address(c.TLS))
	if err != nil {
		return nil, h.dialError(ctx, c, "connecting", err)
	}
	if !c.TLS || h.def.StandIn != "" {
		return conn, nil
	}
	secured := tls.Client(conn, h.tls)
	if err := secured.HandshakeContext(limited); err != nil {
		conn.Close()
		return nil, h.dialError(ctx, c, "the TLS handshake", err)
	}
	return secured, nil
}

// dialError tells the end of the caller's ctx from what went wrong with the host.
func (h *Host) dialError(ctx context.Context, c *Call, step string, err error) error {
	if ctx.Err() != nil {
		return h.ended(ctx, c, step)
	}
	status, what := plain(step, c.ConnectTimeout, err)
	return h.fail(c, status, what, err)
}

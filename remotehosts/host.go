package remotehosts

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strconv"
	"sync"
	"time"

	"framegate/engine"
	"framegate/engine/wire"
)

// Host is one remote host, ready to be dialled. It is safe for use by many
// sessions at once.
type Host struct {
	def   Definition
	ca    [sha256.Size]byte // of the CA file's text
	tls   *tls.Config
	slots *slots
}

// newHost makes the host of a definition. With an error, the host is there to
// be found by its name, but not to be dialled.
func newHost(def Definition, files fs.FS) (*Host, *DefinitionError) {
	h := &Host{def: def, slots: newSlots(def.MaxConnections)}
	var roots *x509.CertPool
	if def.TLS.CA != "" {
		text, err := fs.ReadFile(files, def.TLS.CA)
		if err != nil {
			return h, &DefinitionError{def.Name, "tls.ca", "the path is relative to the gateway's directory", err}
		}
		h.ca, roots = sha256.Sum256(text), x509.NewCertPool()
		if !roots.AppendCertsFromPEM(text) {
			return h, &DefinitionError{def.Name, "tls.ca", "a certificate begins with -----BEGIN CERTIFICATE-----", fmt.Errorf("%s holds no PEM certificate", def.TLS.CA)}
		}
	}
	h.tls = newTLS(&def, roots)
	return h, nil
}

// Definition is what the configuration says of the host; the defaults for one
// that is dialled as it stands.
func (h *Host) Definition() Definition { return h.def }

// Connections tells how many connections are open to the host, and how many
// upgrades wait for one. Hosts that are dialled as they stand are counted together.
func (h *Host) Connections() (open, waiting int) { return h.slots.counts() }

// port is the port to dial.
func (h *Host) port(secure bool) int {
	if h.def.Port == 0 {
		return defaultPort(secure)
	}
	return h.def.Port
}

// address is what is dialled.
func (h *Host) address(secure bool) string {
	if h.def.StandIn != "" {
		return h.def.StandIn
	}
	return net.JoinHostPort(h.def.Host, strconv.Itoa(h.port(secure)))
}

// authority is the Host header: without a port where it is the scheme's own
// (RFC 9110 §7.2, §4.2.3).
func (h *Host) authority(secure bool) string {
	if port := h.port(secure); port != defaultPort(secure) {
		return net.JoinHostPort(h.def.Host, strconv.Itoa(port))
	}
	if isIP(h.def.Host) && !isHostName(h.def.Host) {
		return "[" + h.def.Host + "]"
	}
	return h.def.Host
}

// Call is one upgrade that a remote host is asked for.
type Call struct {
	// Request is the client's upgrade request as the policy left it. Its headers go to the host in their order and case,
	// without those for the next hop only (RFC 9110 §7.6.1).
	Request *engine.Request
	// TLS says that the URL was wss:// or https://.
	TLS bool
	// Target is the path and query to ask for, percent-encoded; / when empty.
	Target string
	// Offer is what the engine lets the client and the host agree on.
	Offer engine.Offer
	// ConnectTimeout and ActiveTimeout go before the host's own when they are not 0.
	ConnectTimeout, ActiveTimeout time.Duration
}

// Upgrade opens a WebSocket at the host. The caller owns the socket: it must
// close its connection and call its Release, which gives the place under
// maxConnections back; calling it twice does no harm.
//
// The error is a [*Refused] when the host answered with something else than
// 101, an [*Error] when it cannot be reached or its answer cannot be used, the
// cause of ctx when that was cancelled, and any other when the request itself
// cannot be sent. With an error nothing is left open.
func (h *Host) Upgrade(ctx context.Context, call *Call) (*engine.Socket, error) {
	if !h.def.AllowHTTP11 {
		return nil, h.fail(call, 502, "does not allow HTTP/1.1 (allowHTTP11: false), without which there is no WebSocket", nil)
	}
	c := *call
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = h.def.ConnectTimeout
	}
	if c.ActiveTimeout == 0 {
		c.ActiveTimeout = h.def.ActiveTimeout
	}
	shake, err := h.newHandshake(&c)
	if err != nil {
		return nil, fmt.Errorf("upgrade at remote host %s: %w", h.def.Name, err)
	}
	if err := h.queue(ctx, &c); err != nil {
		return nil, err
	}
	socket, err := h.connect(ctx, &c, shake)
	if err != nil {
		h.slots.release()
		return nil, err
	}
	socket.Release = sync.OnceFunc(h.slots.release)
	return socket, nil
}

// queue waits for a place at the host.
func (h *Host) queue(ctx context.Context, c *Call) error {
	if h.slots.tryTake() {
		return nil
	}
	patience, cancel := context.WithTimeout(ctx, c.ActiveTimeout)
	defer cancel()
	err := h.slots.take(patience)
	switch {
	case err == nil:
		return nil
	case errors.Is(ctx.Err(), context.Canceled):
		return h.cancelled(ctx)
	}
	return h.fail(c, 503, fmt.Sprintf("all %d connections are in use", h.slots.limit), err)
}

// connect dials the host and shakes hands with it.
func (h *Host) connect(ctx context.Context, c *Call, shake *handshake) (*engine.Socket, error) {
	conn, err := h.dial(ctx, c)
	if err != nil {
		return nil, err
	}
	conn.SetDeadline(time.Now().Add(c.ActiveTimeout))
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	socket, err := shake.run(conn)
	switch {
	case !stop():
		err = h.ended(ctx, c, "the answer")
	case err == nil:
		err = conn.SetDeadline(time.Time{})
	}
	if err != nil {
		conn.Close()
		return nil, h.explain(c, err, conn)
	}
	socket.Host, socket.Address = h.def.Name, conn.RemoteAddr().String()
	return socket, nil
}

// explain makes of what went wrong with an answer an error that says with what
// status to refuse; errors that do already are left alone.
func (h *Host) explain(c *Call, err error, conn net.Conn) error {
	var refused *Refused
	var failed *Error
	switch {
	case errors.As(err, &refused):
		refused.Host, refused.Address = h.def.Name, conn.RemoteAddr().String()
		return err
	case errors.As(err, &failed), errors.Is(err, errCancelled):
		return err
	}
	status, what := plain("the answer", c.ActiveTimeout, err)
	return h.fail(c, status, what, err)
}

func (h *Host) fail(c *Call, status int, what string, err error) *Error {
	return &Error{Status: status, Host: h.def.Name, Address: h.address(c.TLS), What: what, Err: err}
}

// errCancelled marks that the caller no longer wants the socket.
var errCancelled = errors.New("cancelled")

func (h *Host) cancelled(ctx context.Context) error {
	return fmt.Errorf("upgrade at remote host %s: %w: %w", h.def.Name, errCancelled, context.Cause(ctx))
}

// ended is the error for a ctx that has ended: the caller has gone, or the time
// for the upgrade as a whole is up.
func (h *Host) ended(ctx context.Context, c *Call, step string) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return h.cancelled(ctx)
	}
	return h.fail(c, 504, step+" took longer than the upgrade may", context.Cause(ctx))
}

// handshake is an opening handshake that is ready to be sent, and what is
// needed to check the answer (RFC 6455 §4.1).
type handshake struct {
	head         []byte
	key          string
	subprotocols []string
	extensions   []wire.Extension
	deflate      *wire.DeflateTerms // what the gateway wants where extensions are its own offer
}

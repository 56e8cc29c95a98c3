package remotehosts

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strconv"
	"time"

	"framegate/engine"
	"framegate/engine/wire"
)

// Host is one remote host, ready to be dialled. It is safe for use by many
// sessions at once.
type Host struct {
	def   Definition
	pems  [sha256.Size]byte // of the texts of the files of `tls:`
	tls   *tls.Config
	slots *slots
	clock clock
	pool  *pool
	life  life
	http  *client

	declared bool // in the configuration
}

// newHost makes the host of a definition. With an error, the host is there to
// be found by its name, but not to be dialled.
func newHost(def Definition, files fs.FS, c clock) (*Host, *DefinitionError) {
	h := &Host{def: def, slots: newSlots(def.MaxConnections), clock: c}
	h.pool, h.http = newPool(&h.def, c.now), newClient(h)
	identity, err := readIdentity(&h.def, files)
	if err != nil {
		return h, err
	}
	h.pems, h.tls = identity.digest, newTLS(&h.def, identity)
	return h, nil
}

// Definition is what the configuration says of the host; the defaults for one
// that is dialled as it stands.
func (h *Host) Definition() Definition { return h.def }

// Connections tells how many connections are open to the host, and how many
// upgrades wait for one. Hosts that are dialled as they stand are counted together.
func (h *Host) Connections() (open, waiting int) { return h.slots.counts() }

// StickyKey is what balancing: sticky goes by for a message; empty with another
// balancing.
func (h *Host) StickyKey(m *engine.Message) (string, error) { return h.def.StickyKey.String(m) }

// port is the port to dial.
func (h *Host) port(secure bool) int {
	if h.def.Port == 0 {
		return defaultPort(secure)
	}
	return h.def.Port
}

// address is what the host is called in errors that are about none of its
// addresses alone.
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

// connect dials an address of the host and shakes hands with it. Sent tells
// whether it may have seen the request.
func (h *Host) connect(ctx context.Context, c *Call, shake *handshake, address string) (socket *engine.Socket, sent bool, err error) {
	conn, err := h.dial(ctx, c, address)
	if err != nil {
		return nil, false, at(address, h.dialError(ctx, c, err))
	}
	over := within(ctx, conn, c.ActiveTimeout)
	socket, err = shake.run(conn)
	switch {
	case over():
		err = h.ended(ctx, c, "the answer")
	case err == nil:
		err = conn.SetDeadline(time.Time{})
	}
	if err != nil {
		conn.Close()
		return nil, true, at(address, h.explain(c, err))
	}
	socket.Host, socket.Address = h.def.Name, address
	return socket, true, nil
}

// within makes what is read and written end after a time, or with ctx. It
// returns how to ask, once, whether ctx has ended; from then on it means nothing.
func within(ctx context.Context, conn net.Conn, limit time.Duration) (over func() bool) {
	until := time.Now().Add(limit)
	at, alone := engine.EndsAt(ctx)
	if alone && at.Before(until) {
		until = at
	}
	conn.SetDeadline(until)
	if alone {
		return func() bool { return ctx.Err() != nil }
	}
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	return func() bool { return !stop() }
}

// at makes an error name the address that was asked.
func at(address string, err error) error {
	var refused *Refused
	var failed *Error
	switch {
	case errors.As(err, &refused):
		refused.Address = address
	case errors.As(err, &failed):
		failed.Address = address
	}
	return err
}

// explain makes of what went wrong with an answer an error that says with what
// status to refuse; errors that do already are left alone.
func (h *Host) explain(c *Call, err error) error {
	var refused *Refused
	var failed *Error
	switch {
	case errors.As(err, &refused):
		refused.Host = h.def.Name
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
	return fmt.Errorf("waiting for remote host %s: %w: %w", h.def.Name, errCancelled, context.Cause(ctx))
}

// gone tells whether a ctx has ended because nobody waits any more, and not
// because time is up.
func gone(ctx context.Context) bool {
	return errors.Is(ctx.Err(), context.Canceled) && !isTimeout(context.Cause(ctx))
}

// ended is the error for a ctx that has ended: the caller has gone, or the time
// for the upgrade as a whole is up.
func (h *Host) ended(ctx context.Context, c *Call, step string) error {
	if gone(ctx) {
		return h.cancelled(ctx)
	}
	whole := "the upgrade may"
	switch {
	case context.Cause(ctx) == errTooLong:
		whole = fmt.Sprintf("%s (transactionTimeout)", h.def.TransactionTimeout)
	case c.plain:
		whole = "the request may"
	}
	return h.fail(c, 504, step+" took longer than "+whole, context.Cause(ctx))
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

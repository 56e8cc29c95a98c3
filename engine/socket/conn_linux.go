package socket

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// Conn is a TCP connection. It is a [net.Conn] whose reads and writes go to the
// kernel without telling Go's scheduler: they never block, and a machine under
// load otherwise takes the processor away from the goroutine for each of them.
//
// Go's poller learns of a connection when something has to wait for it. Until
// then it is its descriptor and nothing else: many connections are opened, found
// ready each time they are looked at, parked, and closed.
type Conn struct {
	fd     int
	users  atomic.Int32 // of the descriptor, and [closing] once the connection is closed
	inq    atomic.Bool
	remote netip.AddrPort
	polled atomic.Pointer[polled] // nil: nothing has waited yet

	lot    *Lot       // where it waits at first; nil: nowhere
	mu     sync.Mutex // held to become polled; guards what follows
	waits  uint8      // how often it has waited in the lot
	known  bool       // the lot's set has the descriptor
	unset  *Options   // those that it does not have yet; nil: it has them
	waiter *waiter    // in the lot
	until  [2]int64   // when reading and writing end, unix nanoseconds; 0: never. Once polled the poller has it
}

// The two ways of waiting.
const (
	reading = iota
	writing
)

// newConn takes a descriptor that does not block over.
func newConn(fd int, remote netip.AddrPort, lot *Lot) *Conn {
	return &Conn{fd: fd, remote: remote, lot: lot}
}

// SyscallConn gives access to the descriptor and to waiting for it.
func (c *Conn) SyscallConn() (syscall.RawConn, error) { return (*rawConn)(c), nil }

// TellsRest reports whether recvmsg(2) tells how many bytes are left, and that a
// FIN is (TCP_INQ, tcp(7)).
func (c *Conn) TellsRest() bool { return c.inq.Load() }

// Read reads what is there, or waits for it. Errors are [net.Error]s.
func (c *Conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	t := takeTransfer(p)
	err := c.waitFirst(reading, t.read)
	n, err := t.end(err)
	switch {
	case err != nil:
		return n, c.fail("read", err)
	case c.isClosed(): // what the peer answers to our FIN must not pass for what it had to say
		return 0, c.fail("read", net.ErrClosed)
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// TryRead reads what is there. It returns 0 and no error where nothing is, yet.
func (c *Conn) TryRead(p []byte) (int, error) {
	t := takeTransfer(p)
	err := c.control(t.tryRead)
	waits := t.waits
	n, err := t.end(err)
	switch {
	case err != nil:
		return n, c.fail("read", err)
	case n == 0 && !waits:
		return 0, io.EOF
	}
	return n, nil
}

// TryWrite writes what the kernel takes of p without waiting for the peer.
func (c *Conn) TryWrite(p []byte) (int, error) {
	t := takeTransfer(p)
	err := c.control(t.tryWrite)
	n, err := t.end(err)
	if err != nil {
		return n, c.fail("write", err)
	}
	return n, nil
}

// Write writes all of p. Errors are [net.Error]s.
func (c *Conn) Write(p []byte) (int, error) {
	t := takeTransfer(p)
	err := c.wait(writing, t.write)
	n, err := t.end(err)
	if err != nil {
		return n, c.fail("write", err)
	}
	return n, nil
}

// fail makes the error what package net would: crypto/tls and fasthttp tell by
// it whether a time limit is over, which for them is no broken connection.
func (c *Conn) fail(op string, err error) error {
	if path, ok := errors.AsType[*os.PathError](err); ok {
		err = path.Err
	}
	if c.isClosed() {
		err = net.ErrClosed
	}
	if errno, ok := err.(syscall.Errno); ok {
		err = os.NewSyscallError(op, errno)
	}
	return &net.OpError{Op: op, Net: "tcp", Addr: c.RemoteAddr(), Err: err}
}

// CloseWrite sends a FIN; what the peer still sends can be read.
func (c *Conn) CloseWrite() error {
	var errno syscall.Errno
	err := c.control(func(fd uintptr) {
		_, _, errno = syscall.RawSyscall(syscall.SYS_SHUTDOWN, fd, syscall.SHUT_WR, 0)
	})
	if err == nil && errno != 0 {
		err = errno
	}
	if err != nil {
		return c.fail("shutdown", err)
	}
	return nil
}

// Addr is the peer's address.
func (c *Conn) Addr() netip.AddrPort { return c.remote }

// RemoteAddr is the peer's address.
func (c *Conn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }

// LocalAddr asks the kernel for the connection's own address.
func (c *Conn) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(c.own()) }

func (c *Conn) own() (own netip.AddrPort) {
	c.control(func(fd uintptr) { own = ownOf(fd) })
	return own
}

// ownOf is a socket's own address.
func ownOf(fd uintptr) netip.AddrPort {
	var own rawAddr
	own.length = uint32(unsafe.Sizeof(own.any))
	syscall.RawSyscall(syscall.SYS_GETSOCKNAME, fd, uintptr(unsafe.Pointer(&own.any)), uintptr(unsafe.Pointer(&own.length)))
	return own.addrPort()
}

// SetDeadline sets when reading and writing end.
func (c *Conn) SetDeadline(t time.Time) error {
	if p := c.polled.Load(); p != nil {
		return p.file.SetDeadline(t)
	}
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline sets when reading ends.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.setDeadline(reading, t) }

// SetWriteDeadline sets when writing ends.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.setDeadline(writing, t) }

package socket

import (
	"context"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
	"unsafe"
)

// Dial connects to an address, until a deadline, which may be zero, or ctx's end.
// Errors are [*net.OpError]s; that of a ctx that ended wraps its cause.
func Dial(ctx context.Context, to netip.AddrPort, deadline time.Time, o Options) (*Conn, error) {
	c, err := dial(ctx, to, deadline, o)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: net.TCPAddrFromAddrPort(to), Err: err}
	}
	return c, nil
}

func dial(ctx context.Context, to netip.AddrPort, deadline time.Time, o Options) (*Conn, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	var address rawAddr
	if err := address.put(to); err != nil {
		return nil, err
	}
	fd, _, errno := syscall.RawSyscall(syscall.SYS_SOCKET, uintptr(address.any.Addr.Family), syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if errno != 0 {
		return nil, os.NewSyscallError("socket", errno)
	}
	c := newConn(int(fd), to, o.Lot)
	c.unset = &o
	var err error
	if o.Lot == nil {
		err = c.Settle()
	}
	if err == nil {
		errno = address.connect(fd)
		if errno == syscall.EINPROGRESS { // and often done meanwhile, where the host is near
			errno = address.connect(fd)
		}
		if pending(errno) {
			err = nil
		} else if errno != 0 {
			err = os.NewSyscallError("connect", errno)
		}
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	if errno == 0 && to.Addr().IsLoopback() && ownOf(fd) == to {
		c.Close()
		return nil, os.NewSyscallError("connect", syscall.ECONNREFUSED) // nobody listens, and the kernel has given the socket that very port
	}
	if pending(errno) {
		later := address
		if err := c.connected(ctx, deadline, &later); err != nil {
			c.Close()
			return nil, err
		}
	}
	return c, nil
}

// connect begins to connect, or asks how that went (connect(2)).
func (a *rawAddr) connect(fd uintptr) syscall.Errno {
	for {
		_, _, errno := syscall.RawSyscall(syscall.SYS_CONNECT, fd, uintptr(unsafe.Pointer(&a.any)), uintptr(a.length))
		switch errno {
		case syscall.EINTR:
		case syscall.EISCONN:
			return 0
		default:
			return errno
		}
	}
}

func pending(errno syscall.Errno) bool {
	return errno == syscall.EINPROGRESS || errno == syscall.EALREADY
}

// connected waits until the connection is there.
func (c *Conn) connected(ctx context.Context, deadline time.Time, to *rawAddr) error {
	if err := c.SetWriteDeadline(deadline); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { c.SetWriteDeadline(time.Unix(1, 0)) })
	var errno syscall.Errno
	err := c.waitFirst(writing, func(fd uintptr) bool {
		errno = to.connect(fd)
		return !pending(errno)
	})
	if !stop() {
		return context.Cause(ctx)
	}
	switch {
	case err != nil:
		return c.fail("connect", err).(*net.OpError).Err
	case errno != 0:
		return os.NewSyscallError("connect", errno)
	}
	return c.SetWriteDeadline(time.Time{})
}

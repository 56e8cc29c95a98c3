package socket

import (
	"context"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// Listener accepts connections, which have the options from their first byte on.
type Listener struct {
	file *os.File
	raw  syscall.RawConn
	addr net.Addr
	inq  bool
	lot  *Lot
	gone atomic.Bool
	peer rawAddr
	fd   int
	err  syscall.Errno
	take func(fd uintptr) bool
}

// Listen listens on a TCP address; see [net.Listen].
func Listen(address string, o Options) (*Listener, error) {
	var config net.ListenConfig
	config.SetMultipathTCP(false) // whose connections would not inherit the options
	ln, err := config.Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, err
	}
	defer ln.Close()
	l := &Listener{addr: ln.Addr(), lot: o.Lot}
	l.take = l.accept
	if l.file, err = ln.(*net.TCPListener).File(); err != nil { // as package net lets nobody else accept
		return nil, err
	}
	if l.raw, err = l.file.SyscallConn(); err == nil {
		refused := l.raw.Control(func(fd uintptr) { l.inq, err = o.set(int(fd)) })
		if err == nil {
			err = refused
		}
	}
	if err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// Addr is where it listens.
func (l *Listener) Addr() net.Addr { return l.addr }

// SyscallConn gives access to the descriptor.
func (l *Listener) SyscallConn() (syscall.RawConn, error) { return l.raw, nil }

// Close ends listening and a waiting AcceptConn.
func (l *Listener) Close() error {
	l.gone.Store(true)
	return l.file.Close()
}

// AcceptConn waits for the next connection. Only one goroutine may do so. After
// [Listener.Close] the error is [net.ErrClosed].
func (l *Listener) AcceptConn() (*Conn, error) {
	if err := l.raw.Read(l.take); err != nil {
		return nil, l.fail(err)
	}
	if l.err != 0 {
		return nil, l.fail(os.NewSyscallError("accept4", l.err))
	}
	c := newConn(l.fd, l.peer.addrPort(), l.lot)
	c.inq.Store(l.inq)
	return c, nil
}

func (l *Listener) fail(err error) error {
	if l.gone.Load() {
		err = net.ErrClosed
	}
	return &net.OpError{Op: "accept", Net: "tcp", Addr: l.addr, Err: err}
}

// accept accepts once, unless there is nobody.
func (l *Listener) accept(fd uintptr) bool {
	for {
		l.peer.length = uint32(unsafe.Sizeof(l.peer.any))
		n, _, errno := syscall.RawSyscall6(syscall.SYS_ACCEPT4, fd, uintptr(unsafe.Pointer(&l.peer.any)), uintptr(unsafe.Pointer(&l.peer.length)), syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0, 0)
		switch errno {
		case syscall.EINTR, syscall.ECONNABORTED: // the client was gone before its turn came
		case syscall.EAGAIN:
			return false
		default:
			l.fd, l.err = int(n), errno
			return true
		}
	}
}

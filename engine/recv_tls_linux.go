package engine

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"syscall"
	"unsafe"
)

// A TLS connection waits as a TCP connection does, without a buffer and in the end
// without a goroutine: crypto/tls reads through the [pollConn], which within the poller's callback takes what is there and says that reading
// would block where nothing is. To crypto/tls that is an error that passes; a
// record half read stays with it.

// errWouldBlock is a [net.Error] that is temporary: crypto/tls goes on after it.
type errWouldBlock struct{}

func (errWouldBlock) Error() string   { return "nothing to read now" }
func (errWouldBlock) Timeout() bool   { return true }
func (errWouldBlock) Temporary() bool { return true }

var _ net.Error = errWouldBlock{}

// attachTLS is attach for a TLS connection.
func (l *leg) attachTLS(conn *tls.Conn) {
	inner, ok := conn.NetConn().(interface{ poll() *pollConn })
	if !ok {
		return
	}
	tcp, ok := inner.poll().Conn.(syscall.Conn)
	if !ok {
		return
	}
	if raw, err := tcp.SyscallConn(); err == nil {
		l.raw, l.sealed = raw, true
	}
}

// readableTLS is readable through crypto/tls.
func (p *pump) readableTLS(fd uintptr) bool {
	inner := p.src.conn.(*tls.Conn).NetConn().(interface{ poll() *pollConn }).poll()
	inner.within = int32(fd) + 1
	defer func() { inner.within = 0 }()
	p.wakes++
	for {
		if p.s.halted.Load() {
			p.err = errStopped
			return true
		}
		b := takeBuffer(false)
		n, err := p.src.conn.Read(b.b[headroom:])
		if n > 0 {
			if failed := p.consume(b.b, n, false); failed != nil {
				err = failed
			}
		}
		giveBuffer(b)
		blocked := errors.Is(err, errWouldBlock{})
		if blocked || err == io.EOF { // what was put together so far
			if failed := p.flush(); failed != nil {
				err, blocked = failed, false
			}
		}
		switch {
		case blocked:
			return false
		case err != nil:
			p.err = err
			return true
		}
	}
}

// readNow reads what is there.
func (c *pollConn) readNow(p []byte) (int, error) {
	for {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(c.within-1), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), syscall.MSG_DONTWAIT, 0, 0)
		switch {
		case errno == syscall.EINTR:
			continue
		case errno == syscall.EAGAIN:
			return 0, errWouldBlock{}
		case errno != 0:
			return 0, errno
		case n == 0:
			return 0, io.EOF
		}
		return int(n), nil
	}
}
